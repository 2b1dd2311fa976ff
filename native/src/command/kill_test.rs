use super::super::stage::{Folder, alone, is_running};
use super::*;
use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < 20, "not in time: {what}");
        sleep(Duration::from_millis(5));
    }
}

/// A shell script in this session or in one of its own.
fn start(words: &[&str], mark: &str, folder: &Folder) -> Child {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
        .env("DIR", folder.path())
        .env("K8S_AWAIT_ELECTION_TERM", mark)
        .spawn()
        .unwrap()
}

/// Starts a shell script as a command would be, and waits until it has written its file `ready`.
fn grow(script: &str) -> (Tree, Folder, Child) {
    let folder = Folder::new();
    let mark = folder.path().display().to_string();
    let child = start(&["setsid", "sh", "-c", script], &mark, &folder);
    let tree = Tree::new(child.id() as i32, format!("K8S_AWAIT_ELECTION_TERM={mark}"));
    wait_for("the script is ready", || !folder.read("ready").is_empty());
    (tree, folder, child)
}

fn found(scan: &mut Scan) -> BTreeSet<i32> {
    scan.look(|_| {})
        .unwrap()
        .alive
        .iter()
        .map(|it| it.pid)
        .collect()
}

fn end(tree: &Tree) {
    let mut kill = Kill::new(tree.clone());
    let start = Instant::now();
    loop {
        let round = kill.round();
        if round.is_empty {
            break;
        }
        assert!(start.elapsed().as_secs() < 20, "alive: {:?}", round.alive);
        let ms = round.pause_after(start.elapsed().as_secs_f64() * 1e3);
        sleep(Duration::from_secs_f64(ms / 1e3));
    }
    while sys::reap().is_some() {}
}

#[test]
fn finds_children_other_groups_and_marked_orphans() {
    let _alone = alone();
    let (tree, folder, _) = grow(
        "set -m; sleep 1000 & echo $! >> $DIR/pids; set +m
         setsid sh -c 'sleep 1000 & echo $! >> $DIR/pids'
         setsid sleep 1000 & echo $! >> $DIR/pids
         (sleep 1000 & echo $! >> $DIR/pids)
         echo 1 > $DIR/ready; wait",
    );
    let pids = folder.numbers("pids");
    let expected: BTreeSet<i32> = pids.iter().copied().chain([tree.root]).collect();
    assert_eq!(expected.len(), 5);
    assert_eq!(found(&mut Scan::new(tree.clone())), expected);
    end(&tree);
    assert!(!pids.iter().any(|it| is_running(*it)));
}

#[test]
fn leaves_strangers_and_helpers_alone() {
    let _alone = alone();
    let (tree, folder, _) = grow("echo 1 > $DIR/ready; exec sleep 1000");
    let mark = format!("{}0", folder.path().display());
    let mut helper = start(&["sh", "-c", "setsid sleep 1000 & wait"], &mark, &folder);
    assert_eq!(
        found(&mut Scan::new(tree.clone())),
        BTreeSet::from([tree.root])
    );
    end(&tree);
    assert!(is_running(helper.id() as i32));
    let children = format!("/proc/{0}/task/{0}/children", helper.id());
    for child in std::fs::read_to_string(children)
        .unwrap()
        .split_whitespace()
    {
        sys::kill(child.parse().unwrap(), libc::SIGKILL).unwrap();
    }
    helper.wait().unwrap();
}

#[test]
fn finds_orphans_that_the_host_has_adopted() {
    let _alone = alone();
    sys::adopt_orphans(true).unwrap();
    let (tree, folder, _) = grow(
        "setsid sh -c 'env -i /bin/sleep 1000 & echo $! >> $DIR/pids'
         sh -c 'env -i setsid /bin/sleep 1000 & echo $! >> $DIR/pids'
         echo 1 > $DIR/ready",
    );
    let pids = folder.numbers("pids");
    wait_for("the command has ended", || !is_running(tree.root));
    let expected = pids.iter().copied().collect();
    wait_for("all are orphans", || {
        found(&mut Scan::new(tree.clone())) == expected
    });
    end(&tree);
    assert!(!pids.iter().any(|it| is_running(*it)));
}

#[test]
fn remembers_a_member_that_loses_its_parent_its_session_and_its_mark() {
    let _alone = alone();
    sys::adopt_orphans(false).unwrap();
    let (tree, folder, _) = grow(
        "mkfifo $DIR/fifo
         sh -c 'env -i setsid /bin/sleep 1000 & echo $! >> $DIR/pids
             echo 1 > $DIR/ready; read x < $DIR/fifo' &
         wait; exec sleep 1000",
    );
    let pid = folder.numbers("pids")[0];
    let read = || read_process(pid).unwrap().unwrap();
    wait_for("it has a session of its own", || {
        read().session == pid && !read().is_bare
    });
    let mut scan = Scan::new(tree.clone());
    assert!(found(&mut scan).contains(&pid));
    let parent = read().parent;
    sys::kill(parent, libc::SIGKILL).unwrap();
    wait_for("the parent has ended", || read().parent != parent);
    assert!(
        !found(&mut Scan::new(tree.clone())).contains(&pid),
        "only memory tells"
    );
    assert!(found(&mut scan).contains(&pid));
    end(&tree);
    assert!(is_running(pid));
    sys::kill(pid, libc::SIGKILL).unwrap();
}

#[test]
fn takes_nothing_that_is_older_than_the_command() {
    let _alone = alone();
    let (tree, ..) = grow("echo 1 > $DIR/ready; exec sleep 1000");
    let later = Tree {
        start_ticks: tree.start_ticks + 1,
        ..tree.clone()
    };
    assert_eq!(found(&mut Scan::new(later.clone())), BTreeSet::new());
    Kill::new(later).round();
    assert!(
        is_running(tree.root),
        "its pid was given again, and its group too"
    );
    end(&tree);
}

#[test]
fn p9_ends_what_forks_all_the_time() {
    let _alone = alone();
    let (tree, ..) = grow(
        "echo 'setsid sh $DIR/hop & exit' > $DIR/hop
         for i in 1 2 3 4 5; do sh $DIR/hop; done
         for i in 1 2 3; do (while :; do sleep 1000 & kill $!; done) & done
         echo 1 > $DIR/ready; exec sleep 1000",
    );
    end(&tree);
    assert_eq!(found(&mut Scan::new(tree)), BTreeSet::new());
}

#[test]
fn a_look_that_is_out_of_time_is_not_conclusive() {
    let _alone = alone();
    let (tree, ..) = grow("echo 1 > $DIR/ready; exec sleep 1000");
    let mut kill = Kill::new(tree.clone());
    assert!(!kill.look_until(0.0).unwrap().is_conclusive);
    assert_eq!(kill.look().unwrap().alive.len(), 1);
    kill.strike();
    wait_for("the command has ended", || !is_running(tree.root));
    end(&tree);
}
