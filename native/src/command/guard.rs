//! The loop's side of the watchdog: a thread that kills the command's tree at the deadline even if
//! the loop is blocked. The thread is only believed to protect a deadline that it has confirmed.
use super::tree::Tree;
use super::watchman::{Link, Order, Watchman};
use crate::protocol::{Instant, Report, Reports};
use crate::signals::start_thread;
use crate::timer::sleep;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// A thread without an answer for so long is lost. The time is counted in short checks, so that a
/// pause of the whole process, which runs no check either, does not count.
const CHECK_MS: f64 = 100.0;
const CHECKS_TO_ANSWER: u32 = 10;

/// Enough for the deepest scan, three times over.
const STACK_BYTES: usize = 128 * 1024;

pub struct Guard {
    reports: Reports,
    link: Arc<Link>,
    orders: Sender<Order>,
    armed_at: Cell<Option<Instant>>,
    is_waiting: Cell<bool>,
}

impl Guard {
    /// Starts the thread, unarmed; the other functions are to be called inside a `LocalSet`.
    ///
    /// # Errors
    /// When there is no thread or no descriptor left: no deadline can be protected then.
    pub fn start(reports: Reports) -> io::Result<Rc<Self>> {
        let link = Arc::new(Link::open()?);
        let (orders, inbox) = channel();
        let watchman = Watchman::new(Arc::clone(&link), inbox, reports.clone())?;
        start_thread("guard", STACK_BYTES, move || watchman.watch())?;
        Ok(Rc::new(Self::new(reports, link, orders)))
    }

    fn new(reports: Reports, link: Arc<Link>, orders: Sender<Order>) -> Self {
        Self {
            reports,
            link,
            orders,
            armed_at: Cell::new(None),
            is_waiting: Cell::new(false),
        }
    }

    /// Moves the deadline, or takes it away; every new one is confirmed by `GuardReady`.
    pub fn arm(self: &Rc<Self>, at: Option<Instant>) {
        if let Some(message) = self.link.lost() {
            if at.is_some() {
                self.reports.tell(Report::GuardLost { message });
            }
        } else if at != self.armed_at.replace(at) {
            self.send(Order::Arm(at));
        }
    }

    /// Says what to kill at the deadline.
    pub fn protect(self: &Rc<Self>, tree: Tree) {
        self.send(Order::Protect(Some(tree)));
    }

    /// Protects nothing any more. Afterwards the thread, which may be killing, has let go of the tree:
    /// it would take the next command for an orphan of this one. A lost thread is not waited for.
    pub async fn release(self: &Rc<Self>) {
        self.send(Order::Protect(None));
        self.link.heard().await;
    }

    fn send(self: &Rc<Self>, order: Order) {
        // A thread that has ended takes no orders, and has said why.
        self.orders.send(order).ok();
        self.link.ring();
        // Already waiting: an order more does not give a silent thread more time.
        if !self.is_waiting.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).wait());
        }
    }

    /// Waits until all orders are taken, and says when it has waited for too many checks.
    async fn wait(self: Rc<Self>) {
        for _ in 0..CHECKS_TO_ANSWER {
            sleep(CHECK_MS).await;
            if self.link.is_heard() {
                self.is_waiting.set(false);
                return;
            }
        }
        self.link
            .lose("the guard's thread has stalled".into(), &self.reports);
    }
}

#[cfg(test)]
#[path = "guard_test.rs"]
mod tests;
