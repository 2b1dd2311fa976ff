//! What `/proc` says about the processes of this PID namespace.
use crate::protocol::StartProblem;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// One process; its pid and start together are never used again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
    pub group: i32,
    /// False for a zombie, and for a kernel thread: there is nothing to kill.
    pub is_alive: bool,
    /// Clock ticks (10 ms) since boot.
    pub start_ticks: u64,
    /// Has no environment yet: it is in the middle of an exec.
    pub is_bare: bool,
}

/// Why processes cannot be followed here, if `/proc` is missing or shows another PID namespace.
pub fn find_proc_problem() -> Option<StartProblem> {
    let own = std::process::id().to_string();
    // Not mounted, or mounted for a namespace that does not hold this process.
    let shown = fs::read_link("/proc/self").unwrap_or_else(|_| "nothing".into());
    let shown = shown.to_string_lossy();
    let message =
        format!("Cannot follow the command's processes: /proc/self is \"{shown}\", not \"{own}\"");
    (shown != own).then(|| StartProblem {
        errno: "ENOENT".into(),
        message,
    })
}

/// All pids, the newest first: what forks and ends quickly is found only right after listing.
pub fn list_pids() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|it| it.parse::<i32>().ok()),
        );
    }
    pids.reverse();
    Ok(pids)
}

/// Reads one process, zombies included; `None` when it is gone.
pub fn read_process(pid: i32) -> io::Result<Option<Process>> {
    // Far more than any `stat` line.
    let mut buffer = [0; 2048];
    let path = format!("/proc/{pid}/stat");
    Ok(read_into(&mut buffer, path)?.and_then(|text| parse_stat(pid, text)))
}

/// What a `stat` line says, as proc(5) counts its fields.
pub fn parse_stat(pid: i32, line: &[u8]) -> Option<Process> {
    // The name is the only field that may hold spaces and parentheses.
    let name_end = line.iter().rposition(|it| *it == b')')?;
    let text = std::str::from_utf8(&line[name_end + 1..]).ok()?;
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let text_of = |number: usize| fields.get(number - 3).copied();
    let field = |number| text_of(number)?.parse::<i64>().ok();
    let is_kernel_thread = field(9)? & 0x0020_0000 != 0;
    // A zombie with threads is one whose first thread ended before the others: it still runs.
    let is_zombie = text_of(3)?.starts_with(['Z', 'X', 'x']) && field(20)? <= 1;
    Some(Process {
        pid,
        parent: field(4)? as i32,
        group: field(5)? as i32,
        session: field(6)? as i32,
        is_alive: !is_zombie && !is_kernel_thread,
        start_ticks: field(22)? as u64,
        // An address may need all of its 64 bits.
        is_bare: text_of(51) == Some("0"),
    })
}

/// What looking for a mark in an environment found.
#[derive(Debug, PartialEq)]
pub enum Marked {
    Yes,
    No,
    /// There are no variables: it may be in the middle of an exec.
    Empty,
}

/// Looks for `NAME=value` among the variables of a process; a piece at a time, for an environment
/// may be of megabytes. That of somebody else, or of a process that is gone, has none.
pub fn find_mark(pid: i32, mark: &[u8]) -> io::Result<Marked> {
    let path = format!("/proc/{pid}/environ");
    let found = File::open(path).and_then(|it| search(it, mark));
    Ok(absent_as_none(found)?.unwrap_or(Marked::No))
}

pub fn search(mut variables: impl Read, mark: &[u8]) -> io::Result<Marked> {
    let mut piece = [0; 4096];
    // How much of the mark the variable read last begins with; `None` once it differs.
    let mut matched = Some(0);
    let mut is_empty = true;
    loop {
        let count = variables.read(&mut piece)?;
        if count == 0 {
            return Ok(if is_empty { Marked::Empty } else { Marked::No });
        }
        is_empty = false;
        for byte in &piece[..count] {
            // Each variable ends with a zero byte.
            if *byte == 0 {
                if matched == Some(mark.len()) {
                    return Ok(Marked::Yes);
                }
                matched = Some(0);
            } else {
                matched = matched
                    .filter(|at| mark.get(*at) == Some(byte))
                    .map(|at| at + 1);
            }
        }
    }
}

/// The pid given last in this namespace: where it did not change, no process was created.
pub fn read_last_pid() -> io::Result<Option<i32>> {
    let mut buffer = [0; 128];
    let text = read_into(&mut buffer, "/proc/loadavg")?.unwrap_or_default();
    let last = text.trim_ascii().rsplit(|it| *it == b' ').next();
    Ok(last.and_then(|it| std::str::from_utf8(it).ok()?.parse().ok()))
}

