//! Masks and dispositions, and what the host was started with.
use super::{adopt_orphans, owned};
use std::ffi::c_ulong;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::null;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How the kernel wants a disposition; the C libraries hide signals 32 to 34 from their own forms.
#[repr(C)]
#[derive(Default)]
struct Action {
    handler: libc::sighandler_t,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

const MASK_BYTES: usize = size_of::<u64>();

fn disposition(signal: i32) -> libc::sighandler_t {
    let (mut action, none) = (Action::default(), null::<Action>());
    // SAFETY: the kernel writes one action; on failure it stays the default.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            none,
            &mut action,
            MASK_BYTES,
        )
    };
    action.handler
}

fn set_disposition(signal: i32, handler: libc::sighandler_t) {
    let action = Action {
        handler,
        ..Action::default()
    };
    // SAFETY: the kernel reads one action, which is to ignore or the default.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &action,
            null::<Action>(),
            MASK_BYTES,
        )
    };
}

/// This thread's blocked signals from now on, and before. Raw, because musl keeps 32 to 34 open.
fn set_mask(mask: u64) -> u64 {
    let (how, mut old) = (libc::SIG_SETMASK, 0u64);
    // SAFETY: the kernel reads and writes 64 bits each.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &mask, &mut old, MASK_BYTES) };
    old
}

/// The bit of a signal in a mask.
const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Everything but what cannot be blocked, what tells of a fault of the host, and SIGPIPE, which is
/// ignored: blocked, it would stay pending and end the command at an exec.
const BLOCKED: u64 = !(bit(libc::SIGKILL)
    | bit(libc::SIGSTOP)
    | bit(libc::SIGSEGV)
    | bit(libc::SIGBUS)
    | bit(libc::SIGFPE)
    | bit(libc::SIGILL)
    | bit(libc::SIGABRT)
    | bit(libc::SIGTRAP)
    | bit(libc::SIGSYS)
    | bit(libc::SIGPIPE));

/// Blocks the signals of the host in this thread. Every thread needs that at its start, and the first
/// one once more when it has started another: musl then opens 33 and 34.
pub fn block_signals() {
    set_mask(BLOCKED);
}

/// Takes over all signals, before any thread starts: blocked, and readable from what is returned.
/// SIGCHLD is put to its default: ignored, as some parent may have it, it would lose statuses.
pub fn open_signals() -> io::Result<OwnedFd> {
    block_signals();
    set_disposition(libc::SIGPIPE, libc::SIG_IGN);
    set_disposition(libc::SIGCHLD, libc::SIG_DFL);
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the kernel reads 64 bits.
    let fd = unsafe { libc::syscall(libc::SYS_signalfd4, -1, &BLOCKED, MASK_BYTES, flags) };
    owned(fd as libc::c_int)
}

/// The number of the next signal that has come.
pub fn next_signal(signals: BorrowedFd<'_>) -> Option<i32> {
    // SAFETY: all zeros is a siginfo, and the kernel writes whole ones.
    let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
    let size = size_of_val(&info);
    let count = unsafe { libc::read(signals.as_raw_fd(), (&raw mut info).cast(), size) };
    (count == size as isize).then_some(info.ssi_signo as i32)
}

/// What the host was started with and Rust's runtime changes before `main`: a command gets it back.
static INHERITED_MASK: AtomicU64 = AtomicU64::new(0);
static INHERITED_IGNORED: AtomicU64 = AtomicU64::new(0);
static CLOSED_STREAMS: AtomicU64 = AtomicU64::new(0);
static ADOPTED_ORPHANS: AtomicBool = AtomicBool::new(false);

// SAFETY: called once at the start by the C library, and only makes system calls.
#[used]
#[unsafe(link_section = ".init_array")]
static NOTE_INHERITED: extern "C" fn() = note_inherited;

extern "C" fn note_inherited() {
    let ignored = (1..=64).filter(|it| disposition(*it) == libc::SIG_IGN);
    INHERITED_IGNORED.store(ignored.map(bit).sum(), Relaxed);
    let mask = set_mask(!0);
    set_mask(mask);
    INHERITED_MASK.store(mask, Relaxed);
    // SAFETY: the kernel writes one int; no other pointers.
    let closed = (0..3).filter(|it| unsafe { libc::fcntl(*it, libc::F_GETFD) } < 0);
    CLOSED_STREAMS.store(closed.map(|it| 1 << it).sum(), Relaxed);
    let mut adopts: libc::c_int = 0;
    unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut adopts) };
    ADOPTED_ORPHANS.store(adopts != 0, Relaxed);
}

fn closed_streams() -> impl Iterator<Item = RawFd> {
    (0..3).filter(|it| CLOSED_STREAMS.load(Relaxed) & (1 << it) != 0)
}

/// As the host was started; returns the mask until then. Whatever else it has open is close-on-exec,
/// and it changes no limits.
pub fn restore_inherited() -> u64 {
    for signal in [libc::SIGPIPE, libc::SIGCHLD] {
        let is_ignored = INHERITED_IGNORED.load(Relaxed) & bit(signal) != 0;
        set_disposition(
            signal,
            if is_ignored {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            },
        );
    }
    // SAFETY: no pointers; these were opened by Rust's runtime, on `/dev/null`.
    for stream in closed_streams() {
        unsafe { libc::close(stream) };
    }
    set_mask(INHERITED_MASK.load(Relaxed))
}

pub fn undo_restoring(mask: u64) {
    set_mask(mask);
    // SAFETY: the string ends with a zero byte; an opening takes the lowest number that is free.
    for _ in closed_streams() {
        unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    }
    set_disposition(libc::SIGPIPE, libc::SIG_IGN);
    set_disposition(libc::SIGCHLD, libc::SIG_DFL);
}

/// Whether the host was started to adopt orphans: an exec would keep what it chose for itself.
pub fn restore_adoption() {
    adopt_orphans(ADOPTED_ORPHANS.load(Relaxed)).ok();
}
