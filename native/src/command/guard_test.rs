use super::super::stage::{Folder, Heard, is_running, run, until};
use super::*;
use crate::sys;
use crate::timer::now;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

fn open_guard() -> (Rc<Guard>, Heard) {
    let (heard, reports) = Heard::new();
    (Guard::start(reports).unwrap(), heard)
}

/// A command with a daemon in another session, which is in a file of the folder.
#[expect(clippy::zombie_processes, reason = "has_ended reaps it")]
fn start_tree(folder: &Folder) -> Tree {
    let mark = folder.path().display().to_string();
    let script = "setsid sleep 1000 & echo $! > $DIR/pid; exec sleep 1000";
    let mut command = Command::new("setsid");
    command
        .args(["sh", "-c", script])
        .env("DIR", &mark)
        .stdin(Stdio::null());
    let child = command
        .env("K8S_AWAIT_ELECTION_TERM", &mark)
        .spawn()
        .unwrap();
    while folder.read("pid").is_empty() {
        thread::sleep(Duration::from_millis(5));
    }
    Tree::new(child.id() as i32, format!("K8S_AWAIT_ELECTION_TERM={mark}"))
}

async fn until_heard(heard: &Heard, what: &str, wanted: impl Fn(&Report) -> bool) {
    until(what, async || heard.has(&wanted)).await;
}

fn has_ended(tree: &Tree, folder: &Folder) -> bool {
    let is_over = ![tree.root, folder.numbers("pid")[0]]
        .into_iter()
        .any(is_running);
    while is_over && sys::reap().is_some() {}
    is_over
}

#[test]
fn confirms_each_new_deadline_once() {
    run(async || {
        let (guard, heard) = open_guard();
        let first = now() + 60_000.0;
        for at in [
            Some(first),
            Some(first),
            Some(first + 0.125),
            None,
            Some(first),
        ] {
            guard.arm(at);
        }
        let last = Cell::new(0);
        until("three are confirmed", async || {
            heard.has(|_| false);
            last.set(last.get() + 1);
            last.get() > 40
        })
        .await;
        let ready = |at| Report::GuardReady { at };
        assert_eq!(
            heard.drain(),
            [ready(first), ready(first + 0.125), ready(first)]
        );
    });
}

#[test]
fn c7_kills_the_whole_tree_at_the_deadline_while_the_loop_is_blocked() {
    run(async || {
        let folder = Folder::new();
        let (guard, heard) = open_guard();
        let tree = start_tree(&folder);
        guard.protect(tree.clone());
        let at = now() + 600.0;
        guard.arm(Some(at));
        while now() < at - 20.0 {
            assert!(is_running(tree.root));
            thread::sleep(Duration::from_millis(5));
        }
        while !has_ended(&tree, &folder) {
            thread::sleep(Duration::from_millis(1));
            assert!(now() < at + 250.0, "still alive 250 ms after the deadline");
        }
        assert!(now() >= at);
        guard.release().await;
        assert_eq!(
            heard.drain(),
            [Report::GuardReady { at }, Report::GuardFired]
        );
    });
}

#[test]
fn leaves_the_tree_alone_when_the_deadline_is_moved_or_taken_away() {
    run(async || {
        let folder = Folder::new();
        let (guard, heard) = open_guard();
        let tree = start_tree(&folder);
        guard.protect(tree.clone());
        let at = now() + 100.0;
        guard.arm(Some(at));
        guard.arm(Some(at + 100.0));
        guard.arm(None);
        sleep(400.0).await;
        assert!(is_running(tree.root));
        assert!(!heard.has(|it| *it == Report::GuardFired));
        guard.arm(Some(at));
        until_heard(&heard, "fired", |it| *it == Report::GuardFired).await;
        until("the tree is dead", async || has_ended(&tree, &folder)).await;
        guard.release().await;
    });
}

#[test]
fn kills_a_tree_that_is_handed_over_after_the_deadline() {
    run(async || {
        let folder = Folder::new();
        let (guard, heard) = open_guard();
        guard.arm(Some(now()));
        until_heard(&heard, "fired", |it| *it == Report::GuardFired).await;
        let tree = start_tree(&folder);
        guard.protect(tree.clone());
        until("the tree is dead", async || has_ended(&tree, &folder)).await;
        guard.release().await;
        let fired = heard
            .drain()
            .into_iter()
            .filter(|it| *it == Report::GuardFired);
        assert_eq!(fired.count(), 1);
    });
}

#[test]
fn c8_reports_a_thread_that_stalls_as_lost_and_says_so_again() {
    run(async || {
        let (heard, reports) = Heard::new();
        let (orders, _inbox) = channel();
        let guard = Rc::new(Guard::new(reports, Arc::new(Link::open().unwrap()), orders));
        let lost = || Report::GuardLost {
            message: "the guard's thread has stalled".into(),
        };
        let at = now();
        guard.arm(Some(at));
        guard.arm(Some(at + 1.0));
        until_heard(&heard, "the loss is reported", |it| *it == lost()).await;
        assert!(now() - at >= 900.0);
        guard.arm(None);
        guard.arm(Some(at));
        assert_eq!(heard.drain(), [lost(), lost()]);
    });
}

#[test]
fn takes_a_blocked_loop_for_no_reason_to_doubt_the_thread() {
    run(async || {
        let (guard, heard) = open_guard();
        let at = now() + 60_000.0;
        guard.arm(Some(at));
        thread::sleep(Duration::from_millis(2500));
        sleep(300.0).await;
        assert_eq!(heard.drain(), [Report::GuardReady { at }]);
    });
}
