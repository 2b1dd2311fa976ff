//! Every `unsafe` line of the host, here and below: thin, safe wrappers around system calls.
#![allow(unsafe_code)]
use std::ffi::{CStr, CString, c_char, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

mod bytecode;
mod exec;
mod signals;

pub use bytecode::load_module;
pub use exec::{Image, exec, spawn, spawn_silent};
pub use signals::{block_signals, next_signal, open_signals};

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: a new descriptor that nobody else owns.
    checked(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Nanoseconds since boot, suspension included.
pub fn boottime_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes one timespec; the clock exists since Linux 2.6.39.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A timer on CLOCK_BOOTTIME, not armed; reading it never blocks.
pub fn open_timer() -> io::Result<OwnedFd> {
    let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
    // SAFETY: no pointers.
    owned(unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME, flags) })
}

/// Has the runtime of this thread tell when a descriptor becomes readable.
pub fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: what is registered owns the descriptor, which is open as long as it is registered.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? })
}

/// Has a timer fire at that instant; 0 disarms it.
pub fn set_timer(timer: BorrowedFd<'_>, at_ns: u64) {
    let value = libc::timespec {
        tv_sec: (at_ns / 1_000_000_000) as _,
        tv_nsec: (at_ns % 1_000_000_000) as _,
    };
    let interval = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let spec = libc::itimerspec {
        it_interval: interval,
        it_value: value,
    };
    // SAFETY: the kernel reads one itimerspec.
    unsafe {
        libc::timerfd_settime(
            timer.as_raw_fd(),
            libc::TFD_TIMER_ABSTIME,
            &spec,
            null_mut(),
        )
    };
}

/// Takes the count out of a timer or a bell, so that it is readable again only when it fires again.
pub fn clear_timer(timer: RawFd) {
    let mut count = [0u8; 8];
    // SAFETY: the buffer has the eight bytes that the kernel writes.
    unsafe { libc::read(timer, count.as_mut_ptr().cast(), count.len()) };
}

/// A bell between threads: readable once it was rung. Neither ringing nor clearing it blocks.
pub fn open_bell() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

pub fn ring(bell: BorrowedFd<'_>) {
    write(bell, &1u64.to_ne_bytes()).ok();
}

/// Waits until one of the two is readable.
pub fn wait_readable(first: BorrowedFd<'_>, second: BorrowedFd<'_>) -> io::Result<()> {
    let mut waited = [first, second].map(|it| libc::pollfd {
        fd: it.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: the kernel reads and writes the two pollfds.
    checked(unsafe { libc::poll(waited.as_mut_ptr(), 2, -1) }).map(drop)
}

/// Fills the buffer with random bytes of the kernel.
pub fn random(buffer: &mut [u8]) -> io::Result<()> {
    // SAFETY: the kernel writes at most the length of the buffer; up to 256 bytes come whole.
    let count = unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    if count == buffer.len() as isize {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The host's standard error; open for life, since Rust opens `/dev/null` where it was closed.
pub fn standard_error() -> BorrowedFd<'static> {
    // SAFETY: nothing of the host closes it, but for an instant on the way to an exec.
    unsafe { BorrowedFd::borrow_raw(2) }
}

/// One write(2); how many bytes it took.
pub fn write(target: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads the bytes.
    let count = unsafe { libc::write(target.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// One send(2) that waits for nobody, whether the socket is non-blocking or not.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let target = socket.as_raw_fd();
    // SAFETY: the kernel reads the bytes.
    let count = unsafe { libc::send(target, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// The type of an open file: `S_IFSOCK`, `S_IFIFO` and so on.
pub fn file_type(file: BorrowedFd<'_>) -> io::Result<libc::mode_t> {
    // SAFETY: all zeros is a stat, and the kernel writes one.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    checked(unsafe { libc::fstat(file.as_raw_fd(), &mut stat) })?;
    Ok(stat.st_mode & libc::S_IFMT)
}

pub fn is_non_blocking(file: BorrowedFd<'_>) -> bool {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

/// Whether this user may execute the file.
pub fn check_executable(file: &CStr) -> io::Result<()> {
    // SAFETY: the kernel reads up to the zero byte.
    checked(unsafe { libc::access(file.as_ptr(), libc::X_OK) }).map(drop)
}

/// The variables of the host byte by byte: also those that are no `NAME=value`.
pub fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let mut variables = Vec::new();
    // SAFETY: a list of strings that ends with a null; nothing of the host changes it.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            variables.push(CStr::from_ptr(*at).to_owned());
            at = at.add(1);
        }
    }
    variables
}

/// kill(2); a negative number means a group, and -1 everybody.
pub fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: no pointers.
    checked(unsafe { libc::kill(target, signal) }).map(drop)
}

/// One child that has ended, orphans included, and its raw status: real-time signals are in it too.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: the kernel writes one int.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
    (pid > 0).then_some((pid, status))
}

/// Orphans among the descendants become children of this process, to be found and reaped.
pub fn adopt_orphans(is_wanted: bool) -> io::Result<()> {
    // SAFETY: no pointers.
    checked(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, c_ulong::from(is_wanted)) })
        .map(drop)
}
