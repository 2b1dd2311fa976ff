//! What the tests with real processes share.
use crate::command::processes::read_process;
use crate::protocol::{Report, Reports};
use crate::timer::{self, now, sleep};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

/// A folder that is gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "native-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a command has written into a file; nothing before it has.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub fn numbers(&self, name: &str) -> Vec<i32> {
        self.read(name)
            .split_whitespace()
            .filter_map(|it| it.parse().ok())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

pub fn is_running(pid: i32) -> bool {
    read_process(pid).unwrap().is_some_and(|it| it.is_alive)
}

/// Children belong to the process, not to a test: only one test at a time may have some.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test in a runtime like the host's.
pub fn run(test: impl AsyncFnOnce()) {
    let _alone = alone();
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        spawn_local(timer::open().unwrap());
        test().await;
    });
}

pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let ends_at = now() + 20_000.0;
    while !condition().await {
        assert!(now() < ends_at, "not in time: {what}");
        sleep(5.0).await;
    }
}

/// What was reported so far.
pub struct Heard {
    inbox: RefCell<UnboundedReceiver<Report>>,
    all: RefCell<Vec<Report>>,
}

impl Heard {
    pub fn new() -> (Self, Reports) {
        let (sender, inbox) = unbounded_channel();
        let heard = Self {
            inbox: RefCell::new(inbox),
            all: RefCell::default(),
        };
        (heard, Reports::new(sender))
    }

    pub fn has(&self, wanted: impl Fn(&Report) -> bool) -> bool {
        self.take();
        self.all.borrow().iter().any(wanted)
    }

    /// All of them, taken out.
    pub fn drain(&self) -> Vec<Report> {
        self.take();
        self.all.take()
    }

    fn take(&self) {
        while let Ok(report) = self.inbox.borrow_mut().try_recv() {
            self.all.borrow_mut().push(report);
        }
    }
}
