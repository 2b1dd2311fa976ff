//! The signals the host receives, all of them reported and none obeyed: the program decides.
use crate::protocol::{Report, Reports};
use crate::sys;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{Builder, JoinHandle};
use tokio::io::unix::AsyncFd;

/// Linux numbers, the same on every machine that the host is built for.
const NAMES: [(&str, i32); 31] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];

/// The first real-time signal that a C library leaves to programs, named as in `src/core/exit.ts`.
const FIRST_REAL_TIME: i32 = 34;
const LAST_REAL_TIME: i32 = 64;

/// The number of a signal such as `SIGTERM` or `SIGRTMIN+1`, if there is one of that name.
pub fn number_of(name: &str) -> Option<i32> {
    if let Some(rest) = name.strip_prefix("SIGRTMIN") {
        let offset = match rest.strip_prefix('+') {
            Some(digits) => digits.parse::<u8>().ok()?,
            None if rest.is_empty() => 0,
            None => return None,
        };
        let number = FIRST_REAL_TIME + i32::from(offset);
        return (number <= LAST_REAL_TIME).then_some(number);
    }
    let found = NAMES.iter().find(|(it, _)| *it == name);
    found.map(|(_, number)| *number)
}

/// The name of a signal; `None` for 32 and 33, which belong to the C libraries.
pub fn name_of(number: i32) -> Option<String> {
    match number {
        FIRST_REAL_TIME => Some("SIGRTMIN".into()),
        35..=LAST_REAL_TIME => Some(format!("SIGRTMIN+{}", number - FIRST_REAL_TIME)),
        _ => {
            let found = NAMES.iter().find(|(_, it)| *it == number);
            found.map(|(name, _)| (*name).into())
        }
    }
}

/// Blocks what `watch` reads. To be called before any thread starts.
pub fn block() {
    sys::block_signals();
}

/// Starts a thread that leaves all signals to `watch`: one that had a signal open would obey it.
pub fn start_thread(
    name: &str,
    stack_bytes: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.into()).stack_size(stack_bytes);
    let started = thread.spawn(|| {
        sys::block_signals();
        work();
    });
    sys::block_signals();
    started
}

/// Takes over all signals, and returns what has to run for that: it reports each signal meant for the
/// command, and hands over each child that has ended, by its pid and its raw status.
///
/// Left out, as tini does, are the signals by which the kernel tells of a fault of the host itself
/// (ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS): they are not blocked. SIGPIPE tells of the host's own
/// pipes. To block the rest is also what keeps the default away: SIGTSTP does not stop the host
/// while its command runs on.
pub fn watch(reports: Reports, reaped: impl Fn(i32, i32)) -> io::Result<impl Future<Output = ()>> {
    let signals = sys::readable(sys::open_signals()?)?;
    Ok(take(signals, reports, reaped))
}

async fn take(signals: AsyncFd<OwnedFd>, reports: Reports, reaped: impl Fn(i32, i32)) {
    while let Ok(mut ready) = signals.readable().await {
        while let Some(number) = sys::next_signal(signals.as_fd()) {
            match name_of(number) {
                // Several ends may make one signal.
                _ if number == libc::SIGCHLD => reap(&reaped),
                Some(signal) => reports.tell(Report::Signalled { signal }),
                None => {}
            }
        }
        ready.clear_ready();
    }
}

fn reap(reaped: impl Fn(i32, i32)) {
    while let Some((pid, status)) = sys::reap() {
        reaped(pid, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for number in (1..=31).chain(34..=64) {
            let name = name_of(number).unwrap();
            assert_eq!(number_of(&name), Some(number), "{name}");
        }
        assert_eq!(name_of(34).as_deref(), Some("SIGRTMIN"));
        assert_eq!(name_of(35).as_deref(), Some("SIGRTMIN+1"));
        assert_eq!(number_of("SIGRTMIN+0"), Some(34));
        for number in [0, 32, 33, 65] {
            assert_eq!(name_of(number), None, "{number}");
        }
        for name in [
            "",
            "TERM",
            "SIGRTMIN+31",
            "SIGRTMIN1",
            "SIGRTMIN+",
            "SIGRTMAX",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }
}