/// Whether a thread of the process is in uninterruptible sleep, where not even SIGKILL ends it.
pub fn is_stuck(pid: i32) -> bool {
    let Ok(mut threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.any(|thread| {
        let mut buffer = [0; 2048];
        let path = thread.map(|it| it.path().join("stat"));
        let line = path.and_then(|it| read_into(&mut buffer, it));
        line.is_ok_and(|it| it.is_some_and(is_uninterruptible))
    })
}

fn is_uninterruptible(stat: &[u8]) -> bool {
    let name_end = stat.iter().rposition(|it| *it == b')');
    name_end.is_some_and(|at| stat[at..].starts_with(b") D "))
}

/// A single read, which gives the whole of what `/proc` has, as far as there is room; `None` where
/// the process is gone or may not be looked at.
fn read_into(buffer: &mut [u8], path: impl AsRef<Path>) -> io::Result<Option<&[u8]>> {
    let count = absent_as_none(File::open(path).and_then(|mut it| it.read(buffer)))?;
    Ok(count.map(|it| &buffer[..it]))
}

/// ESRCH is what reading says when the process ended after the opening.
fn absent_as_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, state: &str, flags: u32, threads: u32, env_end: &str) -> String {
        let fields = "0 0 0 0 0 0 0 0 20 0";
        let rest = (23..51).map(|_| "1").collect::<Vec<_>>().join(" ");
        format!(
            "7 ({name}) {state} 2 3 4 34816 -1 {flags} {fields} {threads} 0 99 {rest} {env_end} 0\n"
        )
    }

    #[test]
    fn reads_a_line_whatever_the_name_is() {
        for name in ["sh", "a b", "a) R 1 (", "", ")", "(x", "\u{e9}"] {
            let process = parse_stat(7, line(name, "S", 0, 1, "18446744073709551615").as_bytes());
            let expected = Process {
                pid: 7,
                parent: 2,
                group: 3,
                session: 4,
                is_alive: true,
                start_ticks: 99,
                is_bare: false,
            };
            assert_eq!(process, Some(expected), "{name}");
        }
    }

    #[test]
    fn tells_the_living_from_the_dead() {
        let alive = |state, flags, threads| {
            parse_stat(7, line("sh", state, flags, threads, "0").as_bytes())
                .unwrap()
                .is_alive
        };
        assert!(alive("R", 0, 1) && alive("T", 0, 1) && alive("D", 0, 1));
        assert!(alive("Z", 0, 2), "its other threads run");
        assert!(!alive("Z", 0, 1) && !alive("X", 0, 1));
        assert!(!alive("S", 0x0020_0000, 1), "a kernel thread");
    }

    #[test]
    fn makes_nothing_of_a_line_that_is_cut() {
        for text in ["", "7", "7 (sh", "7 (sh)", "7 (sh) S 1 2"] {
            assert_eq!(parse_stat(7, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn finds_a_mark_only_where_it_is_a_variable() {
        let find = |text: &[u8]| search(text, b"TERM_ID=12").unwrap();
        assert_eq!(find(b"A=1\0TERM_ID=12\0B=2\0"), Marked::Yes);
        assert_eq!(find(b"TERM_ID=12\0"), Marked::Yes);
        assert_eq!(find(b"TERM_ID=123\0"), Marked::No);
        assert_eq!(find(b"XTERM_ID=12\0"), Marked::No);
        assert_eq!(find(b"TERM_ID=12"), Marked::No, "it may go on");
        assert_eq!(find(b"A=TERM_ID=12\0"), Marked::No);
        assert_eq!(find(b""), Marked::Empty);
        let long = [vec![b'x'; 4090], b"\0TERM_ID=12\0".to_vec()].concat();
        assert_eq!(find(&long), Marked::Yes, "across two pieces");
    }

    #[test]
    fn reads_itself() {
        let own = std::process::id() as i32;
        let process = read_process(own).unwrap().unwrap();
        assert!(process.is_alive && !process.is_bare);
        assert!(list_pids().unwrap().contains(&own));
        assert!(read_last_pid().unwrap().is_some());
        assert_eq!(read_process(1 << 30).unwrap(), None);
        assert_eq!(find_proc_problem(), None);
        assert!(!is_stuck(own));
        assert!(is_uninterruptible(b"7 (a) b) D 1") && !is_uninterruptible(b"7 (D ) S 1"));
    }
}
