//! Carries out the orders `start`, `signal`, `kill` and `become`, and reports what became of them; runs
//! the helper of a probe beside the command.
//!
//! The command runs in a session and process group of its own, its standard streams are the host's.
//! Beyond the rules of the protocol: `Exited` comes before the `Emptied` of the same tree, and a
//! report may be made before the order's function has returned.
use crate::protocol::{Ending, Report, Reports, StartProblem};
use crate::signals::{name_of, number_of};
use crate::sys;
use crate::timer::{now, sleep};
use executable::find_command;
use guard::Guard;
use helper::Helper;
use image::{image_of, refusal, start_problem};
use kill::{Kill, stand_by};
use processes::{find_proc_problem, is_stuck};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;
use tokio::sync::Notify;
use tree::Tree;

pub mod errno;
mod executable;
#[cfg(fuzzing)]
pub mod fuzz;
pub mod guard;
mod helper;
mod image;
pub mod kill;
mod processes;
#[cfg(test)]
pub mod stage;
mod tree;
mod watchman;

/// The variable that marks everything one term starts; its value is new in every term.
const MARK_NAME: &str = "K8S_AWAIT_ELECTION_TERM";

const FIRST_REMAINING_MS: f64 = 1000.0;
const NEXT_REMAINING_MS: f64 = 5000.0;

/// The command of this host: none is running at first.
pub struct Command(Rc<Room>);

struct Room {
    argv: Vec<OsString>,
    reports: Reports,
    guard: Option<Rc<Guard>>,
    running: RefCell<Option<Running>>,
    /// Orders to kill that wait for the tree to be empty; each gets its own `Emptied`.
    waiting_kills: Cell<u32>,
    exited: Notify,
    helper: Helper,
}

struct Running {
    kill: Kill,
    add_env: BTreeMap<String, String>,
    has_exited: bool,
    /// Who belongs is about to be learned, for a signal that was sent.
    is_to_look: bool,
}

impl Command {
    /// `argv` has one word at least. The tree is handed to the guard as soon as there is one; there
    /// is no guard where nothing is ever started, but the host may become the command.
    pub fn new(argv: Vec<OsString>, reports: Reports, guard: Option<Rc<Guard>>) -> Self {
        // Where the kernel has no such thing, orphans are found by other signs.
        if guard.is_some() {
            sys::adopt_orphans(true).ok();
        }
        Self(Rc::new(Room {
            argv,
            reports,
            guard,
            running: RefCell::new(None),
            waiting_kills: Cell::new(0),
            exited: Notify::new(),
            helper: Helper::default(),
        }))
    }

    /// Why the command could not be started even now, if that can be told, or not be followed: what
    /// is started has to be found again to be killed, and only /proc tells.
    pub fn problem(&self, is_followed: bool) -> Option<StartProblem> {
        let unseen = is_followed.then(find_proc_problem).flatten();
        unseen.or_else(|| find_command(self.0.argv.first()?))
    }

    /// To be called in the thread that lives as long as the host: the command dies with that thread.
    ///
    /// # Errors
    /// A broken invariant: the previous tree is not verified empty, or the mark is missing.
    pub fn start(&self, add_env: &BTreeMap<String, String>) -> Result<(), String> {
        if self.0.running.borrow().is_some() {
            return Err("Cannot start: the tree is not empty".into());
        }
        let Some(value) = add_env.get(MARK_NAME) else {
            return Err(format!("Cannot start: no {MARK_NAME} was given"));
        };
        match self.0.spawn(add_env) {
            Ok(pid) => {
                let tree = Tree::new(pid, format!("{MARK_NAME}={value}"));
                self.0.follow(tree, add_env.clone());
            }
            Err(problem) => self.0.reports.tell(Report::StartFailed(problem)),
        }
        Ok(())
    }

    /// Runs a program with the variables of the command that runs, one at a time, and says how it ended,
    /// or why it did not run. Whatever of its group is left when this is dropped is killed.
    pub async fn help(&self, argv: &[OsString]) -> Result<Ending, String> {
        self.0.helper.free().await;
        let add_env = match &*self.0.running.borrow() {
            Some(it) if !it.has_exited => it.add_env.clone(),
            _ => return Err("no command runs".into()),
        };
        let image = image_of(argv, &add_env).map_err(|it| it.message)?;
        let status = self.0.helper.run(&image).await;
        status
            .map(ending_of)
            .map_err(|error| start_problem(argv, &error).message)
    }

    /// Kills what is left of a helper: the host is about to end.
    pub fn end_helper(&self) {
        self.0.helper.kill();
    }

    /// Sends a signal to the command's group; one that Linux does not have is nobody's.
    pub fn signal(&self, name: &str) {
        if let Some(number) = number_of(name) {
            self.0.signal(number);
        }
    }

