//! Lines to standard error that never block the loop: a container whose log reader is stuck would
//! lose its lease. The command shares the descriptor, and blocking is a property of what is shared,
//! so it must not be changed either (contract §2). Four ways, by what standard error is:
//!
//! - A pipe or a terminal is opened once more, non-blocking, and that opening is ours alone.
//! - A file or a device is written to directly: it does not block, and its offset is shared.
//! - A socket cannot be opened once more, but each sending can be told not to wait.
//! - What belongs to another user cannot be opened once more either: a thread writes to it.
//!
//! Lines that nobody reads wait in a bounded queue; when it is full, more are dropped and counted.
use crate::line_queue::LineQueue;
use crate::signals::start_thread;
use crate::sys;
use crate::timer::{now, sleep, until};
use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use tokio::sync::Notify;

const MAX_LINES: usize = 1000;
const RETRY_MS: f64 = 50.0;
const FLUSH_TIMEOUT_MS: f64 = 200.0;
const FLUSH_STEP_MS: f64 = 5.0;
const STACK_BYTES: usize = 64 * 1024;

/// To be used inside a `LocalSet`.
#[derive(Clone)]
pub enum Printer {
    Direct(Rc<Direct>),
    Threaded(Arc<Threaded>),
}

enum Way {
    /// Our own opening, non-blocking.
    Opened(File),
    /// What does not block as it is.
    Shared(BorrowedFd<'static>),
    Socket(BorrowedFd<'static>),
    Thread,
}

impl Printer {
    /// On standard error.
    pub fn open() -> Self {
        Self::on(sys::standard_error())
    }

    fn on(target: BorrowedFd<'static>) -> Self {
        let queue = LineQueue::new(MAX_LINES);
        match find_way(target) {
            Way::Thread => Self::Threaded(Threaded::start(target, queue)),
            way => Self::Direct(Rc::new(Direct {
                way,
                queue: RefCell::new(queue),
                is_retrying: Cell::new(false),
            })),
        }
    }

    pub fn print(&self, line: &str) {
        match self {
            Self::Direct(direct) => direct.print(line),
            Self::Threaded(threaded) => threaded.print(line),
        }
    }

    /// Waits for the last lines, at most 200 ms.
    pub async fn flush(&self) {
        match self {
            Self::Direct(direct) => direct.flush().await,
            Self::Threaded(threaded) => threaded.flush().await,
        }
    }
}

fn find_way(target: BorrowedFd<'static>) -> Way {
    let may_block = match sys::file_type(target) {
        Ok(libc::S_IFSOCK) => return Way::Socket(target),
        Ok(libc::S_IFIFO) => true,
        _ => target.is_terminal(),
    };
    // Whoever started us may have made it so, and it stays as it is.
    if !may_block || sys::is_non_blocking(target) {
        return Way::Shared(target);
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let path = format!("/proc/self/fd/{}", target.as_raw_fd());
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(flags)
        .open(path);
    opened.map_or(Way::Thread, Way::Opened)
}

pub struct Direct {
    way: Way,
    queue: RefCell<LineQueue>,
    is_retrying: Cell<bool>,
}

impl Direct {
    fn print(self: &Rc<Self>, line: &str) {
        self.queue.borrow_mut().add(line);
        if !self.is_retrying.get() && !self.write_waiting() {
            self.is_retrying.set(true);
            tokio::task::spawn_local(Rc::clone(self).retry());
        }
    }

    async fn retry(self: Rc<Self>) {
        while !self.write_waiting() {
            sleep(RETRY_MS).await;
        }
        self.is_retrying.set(false);
    }

    async fn flush(&self) {
        let ends_at = now() + FLUSH_TIMEOUT_MS;
        while !self.write_waiting() && now() < ends_at {
            sleep(FLUSH_STEP_MS).await;
        }
    }

    /// False when the reader has to read first.
    fn write_waiting(&self) -> bool {
        let mut queue = self.queue.borrow_mut();
        while let Some(bytes) = queue.first() {
            match count_of(self.write(bytes), bytes) {
                0 => return false,
                count => queue.wrote(count),
            }
        }
        true
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.way {
            Way::Socket(target) => sys::send(*target, bytes),
            Way::Shared(target) => sys::write(*target, bytes),
            Way::Opened(file) => sys::write(file.as_fd(), bytes),
            Way::Thread => Ok(bytes.len()),
        }
    }
}

/// How many bytes are off our hands; 0 when the reader has to read first. What cannot be written at
/// all (EPIPE, ENOSPC, EIO) counts as written, because there is nobody to tell.
fn count_of(written: io::Result<usize>, bytes: &[u8]) -> usize {
    written.unwrap_or_else(|error| match error.kind() {
        ErrorKind::WouldBlock => 0,
        _ => bytes.len(),
    })
}

/// A thread that may block, and a queue in which the lines wait meanwhile.
pub struct Threaded {
    desk: Mutex<Desk>,
    has_work: Condvar,
    is_idle: Notify,
}

struct Desk {
    queue: LineQueue,
    is_writing: bool,
}

impl Threaded {
    /// Where no thread can be started nothing is printed: the queue fills, and no more happens.
    fn start(target: BorrowedFd<'static>, queue: LineQueue) -> Arc<Self> {
        let desk = Mutex::new(Desk {
            queue,
            is_writing: false,
        });
        let has_work = Condvar::new();
        let printer = Arc::new(Self {
            desk,
            has_work,
            is_idle: Notify::new(),
        });
        let writer = Arc::clone(&printer);
        start_thread("printer", STACK_BYTES, move || {
            writer.write_for_ever(target)
        })
        .ok();
        printer
    }

    fn print(&self, line: &str) {
        if let Ok(mut desk) = self.desk.lock() {
            desk.queue.add(line);
        }
        self.has_work.notify_one();
    }

    async fn flush(&self) {
        let ends_at = now() + FLUSH_TIMEOUT_MS;
        while self.is_busy() {
            if until(ends_at, self.is_idle.notified()).await.is_none() {
                return;
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.desk
            .lock()
            .is_ok_and(|mut it| it.is_writing || it.queue.first().is_some())
    }

    fn write_for_ever(&self, target: BorrowedFd<'_>) {
        while let Some(lines) = self.next_lines() {
            let mut rest = &lines[..];
            while !rest.is_empty() {
                rest = &rest[count_of(sys::write(target, rest), rest)..];
            }
        }
    }

    /// All that waits; the queue is free while it is written.
    fn next_lines(&self) -> Option<Vec<u8>> {
        let mut desk = self.desk.lock().ok()?;
        desk.is_writing = false;
        self.is_idle.notify_one();
        loop {
            if let Some(lines) = desk.queue.take_all() {
                desk.is_writing = true;
                return Some(lines);
            }
            desk = self.has_work.wait(desk).ok()?;
        }
    }
}

#[cfg(test)]
#[path = "printer_test.rs"]
mod tests;
