//! From this program to another one: fork and exec.
use super::signals::{restore_adoption, restore_inherited, undo_restoring};
use super::{adopt_orphans, checked};
use std::ffi::{CStr, CString, c_char, c_ulong};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

/// What to execute. `shell_words` are for what the kernel takes for no program, as execvp(3) does.
pub struct Image {
    pub file: CString,
    pub words: Vec<CString>,
    pub shell_words: Vec<CString>,
    pub variables: Vec<CString>,
}

/// The same as pointers: between fork and exec nothing may be allocated.
struct Pointers([Vec<*const c_char>; 3]);

impl Pointers {
    fn of(image: &Image) -> Self {
        let list = |strings: &[CString]| {
            let pointers = strings.iter().map(|it| it.as_ptr());
            pointers.chain([null()]).collect::<Vec<_>>()
        };
        Self([
            list(&image.words),
            list(&image.shell_words),
            list(&image.variables),
        ])
    }

    /// Returns only with the number of an error.
    fn execute(&self, file: &CStr) -> i32 {
        let [words, shell_words, variables] = self.0.each_ref().map(|it| it.as_ptr());
        // SAFETY: strings that end with a zero byte, in lists that end with a null.
        unsafe { libc::execve(file.as_ptr(), words, variables) };
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
        if errno == libc::ENOEXEC {
            // SAFETY: as above.
            unsafe { libc::execve(c"/bin/sh".as_ptr(), shell_words, variables) };
        }
        errno
    }
}

/// Starts a process in a session of its own that dies with this thread. The error is that of the
/// fork or of the exec.
pub fn spawn(image: &Image) -> io::Result<i32> {
    spawn_on(image, None)
}

/// The same, with nothing to read and nowhere to write to.
pub fn spawn_silent(image: &Image) -> io::Result<i32> {
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    spawn_on(image, Some(null))
}

/// `streams` are in place of the host's three, if there are any.
fn spawn_on(image: &Image, streams: Option<File>) -> io::Result<i32> {
    let (mut news, teller) = io::pipe()?;
    let pointers = Pointers::of(image);
    let parent = std::process::id() as i32;
    // SAFETY: the child makes nothing but system calls until it executes or ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        unsafe {
            libc::setsid();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong);
            if libc::getppid() != parent {
                libc::_exit(128 + libc::SIGKILL);
            }
            restore_inherited();
            if let Some(streams) = &streams {
                for fd in 0..=2 {
                    libc::dup2(streams.as_raw_fd(), fd);
                }
            }
            let errno = pointers.execute(&image.file).to_ne_bytes();
            libc::write(teller.as_raw_fd(), errno.as_ptr().cast(), errno.len());
            libc::_exit(127);
        }
    }
    checked(pid)?;
    drop(teller);
    let mut errno = [0; 4];
    if news.read_exact(&mut errno).is_err() {
        return Ok(pid);
    }
    // SAFETY: the kernel writes nothing; the child has ended or is about to.
    unsafe { libc::waitpid(pid, null_mut(), 0) };
    Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
}

/// Replaces this process, as it was started; returns only with an error, and as it was before.
pub fn exec(image: &Image) -> io::Error {
    let pointers = Pointers::of(image);
    restore_adoption();
    let mask = restore_inherited();
    let errno = pointers.execute(&image.file);
    undo_restoring(mask);
    adopt_orphans(true).ok();
    io::Error::from_raw_os_error(errno)
}