    pub fn kill(&self) {
        if self.0.running.borrow().is_none() {
            return self.0.reports.tell(Report::Emptied);
        }
        let kills = self.0.waiting_kills.get();
        self.0.waiting_kills.set(kills + 1);
        if kills == 0 {
            tokio::task::spawn_local(Rc::clone(&self.0).kill_all());
        }
    }

    /// Replaces the host by the command; returns only when that failed.
    pub fn r#become(&self) {
        let problem = self.0.r#become();
        self.0.reports.tell(Report::BecomeFailed(problem));
    }

    /// A child of the host has ended, by this raw status; it may be anybody's.
    pub fn reaped(&self, pid: i32, status: i32) {
        self.0.helper.reaped(pid, status);
        let mut running = self.0.running.borrow_mut();
        if let Some(current) = running.as_mut().filter(|it| it.kill.tree().root == pid) {
            current.has_exited = true;
            self.0.reports.tell(Report::Exited(ending_of(status)));
            self.0.exited.notify_one();
        }
    }
}

impl Room {
    fn spawn(&self, add_env: &BTreeMap<String, String>) -> Result<i32, StartProblem> {
        if let Some(problem) = find_proc_problem() {
            return Err(problem);
        }
        let image = image_of(&self.argv, add_env)?;
        sys::spawn(&image).map_err(|error| start_problem(&self.argv, &error))
    }

    fn r#become(&self) -> StartProblem {
        match image_of(&self.argv, &BTreeMap::new()) {
            Ok(image) => refusal(&self.argv, &sys::exec(&image)),
            Err(problem) => problem,
        }
    }

    fn follow(&self, tree: Tree, add_env: BTreeMap<String, String>) {
        if let Some(guard) = &self.guard {
            guard.protect(tree.clone());
        }
        stand_by(Some(tree.clone()));
        let pid = tree.root;
        self.running.replace(Some(Running {
            kill: Kill::new(tree),
            add_env,
            has_exited: false,
            is_to_look: false,
        }));
        self.reports.tell(Report::Started { pid });
    }

    /// Until the command is reaped the group's number is its own, and the signal goes out first. Who
    /// belongs is learned right after: an orphan is the host's child then, and found as such.
    fn signal(self: &Rc<Self>, number: i32) {
        let mut running = self.running.borrow_mut();
        let Some(current) = running.as_mut() else {
            return;
        };
        let root = current.kill.tree().root;
        if current.has_exited {
            // The number is still its own only as long as a member of the group lives.
            let found = current.kill.look();
            if !found.is_ok_and(|it| it.alive.iter().any(|it| it.group == root)) {
                return;
            }
        }
        // All of the group has ended, or runs as another user.
        sys::kill(-root, number).ok();
        if !std::mem::replace(&mut current.is_to_look, true) {
            tokio::task::spawn_local(Rc::clone(self).look());
        }
    }

    async fn look(self: Rc<Self>) {
        if let Some(current) = self.running.borrow_mut().as_mut() {
            current.is_to_look = false;
            // What could not be read now is looked for again when it is killed.
            current.kill.look().ok();
        }
    }

    async fn kill_all(self: Rc<Self>) {
        self.until_empty().await;
        while self
            .running
            .borrow()
            .as_ref()
            .is_some_and(|it| !it.has_exited)
        {
            self.exited.notified().await;
        }
        if let Some(guard) = &self.guard {
            guard.release().await;
        }
        stand_by(None);
        self.running.replace(None);
        for _ in 0..self.waiting_kills.replace(0) {
            self.reports.tell(Report::Emptied);
        }
    }

    /// Kills round by round, and reports what resists.
    async fn until_empty(&self) {
        let started_at = now();
        let mut remaining_at = started_at + FIRST_REMAINING_MS;
        loop {
            let Some(round) = self.running.borrow_mut().as_mut().map(|it| it.kill.round()) else {
                return;
            };
            if round.is_empty {
                return;
            }
            let at = now();
            // A tree that is only not verified empty yet has nothing to show.
            if at >= remaining_at && !round.alive.is_empty() {
                remaining_at = at + NEXT_REMAINING_MS;
                let stuck = round
                    .alive
                    .iter()
                    .copied()
                    .filter(|it| is_stuck(*it))
                    .collect();
                self.reports.tell(Report::Remaining {
                    pids: round.alive.clone(),
                    stuck,
                });
            }
            sleep(round.pause_after(at - started_at)).await;
        }
    }
}

/// What a raw status says of a process that has ended; real-time signals are among what may end one.
fn ending_of(status: i32) -> Ending {
    if libc::WIFSIGNALED(status) {
        let number = libc::WTERMSIG(status);
        let signal = name_of(number).unwrap_or_else(|| format!("SIG{number}"));
        Ending::Signal { signal }
    } else {
        Ending::Code {
            code: libc::WEXITSTATUS(status),
        }
    }
}

#[cfg(test)]
#[path = "command/command_test.rs"]
mod tests;
