//! Executed probes, as real processes.
use super::*;
use crate::command::stage::{Folder, Heard, is_running, run, until};
use crate::protocol::Report;
use crate::sys;
use std::cell::Cell;
use std::collections::BTreeMap;

#[path = "probe_net_test.rs"]
mod net;

const TIMEOUT_MS: f64 = 400.0;

struct Stage {
    prober: Prober,
    command: Rc<Command>,
    heard: Heard,
    folder: Folder,
    count: Cell<u32>,
}

impl Stage {
    fn new(argv: &[&str]) -> Self {
        let (heard, reports) = Heard::new();
        let argv = argv.iter().map(OsString::from).collect();
        let command = Rc::new(Command::new(argv, reports.clone(), None));
        Self {
            prober: Prober::new(command.clone(), reports),
            command,
            heard,
            folder: Folder::new(),
            count: Cell::new(0),
        }
    }

    fn start_command(&self) {
        let dir = self.folder.path().display().to_string();
        let variables = [("K8S_AWAIT_ELECTION_TERM", dir.clone()), ("DIR", dir)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        self.command.start(&BTreeMap::from(variables)).unwrap();
    }

    async fn end_command(&self) {
        self.command.kill();
        self.until("the tree is empty", || {
            self.heard.has(|it| *it == Report::Emptied)
        })
        .await;
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        until(what, async || {
            while let Some((pid, status)) = sys::reap() {
                self.command.reaped(pid, status);
            }
            condition()
        })
        .await;
    }

    fn order(&self, target: ProbeTarget, timeout_ms: f64) -> String {
        self.count.set(self.count.get() + 1);
        let id = format!("probe-{}", self.count.get());
        self.prober.probe(ProbeOrder {
            id: id.clone(),
            target,
            timeout_ms,
        });
        id
    }

    /// What a probe came to: `yes` or `no`, and what was found.
    async fn probe_for(&self, target: ProbeTarget, timeout_ms: f64) -> String {
        let own = self.order(target, timeout_ms);
        let found = RefCell::default();
        self.until("the probe has ended", || {
            for report in self.heard.drain() {
                if let Report::Probed { id, ok, detail } = report {
                    assert_eq!(id, own);
                    found.replace(format!("{} {detail}", if ok { "yes" } else { "no" }));
                }
            }
            !found.borrow().is_empty()
        })
        .await;
        found.into_inner()
    }

    async fn probe(&self, target: ProbeTarget) -> String {
        self.probe_for(target, TIMEOUT_MS).await
    }
}

fn exec(script: &str) -> ProbeTarget {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    ProbeTarget::Exec { argv }
}

#[test]
fn exec_is_told_by_its_code_and_has_the_commands_variables() {
    run(async || {
        let stage = Stage::new(&["sleep", "60"]);
        assert_eq!(stage.probe(exec("exit 0")).await, "no no command runs");
        stage.start_command();
        for (script, expected) in [
            ("exit 0", "yes ended with code 0"),
            ("echo out; echo err >&2; exit 3", "no ended with code 3"),
            ("kill -9 $$", "no ended by SIGKILL"),
            ("cat && test -d \"$DIR\"", "yes ended with code 0"),
        ] {
            assert_eq!(stage.probe_for(exec(script), 5000.0).await, expected);
        }
        let argv = vec!["/no/such/check".into()];
        let found = stage.probe(ProbeTarget::Exec { argv }).await;
        assert_eq!(
            found,
            "no Cannot start \"/no/such/check\": not found (ENOENT)"
        );
        stage.end_command().await;
        assert_eq!(stage.probe(exec("exit 0")).await, "no no command runs");
    });
}

const FORKS_AND_HANGS: &str = "sleep 60 & echo $$ $! > \"$DIR/pids\"; wait";

#[test]
fn exec_that_forks_and_hangs_is_killed_with_its_group_at_its_timeout() {
    run(async || {
        let stage = Stage::new(&["sleep", "60"]);
        stage.start_command();
        let found = stage.probe_for(exec(FORKS_AND_HANGS), 1000.0).await;
        assert_eq!(found, "no ETIMEDOUT no end within 1000 ms");
        let pids = stage.folder.numbers("pids");
        assert_eq!(pids.len(), 2);
        stage
            .until("its group is gone", || {
                !pids.iter().any(|it| is_running(*it))
            })
            .await;
        let found = stage
            .probe_for(exec("sleep 60 & echo $! > \"$DIR/left\""), 5000.0)
            .await;
        assert_eq!(found, "yes ended with code 0");
        let left = stage.folder.numbers("left");
        stage
            .until("nothing is left", || !is_running(left[0]))
            .await;
        stage.end_command().await;
    });
}

#[test]
fn abandon_ends_a_probe_without_a_word() {
    run(async || {
        let stage = Stage::new(&["sleep", "60"]);
        stage.start_command();
        let id = stage.order(exec(FORKS_AND_HANGS), 60_000.0);
        stage
            .until("it runs", || stage.folder.numbers("pids").len() == 2)
            .await;
        stage.prober.abandon(&id);
        let pids = stage.folder.numbers("pids");
        stage
            .until("its group is gone", || {
                !pids.iter().any(|it| is_running(*it))
            })
            .await;
        stage.end_command().await;
        assert!(!stage.heard.has(|it| matches!(it, Report::Probed { .. })));
    });
}

#[test]
fn s5_the_tree_is_empty_only_without_a_helper() {
    run(async || {
        let stage = Stage::new(&["sleep", "60"]);
        stage.start_command();
        stage.order(exec(&format!("setsid {FORKS_AND_HANGS}")), 60_000.0);
        stage
            .until("it has forked", || stage.folder.numbers("pids").len() == 2)
            .await;
        stage.end_command().await;
        for pid in stage.folder.numbers("pids") {
            assert!(!is_running(pid));
        }
    });
}

#[test]
fn there_is_one_helper_at_a_time() {
    run(async || {
        let stage = Stage::new(&["sleep", "60"]);
        stage.start_command();
        let script = "cd \"$DIR\"; mkdir own && sleep 0.2 && rmdir own";
        stage.order(exec(script), 60_000.0);
        let second = stage.order(exec(script), 60_000.0);
        let all = RefCell::new(Vec::new());
        stage
            .until("both have ended", || {
                let heard = stage.heard.drain().into_iter();
                let probed = heard.filter_map(|it| match it {
                    Report::Probed { id, ok, .. } => Some((id, ok)),
                    _ => None,
                });
                all.borrow_mut().extend(probed);
                all.borrow().len() == 2
            })
            .await;
        assert!(all.borrow().iter().all(|(_, ok)| *ok), "{all:?}");
        assert_eq!(all.borrow()[1].0, second);
        stage.end_command().await;
    });
}
