//! Lines on their way into a file: a thread of its own writes, and the loop waits for nothing. A file
//! that is full becomes `FILE.1`, in place of the one before, so that two files are all there ever is.
use crate::command::errno;
use crate::signals::start_thread;
use crate::timer::{now, until};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A file is full from here on, and this much may wait for the disk.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
const MAX_WAITING_BYTES: u64 = 8 * 1024 * 1024;
/// The lease is released by then: a slow disk delays nothing but the end of the container.
const END_TIMEOUT_MS: f64 = 2000.0;
const STACK_BYTES: usize = 64 * 1024;

pub struct Tape(Arc<Desk>);

/// What the loop and the thread share.
struct Desk {
    file: PathBuf,
    max_bytes: u64,
    max_waiting_bytes: u64,
    state: Mutex<State>,
    has_work: Condvar,
    progress: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Lines>,
    /// Those being written included.
    waiting_bytes: u64,
    /// Of the file that the next line goes to, with the lines that wait for it.
    file_bytes: u64,
    is_busy: bool,
    /// Nothing more is written once there is one.
    failure: Option<String>,
}

/// Lines that go to one file.
struct Lines {
    bytes: Vec<u8>,
    /// They begin a new file.
    is_first: bool,
}

impl Tape {
    /// Leaves the opening to the thread.
    pub fn open(file: impl AsRef<Path>) -> Self {
        Self::with_limits(file.as_ref(), MAX_BYTES, MAX_WAITING_BYTES)
    }

    fn with_limits(file: &Path, max_bytes: u64, max_waiting_bytes: u64) -> Self {
        let state = State {
            is_busy: true,
            ..State::default()
        };
        let desk = Arc::new(Desk {
            file: file.into(),
            max_bytes,
            max_waiting_bytes,
            state: Mutex::new(state),
            has_work: Condvar::new(),
            progress: Notify::new(),
        });
        let writer = Arc::clone(&desk);
        let work = move || writer.turn_off_after(writer.write_for_ever());
        desk.turn_off_after(start_thread("recorder", STACK_BYTES, work).map(drop));
        Self(desk)
    }

    pub fn append(&self, line: String) {
        self.0.add(&line, false);
    }

    /// Begins a new file with this line.
    pub fn turn(&self, line: String) {
        self.0.add(&line, true);
    }

    /// Counts what was in the file before, once the thread has opened it.
    pub fn is_full(&self) -> bool {
        let state = self.0.state();
        state.failure.is_none() && state.file_bytes >= self.0.max_bytes
    }

    /// Why the recording has ended, if it has: the name of an error, or some words.
    pub fn failure(&self) -> Option<String> {
        self.0.state().failure.clone()
    }

    /// Waits for the last lines; false when the disk was too slow for them.
    pub async fn end(&self) -> bool {
        self.0
            .holds(END_TIMEOUT_MS, |it| !it.is_busy && it.waiting.is_empty())
            .await
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn holds(&self, timeout_ms: f64, condition: impl Fn(&State) -> bool) -> bool {
        let ends_at = now() + timeout_ms;
        while !condition(&self.state()) {
            if until(ends_at, self.progress.notified()).await.is_none() {
                return false;
            }
        }
        true
    }

    fn add(&self, text: &str, is_first: bool) {
        let mut state = self.state();
        if state.failure.is_some() {
            return;
        }
        let size = text.len() as u64 + 1;
        state.waiting_bytes += size;
        state.file_bytes = if is_first {
            size
        } else {
            state.file_bytes + size
        };
        if is_first || state.waiting.is_empty() {
            state.waiting.push(Lines {
                bytes: Vec::new(),
                is_first,
            });
        }
        if let Some(lines) = state.waiting.last_mut() {
            lines.bytes.extend_from_slice(text.as_bytes());
            lines.bytes.push(b'\n');
        }
        let is_late = state.waiting_bytes > self.max_waiting_bytes;
        drop(state);
        self.has_work.notify_one();
        if is_late {
            self.turn_off("the disk does not keep up".into());
        }
    }

    /// In the thread: goes on until something fails.
    fn write_for_ever(&self) -> io::Result<()> {
        let mut target = self.open_old()?;
        while let Some(lines) = self.next_lines() {
            for Lines { bytes, is_first } in lines {
                if is_first {
                    target = self.open_new()?;
                }
                target.write_all(&bytes)?;
                let mut state = self.state();
                state.waiting_bytes = state.waiting_bytes.saturating_sub(bytes.len() as u64);
            }
        }
        Ok(())
    }

    /// All that waits; `None` once the tape is off.
    fn next_lines(&self) -> Option<Vec<Lines>> {
        let mut state = self.state();
        state.is_busy = false;
        self.progress.notify_one();
        while state.waiting.is_empty() && state.failure.is_none() {
            state = self
                .has_work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_busy = state.failure.is_none();
        state.is_busy.then(|| std::mem::take(&mut state.waiting))
    }

    /// Goes on in the file of a process before. A line that it could not end stays for itself.
    fn open_old(&self) -> io::Result<File> {
        let mut target = open_regular(&self.file)?;
        let size = target.metadata()?.len();
        if size > 0 {
            target.write_all(b"\n")?;
        }
        let mut state = self.state();
        if !state.waiting.iter().any(|it| it.is_first) {
            state.file_bytes += size;
        }
        Ok(target)
    }

    fn open_new(&self) -> io::Result<File> {
        let mut before = self.file.clone().into_os_string();
        before.push(".1");
        fs::rename(&self.file, before)?;
        open_regular(&self.file)
    }

    /// The thread has ended, or there is none, if the work has failed.
    fn turn_off_after(&self, work: io::Result<()>) {
        if let Err(error) = work {
            let is_of_system = error.raw_os_error().is_some();
            let problem = if is_of_system {
                errno::name_of(&error)
            } else {
                error.to_string()
            };
            self.state().is_busy = false;
            self.turn_off(problem);
        }
    }

    fn turn_off(&self, problem: String) {
        let mut state = self.state();
        state.failure.get_or_insert(problem);
        state.waiting.clear();
        drop(state);
        self.has_work.notify_one();
        self.progress.notify_one();
    }
}

/// Opened without waiting, which a FIFO would; and only a regular file has a size and a new name.
fn open_regular(file: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut options = OpenOptions::new();
    let opened = options
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(file)?;
    if opened.metadata()?.is_file() {
        Ok(opened)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

#[cfg(test)]
#[path = "tape_test.rs"]
mod tests;
