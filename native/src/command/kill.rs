//! Kills the command's tree, round by round, until it is verified empty.
use super::processes::read_process;
use super::tree::{Finding, Scan, Tree};
use crate::protocol::Instant;
use crate::sys;
use crate::timer::now;
use std::sync::Mutex;
use std::time::Duration;
use std::{io, thread};

/// The tree that may be alive, for the last resort.
static ALIVE: Mutex<Option<Tree>> = Mutex::new(None);

/// Says what to kill should the host fail.
pub fn stand_by(tree: Option<Tree>) {
    if let Ok(mut alive) = ALIVE.lock() {
        *alive = tree;
    }
}

const LAST_RESORT_MS: f64 = 1000.0;

/// Kills the tree where the host is about to abort (contract S14): from any thread, as far as that
/// goes in a second.
pub fn last_resort() {
    let Some(tree) = ALIVE.try_lock().ok().and_then(|it| it.clone()) else {
        return;
    };
    let mut kill = Kill::new(tree);
    let ends_at = now() + LAST_RESORT_MS;
    while !kill.round().is_empty && now() < ends_at {
        thread::sleep(Duration::from_millis(1));
    }
}

#[derive(Debug)]
pub struct Round {
    /// Verified: nothing of the tree is alive.
    pub is_empty: bool,
    pub alive: Vec<i32>,
    /// Members that the round before had not seen: something is forking.
    pub is_growing: bool,
}

impl Round {
    /// How long to wait for the kernel to end what this round has killed, in milliseconds.
    pub fn pause_after(&self, elapsed_ms: f64) -> f64 {
        if self.is_growing || self.alive.is_empty() {
            1.0
        } else {
            (elapsed_ms / 8.0).clamp(1.0, 250.0)
        }
    }
}

/// On a machine where strangers create processes all the time no scan is conclusive; so many empty
/// ones in a row are believed then. Something that forks faster than it can be read would have to
/// escape each of them.
const EMPTY_SCANS_BELIEVED: u32 = 20;

/// Kills whatever is alive of a tree, round by round, until it is empty.
pub struct Kill {
    scan: Scan,
    seen: Vec<i32>,
    empty_scans: u32,
}

impl Kill {
    pub fn new(tree: Tree) -> Self {
        Self {
            scan: Scan::new(tree),
            seen: Vec::new(),
            empty_scans: 0,
        }
    }

    pub fn tree(&self) -> &Tree {
        &self.scan.tree
    }

    /// Learns who belongs, and kills nobody.
    pub fn look(&mut self) -> io::Result<Finding> {
        self.look_until(Instant::INFINITY)
    }

    /// The same, but goes on no longer than that.
    pub fn look_until(&mut self, at: Instant) -> io::Result<Finding> {
        self.scan.until = at;
        let finding = self.scan.look(|_| {});
        self.scan.until = Instant::INFINITY;
        finding
    }

    /// The first blow: the group at one stroke, and then who was known already.
    pub fn strike(&self) {
        self.strike_at_once();
        for (pid, start_ticks) in &self.scan.known {
            let found = read_process(*pid).ok().flatten();
            if found.is_some_and(|it| it.start_ticks == *start_ticks) {
                send(*pid);
            }
        }
    }

    /// Kills whatever is alive and says what that was.
    pub fn round(&mut self) -> Round {
        self.strike_at_once();
        let Ok(Finding {
            alive,
            is_conclusive,
        }) = self.scan.look(|member| send(member.pid))
        else {
            // Nothing is known, so nothing is verified; try again.
            self.empty_scans = 0;
            return Round {
                is_empty: false,
                alive: Vec::new(),
                is_growing: false,
            };
        };
        self.empty_scans = if alive.is_empty() {
            self.empty_scans + 1
        } else {
            0
        };
        let is_believed = is_conclusive || self.empty_scans >= EMPTY_SCANS_BELIEVED;
        let is_empty = alive.is_empty() && is_believed;
        let mut pids: Vec<i32> = alive.iter().map(|it| it.pid).collect();
        pids.sort_unstable();
        let is_growing = pids.iter().any(|it| self.seen.binary_search(it).is_err());
        self.seen.clone_from(&pids);
        Round {
            is_empty,
            alive: pids,
            is_growing,
        }
    }

    fn strike_at_once(&self) {
        let tree = &self.scan.tree;
        if tree.is_pid1 && std::process::id() == 1 {
            send(-1);
        }
        if owns_group(tree) {
            send(-tree.root);
        }
    }
}

/// The kernel kills a group at one stroke too. Its number is the command's as long as the
/// command is alive or not reaped; after that members are killed one by one. When nothing can be
/// read, this one stroke is all there is, and the number is hardly another's yet.
fn owns_group(tree: &Tree) -> bool {
    match read_process(tree.root) {
        Ok(found) => {
            found.is_some_and(|it| it.start_ticks == tree.start_ticks || tree.start_ticks == 0)
        }
        Err(_) => true,
    }
}

fn send(target: i32) {
    // It ended meanwhile, or it may not be killed by this user and will be seen again.
    sys::kill(target, libc::SIGKILL).ok();
}

#[cfg(test)]
#[path = "kill_test.rs"]
mod tests;
