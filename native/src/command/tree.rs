//! The command's tree: the command and everything it started, found through `/proc` and killed.
//!
//! A process belongs to the tree when it started no earlier than the command and
//! - is in the command's session, or in the session of another member (nobody can join a session
//!   from outside, so this holds for every process group in it and whatever its parents are), or
//! - is a child of a member, or was seen as a member before, or
//! - carries the mark of this term in its environment, which finds the daemon that forked twice
//!   and took a session of its own. The mark is inherited by everything that does not remove it, or
//! - is a child of the host in another session than the host's: an orphan that the host has adopted.
//!   Helpers that the host starts for itself, such as credential plugins, stay in its session.
//!
//! As PID 1 the whole namespace is the command's: every process but those in the host's own session
//! and those that came from outside (`kubectl exec`, whose parent reads 0). Killing is then
//! `kill(-1)` as well, which the kernel does at one stroke, so that no fork escapes it; it also ends
//! helpers and visitors, which is acceptable: a helper is started again, and a visitor must not keep
//! a lease from moving.
//!
//! What cannot be seen, unless PID 1: any process of another user under `hidepid`. What may be taken
//! for a member by mistake: a daemon that was a child of this process before it executed the host and
//! that leaves an orphan behind. Killing may be refused (setuid programs): such a process stays alive
//! and is reported as remaining. Between reading a pid and killing it lie some 30 µs in which it would
//! have to end and be given again.
use super::processes::{Marked, Process, find_mark, list_pids, read_last_pid, read_process};
use crate::protocol::Instant;
use crate::timer::now;
use std::collections::{HashMap, HashSet};
use std::io;

/// What identifies the tree of one term.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The command's pid, which is also the number of its process group and session.
    pub root: i32,
    pub start_ticks: u64,
    /// `NAME=value` in the environment of everything the command starts.
    pub mark: String,
    /// The host is PID 1, so that the whole PID namespace is the command's.
    pub is_pid1: bool,
}

impl Tree {
    /// The tree of a command that was just started. Where its process cannot be read, for want of
    /// file descriptors, it counts as older than everything, so that nothing is too old to belong.
    pub fn new(root: i32, mark: String) -> Self {
        let read = read_process(root).ok().flatten();
        let start_ticks = read.map_or(0, |it| it.start_ticks);
        let is_pid1 = std::process::id() == 1;
        Self {
            root,
            start_ticks,
            mark,
            is_pid1,
        }
    }
}

#[derive(Debug)]
pub struct Finding {
    pub alive: Vec<Process>,
    /// No process was created meanwhile, so that nothing can have hidden between two reads.
    pub is_conclusive: bool,
}

/// Looks through all processes. It remembers members, so that they stay known when their parents
/// have ended.
pub struct Scan {
    pub tree: Tree,
    host: i32,
    /// The members seen last, with their starts.
    pub known: HashMap<i32, u64>,
    sessions: HashSet<i32>,
    /// What was not read by then is left undecided.
    pub until: Instant,
}

impl Scan {
    pub fn new(tree: Tree) -> Self {
        Self {
            host: std::process::id() as i32,
            known: HashMap::new(),
            sessions: HashSet::from([tree.root]),
            until: Instant::INFINITY,
            tree,
        }
    }

    /// Calls `found` at once for each member.
    ///
    /// # Errors
    /// When `/proc` cannot be read, for want of descriptors or memory: nothing is known then.
    pub fn look(&mut self, mut found: impl FnMut(&Process)) -> io::Result<Finding> {
        let own_session = read_process(self.host)?.map(|it| it.session);
        let last_pid = read_last_pid()?;
        let mut members = Members {
            scan: self,
            own_session,
            alive: Vec::new(),
            found: &mut found,
        };
        let mut others = Vec::new();
        let mut has_undecided = false;
        for pid in list_pids()? {
            if now() >= members.scan.until {
                has_undecided = true;
                break;
            }
            let Some(candidate) = members.scan.read_candidate(pid)? else {
                continue;
            };
            if members.has_seen(&candidate) {
                members.add(candidate);
                continue;
            }
            match members.scan.marked(&candidate)? {
                Some(true) => members.add(candidate),
                marked => {
                    others.push(candidate);
                    has_undecided |= marked.is_none();
                }
            }
        }
        members.add_relatives(&others);
        let Members { alive, .. } = members;
        self.remember(&alive, own_session);
        let is_conclusive = !has_undecided && read_last_pid()? == last_pid;
        Ok(Finding {
            alive,
            is_conclusive,
        })
    }

    /// A process that may belong to the tree: alive, not the host, not older than the command.
    fn read_candidate(&self, pid: i32) -> io::Result<Option<Process>> {
        if pid == self.host {
            return Ok(None);
        }
        let read = read_process(pid)?;
        Ok(read.filter(|it| it.is_alive && it.start_ticks >= self.tree.start_ticks))
    }

    /// Whether it carries the mark; `None` when that cannot be told.
    fn marked(&self, candidate: &Process) -> io::Result<Option<bool>> {
        if self.tree.is_pid1 {
            return Ok(Some(false));
        }
        match find_mark(candidate.pid, self.tree.mark.as_bytes())? {
            Marked::Yes => Ok(Some(true)),
            Marked::No => Ok(Some(false)),
            // Between exec's change of memory and its last step the environment reads empty.
            Marked::Empty => {
                let is_bare = read_process(candidate.pid)?.is_some_and(|it| it.is_bare);
                Ok((!is_bare).then_some(false))
            }
        }
    }

    fn remember(&mut self, alive: &[Process], own_session: Option<i32>) {
        self.known = alive.iter().map(|it| (it.pid, it.start_ticks)).collect();
        let sessions = alive.iter().map(|it| it.session).chain([self.tree.root]);
        self.sessions = sessions.filter(|it| Some(*it) != own_session).collect();
    }
}

/// What one look has found so far.
struct Members<'a, F: FnMut(&Process)> {
    scan: &'a mut Scan,
    own_session: Option<i32>,
    alive: Vec<Process>,
    found: &'a mut F,
}

impl<F: FnMut(&Process)> Members<'_, F> {
    fn has_seen(&self, candidate: &Process) -> bool {
        self.scan.known.get(&candidate.pid) == Some(&candidate.start_ticks)
            || self.scan.sessions.contains(&candidate.session)
    }

    fn add(&mut self, member: Process) {
        if Some(member.session) != self.own_session {
            self.scan.sessions.insert(member.session);
        }
        (self.found)(&member);
        self.alive.push(member);
    }

    /// Adds children of members, and their children, until nobody is left to add.
    fn add_relatives(&mut self, others: &[Process]) {
        let visitors: HashSet<i32> = others
            .iter()
            .filter(|it| it.parent == 0)
            .map(|it| it.session)
            .collect();
        let mut pids: HashSet<i32> = self.alive.iter().map(|it| it.pid).collect();
        loop {
            let size = pids.len();
            for other in others {
                let belongs = pids.contains(&other.parent)
                    || self.scan.sessions.contains(&other.session)
                    || self.is_left_to_us(other, &visitors);
                if belongs && pids.insert(other.pid) {
                    self.add(*other);
                }
            }
            if pids.len() == size {
                return;
            }
        }
    }

    fn is_left_to_us(&self, other: &Process, visitors: &HashSet<i32>) -> bool {
        if self.own_session.is_none_or(|it| it == other.session) {
            return false;
        }
        if self.scan.tree.is_pid1 {
            !visitors.contains(&other.session)
        } else {
            other.parent == self.scan.host
        }
    }
}
