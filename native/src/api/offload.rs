//! Work that may hang, such as a file on a network or DNS, on a short-lived thread of its own.
use crate::sys;
use std::io;
use std::thread;
use tokio::sync::watch;

/// Enough for any resolver, and no more than addresses until it is used.
const STACK_BYTES: usize = 512 * 1024;

/// An outcome to come, which any number of tasks may wait for.
pub struct Offloaded<T>(watch::Receiver<Option<T>>);

impl<T> Clone for Offloaded<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone + Send + Sync + 'static> Offloaded<T> {
    /// Fails where there can be no more threads.
    pub fn start(work: impl FnOnce() -> T + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        thread::Builder::new()
            .name("offload".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                sys::block_signals();
                // Nobody may be waiting any more.
                let _ = sender.send(Some(work()));
            })?;
        Ok(Self(receiver))
    }

    pub fn outcome(&self) -> Option<T> {
        self.0.borrow().clone()
    }

    /// Waits for as long as it takes.
    pub async fn wait(&self) -> T {
        let mut receiver = self.0.clone();
        loop {
            if let Some(outcome) = receiver.borrow_and_update().clone() {
                return outcome;
            }
            if receiver.changed().await.is_err() {
                // The thread ended without an outcome: whoever waits has a time limit.
                std::future::pending::<()>().await;
            }
        }
    }
}
