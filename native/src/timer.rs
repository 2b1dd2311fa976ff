//! Waiting on CLOCK_BOOTTIME, which counts the time a machine spends suspended: tokio's own timers do
//! not. One `timerfd` wakes whoever waits for the earliest instant.
use crate::protocol::Instant;
use crate::sys;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::io::unix::AsyncFd;

/// By instant in nanoseconds, and by a number that tells equal instants apart.
type Key = (u64, u64);

#[derive(Default)]
struct Sleepers {
    wakers: BTreeMap<Key, Waker>,
    count: u64,
    timer: Option<OwnedFd>,
    /// What the timer is set to.
    armed_at: u64,
}

impl Sleepers {
    /// Has the timer fire at the earliest instant; at 0 never.
    fn arm(&mut self) {
        let at = self.wakers.keys().next().map_or(0, |(at, _)| *at);
        if let Some(timer) = self.timer.as_ref().filter(|_| at != self.armed_at) {
            sys::set_timer(timer.as_fd(), at);
            self.armed_at = at;
        }
    }
}

thread_local!(static SLEEPERS: RefCell<Sleepers> = RefCell::default());

/// Milliseconds since boot, suspension included.
pub fn now() -> Instant {
    sys::boottime_ns() as f64 / 1e6
}

pub struct Sleep {
    key: Key,
}

/// Waits until `at`, or not at all if that is past.
pub fn sleep_until(at: Instant) -> Sleep {
    let at = (at.max(0.0) * 1e6).ceil() as u64;
    SLEEPERS.with_borrow_mut(|sleepers| {
        sleepers.count += 1;
        Sleep {
            key: (at, sleepers.count),
        }
    })
}

pub fn sleep(ms: f64) -> Sleep {
    sleep_until(now() + ms)
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if sys::boottime_ns() >= self.key.0 {
            return Poll::Ready(());
        }
        SLEEPERS.with_borrow_mut(|sleepers| {
            sleepers.wakers.insert(self.key, context.waker().clone());
            sleepers.arm();
        });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        SLEEPERS.with_borrow_mut(|sleepers| {
            if sleepers.wakers.remove(&self.key).is_some() {
                sleepers.arm();
            }
        });
    }
}

/// The work's outcome, or `None` once the instant has come.
pub async fn until<T>(at: Instant, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut late) = (pin!(work), pin!(sleep_until(at)));
    poll_fn(|context| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        late.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Opens the timer of this thread, inside its runtime, and returns what has to run for it.
pub fn open() -> io::Result<impl Future<Output = ()>> {
    let timer = sys::open_timer()?;
    let watched = sys::readable(timer.try_clone()?)?;
    SLEEPERS.with_borrow_mut(|sleepers| sleepers.timer = Some(timer));
    Ok(drive(watched))
}

async fn drive(timer: AsyncFd<OwnedFd>) {
    while let Ok(mut ready) = timer.readable().await {
        sys::clear_timer(timer.as_raw_fd());
        ready.clear_ready();
        let due = SLEEPERS.with_borrow_mut(|sleepers| {
            let later = sleepers.wakers.split_off(&(sys::boottime_ns() + 1, 0));
            std::mem::replace(&mut sleepers.wakers, later)
        });
        for waker in due.into_values() {
            waker.wake();
        }
        SLEEPERS.with_borrow_mut(|sleepers| {
            // It has fired: it is set to nothing now.
            sleepers.armed_at = 0;
            sleepers.arm();
        });
    }
}
