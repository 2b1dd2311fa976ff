//! The guard's thread: at the deadline it kills the tree, whatever the loop does (contract S3).
//!
//! It sleeps on a timer that counts suspension and on the bell of its link to the loop; it never
//! waits for the loop, and a loop that is blocked keeps nothing from it.
use super::kill::Kill;
use super::tree::Tree;
use crate::protocol::{Instant, Report, Reports};
use crate::sys;
use crate::timer::now;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

#[derive(Debug)]
pub enum Order {
    Arm(Option<Instant>),
    Protect(Option<Tree>),
}

/// What the loop and the thread share, beside the orders.
pub struct Link {
    bell: OwnedFd,
    sent: AtomicU64,
    taken: AtomicU64,
    /// Orders were taken, or there is a reason to wait for that no longer.
    progress: Notify,
    lost: OnceLock<String>,
}

impl Link {
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            bell: sys::open_bell()?,
            sent: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            progress: Notify::new(),
            lost: OnceLock::new(),
        })
    }

    /// An order more is in the channel.
    pub fn ring(&self) {
        self.sent.fetch_add(1, SeqCst);
        sys::ring(self.bell.as_fd());
    }

    /// Whether every order sent was taken.
    pub fn is_heard(&self) -> bool {
        self.taken.load(SeqCst) == self.sent.load(SeqCst)
    }

    /// Waits until every order sent was taken, or will not be.
    pub async fn heard(&self) {
        while !self.is_heard() && self.lost.get().is_none() {
            self.progress.notified().await;
        }
    }

    /// Why the thread is not believed any more.
    pub fn lost(&self) -> Option<String> {
        self.lost.get().cloned()
    }

    /// Whatever the thread says from now on is not believed. The first reason is told.
    pub fn lose(&self, message: String, reports: &Reports) {
        if self.lost.set(message.clone()).is_ok() {
            reports.tell(Report::GuardLost { message });
            self.progress.notify_one();
        }
    }
}

/// How long before the deadline the thread looks who is in the tree, so that at the deadline those
/// are killed first: some ten times what a look through a thousand processes takes.
const LOOK_MS: f64 = 300.0;

pub struct Watchman {
    link: Arc<Link>,
    inbox: Receiver<Order>,
    reports: Reports,
    timer: OwnedFd,
    deadline: Option<Instant>,
    has_fired: bool,
    /// There is one as long as there is a tree that may be alive.
    kill: Option<Kill>,
    has_looked: bool,
    killing_since: Option<Instant>,
    /// A file descriptor kept for the deadline: who is in the tree is read from files, and the
    /// process may have run out of descriptors by then.
    reserve: Option<File>,
}

impl Watchman {
    pub fn new(link: Arc<Link>, inbox: Receiver<Order>, reports: Reports) -> io::Result<Self> {
        Ok(Self {
            link,
            inbox,
            reports,
            timer: sys::open_timer()?,
            deadline: None,
            has_fired: false,
            kill: None,
            has_looked: false,
            killing_since: None,
            reserve: None,
        })
    }

    /// Returns only when no deadline can be kept: fail stop, which is now (contract S14).
    pub fn watch(mut self) {
        let error = loop {
            sys::clear_timer(self.link.bell.as_raw_fd());
            self.take_orders();
            let wake_at = self.turn();
            sys::set_timer(self.timer.as_fd(), wake_at);
            match sys::wait_readable(self.timer.as_fd(), self.link.bell.as_fd()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => break error,
                _ => {}
            }
        };
        if let (Some(_), Some(kill)) = (self.deadline, &mut self.kill) {
            kill.round();
        }
        self.link
            .lose(format!("the guard's thread failed: {error}"), &self.reports);
    }

    fn take_orders(&mut self) {
        let sent = self.link.sent.load(SeqCst);
        while let Ok(order) = self.inbox.try_recv() {
            self.obey(order);
        }
        self.link.taken.store(sent, SeqCst);
        self.link.progress.notify_one();
    }

    fn obey(&mut self, order: Order) {
        self.has_looked = false;
        match order {
            Order::Arm(at) => {
                self.deadline = at;
                self.has_fired = false;
                if let Some(at) = at {
                    self.tell(Report::GuardReady { at });
                }
            }
            Order::Protect(tree) => {
                if tree.is_some() && self.reserve.is_none() {
                    // None is left already: the group can be killed without.
                    self.reserve = File::open("/dev/null").ok();
                }
                self.kill = tree.map(Kill::new);
                self.killing_since = None;
            }
        }
    }

    /// Does what is due and returns when to wake up for the rest, in nanoseconds; 0 for never.
    fn turn(&mut self) -> u64 {
        let at = now();
        let is_due = self.deadline.is_some_and(|deadline| at >= deadline);
        let next_round = self.kill_what_is_due(at, is_due);
        if is_due && !self.has_fired {
            self.has_fired = true;
            self.tell(Report::GuardFired);
        }
        let next = next_round.or_else(|| self.deadline.filter(|_| !is_due).map(|it| self.look(it)));
        // Zero would be never.
        next.map_or(0, |it| ((it * 1e6).ceil() as u64).max(1))
    }

    /// Begins to kill, or goes on until the tree is empty; returns when to go on. A tree handed over
    /// late, by a loop that was blocked while starting it, is due as well.
    fn kill_what_is_due(&mut self, at: Instant, is_due: bool) -> Option<Instant> {
        let kill = self.kill.as_mut()?;
        if is_due && self.killing_since.is_none() {
            self.reserve = None;
            self.killing_since = Some(at);
            kill.strike();
        }
        let since = self.killing_since?;
        let round = kill.round();
        if round.is_empty {
            self.kill = None;
            self.killing_since = None;
            return None;
        }
        Some(now() + round.pause_after(at - since))
    }

    /// Looks through the tree shortly before the deadline; returns when to wake up next.
    fn look(&mut self, deadline: Instant) -> Instant {
        let look_at = deadline - LOOK_MS;
        match &mut self.kill {
            Some(kill) if !self.has_looked => {
                if now() < look_at {
                    return look_at;
                }
                self.has_looked = true;
                // Without descriptors nobody is known; the group can be killed all the same.
                kill.look_until(deadline).ok();
            }
            _ => {}
        }
        deadline
    }

    fn tell(&self, report: Report) {
        if self.link.lost.get().is_none() {
            self.reports.tell(report);
        }
    }
}
