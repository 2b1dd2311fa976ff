//! A program that the host runs beside the command, such as the one that says whether it is ready.
//!
//! It has a session and process group of its own, so no signal for the command reaches it. But it runs
//! for the term: it is a child of the host in another session and carries the term's mark, and therefore
//! is killed with the command's tree, by the guard too, and the tree is empty only without it (contract
//! §0.4). It dies with the host, as the command does.
use crate::sys::{self, Image};
use std::cell::RefCell;
use std::io;
use tokio::sync::Notify;
use tokio::sync::oneshot::{self, Sender};

#[derive(Default)]
pub struct Helper {
    /// The one that is not reaped yet: in uninterruptible sleep even SIGKILL waits.
    current: RefCell<Option<(i32, Sender<i32>)>>,
    freed: Notify,
}

impl Helper {
    /// Waits for the end of the last one: there is one at a time.
    pub async fn free(&self) {
        while self.current.borrow().is_some() {
            self.freed.notified().await;
        }
    }

    /// Returns the raw status; whatever of its group is left when this is dropped is killed.
    pub async fn run(&self, image: &Image) -> io::Result<i32> {
        let pid = sys::spawn_silent(image)?;
        let (sender, ended) = oneshot::channel();
        self.current.replace(Some((pid, sender)));
        let _killed = Killed(self);
        // The sender is there until the status is.
        ended.await.map_err(io::Error::other)
    }

    /// A child of the host has ended; it may be anybody's.
    pub fn reaped(&self, pid: i32, status: i32) {
        if !matches!(&*self.current.borrow(), Some((own, _)) if *own == pid) {
            return;
        }
        // What it left in its group has nobody to wait for it. The number is not given again so soon.
        self.kill();
        if let Some((_, sender)) = self.current.take() {
            // Nobody may be waiting any more.
            let _ = sender.send(status);
            self.freed.notify_one();
        }
    }

    pub fn kill(&self) {
        if let Some((group, _)) = &*self.current.borrow() {
            // All of it has ended, or runs as another user.
            sys::kill(-group, libc::SIGKILL).ok();
        }
    }
}

struct Killed<'a>(&'a Helper);

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        self.0.kill();
    }
}
