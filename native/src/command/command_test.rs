use super::processes::read_process;
use super::stage::{Folder, Heard, is_running, run, until};
use super::*;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A command whose children are reaped as the host would.
struct Stage {
    command: Command,
    heard: Heard,
    folder: Folder,
}

fn stage(argv: &[&str]) -> Stage {
    stage_of(argv.iter().map(OsString::from).collect())
}

fn stage_of(argv: Vec<OsString>) -> Stage {
    let (heard, reports) = Heard::new();
    let guard = Guard::start(reports.clone()).unwrap();
    let command = Command::new(argv, reports, Some(guard));
    Stage {
        command,
        heard,
        folder: Folder::new(),
    }
}

impl Stage {
    fn start(&self) {
        let dir = self.folder.path().display().to_string();
        let add_env = [(MARK_NAME, dir.clone()), ("DIR", dir)];
        let add_env = add_env.map(|(name, value)| (name.to_owned(), value));
        self.command.start(&BTreeMap::from(add_env)).unwrap();
    }

    fn reap(&self) {
        while let Some((pid, status)) = sys::reap() {
            self.command.reaped(pid, status);
        }
    }

    async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        until(what, async || {
            self.reap();
            condition()
        })
        .await;
    }

    async fn until_heard(&self, what: &str, wanted: impl Fn(&Report) -> bool) {
        self.until(what, || self.heard.has(&wanted)).await;
    }

    async fn until_exited(&self) {
        self.until_heard("the command has ended", |it| {
            matches!(it, Report::Exited(_))
        })
        .await;
    }

    async fn end(&self) {
        self.command.kill();
        self.until_heard("the tree is empty", |it| *it == Report::Emptied)
            .await;
    }
}

async fn outcome_of(script: &str) -> Report {
    let stage = stage(&["sh", "-c", script]);
    stage.start();
    stage.until_exited().await;
    let outcome = stage.heard.drain().remove(1);
    stage.end().await;
    outcome
}

#[test]
fn p6_reports_each_exit_code_and_fatal_signal() {
    run(async || {
        for code in [0, 1, 7, 126, 127, 128, 143, 255] {
            let expected = Report::Exited(Ending::Code { code });
            assert_eq!(outcome_of(&format!("exit {code}")).await, expected);
        }
        // Not SIGHUP: under nohup it is ignored, and so it is in a command.
        for signal in [
            "SIGUSR1",
            "SIGTERM",
            "SIGKILL",
            "SIGSEGV",
            "SIGRTMIN",
            "SIGRTMIN+30",
        ] {
            let number = number_of(signal).unwrap();
            let outcome = outcome_of(&format!("ulimit -c 0; kill -{number} $$")).await;
            assert_eq!(
                outcome,
                Report::Exited(Ending::Signal {
                    signal: signal.into()
                })
            );
        }
    });
}

#[test]
fn gives_a_session_the_words_the_variables_and_nothing_of_its_own() {
    run(async || {
        let script = "exec > $DIR/out; cut -d' ' -f1,5,6 /proc/$$/stat; echo \"$0 $*\"
            grep -E 'SigBlk|SigIgn' /proc/self/status; ls -l /proc/$$/fd | grep -cE '([3-9]|[0-9]{2}) -> (anon_inode|socket)'";
        let words = [
            b"sh".as_slice(),
            b"-c",
            script.as_bytes(),
            b"the name",
            b"a b",
            b"\xff",
            b"",
        ];
        let argv = words.map(|it| OsString::from_vec(it.to_vec()));
        let stage = stage_of(argv.into());
        sys::block_signals();
        stage.start();
        stage.until_exited().await;
        let [Report::Started { pid }, ..] = stage.heard.drain()[..] else {
            panic!()
        };
        let out = std::fs::read(stage.folder.file("out")).unwrap();
        let lines: Vec<&[u8]> = out.split(|it| *it == b'\n').collect();
        assert_eq!(lines[0], format!("{pid} {pid} {pid}").as_bytes());
        assert_eq!(lines[1], b"the name a b \xff ");
        assert_eq!(lines[2], b"SigBlk:\t0000000000000000");
        assert_eq!(lines[3], inherited_ignored().as_bytes());
        assert_eq!(
            lines[4], b"0",
            "nothing of the runtime or the guard is open"
        );
        stage.end().await;
    });
}

/// What whoever started the test ignores; SIGPIPE is ignored by Rust.
fn inherited_ignored() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|it| it.strip_prefix("SigIgn:\t"))
        .unwrap();
    format!(
        "SigIgn:\t{:016x}",
        u64::from_str_radix(line, 16).unwrap() & !0x1000
    )
}

#[test]
fn p7_names_what_only_the_kernel_can_tell() {
    run(async || {
        let folder = Folder::new();
        let script = folder.file("script");
        std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
        make_executable(&script);
        let name = script.to_str().unwrap().to_owned();
        let message = |reason| format!("Cannot start \"{name}\": {reason} (ENOENT)");
        let problem = |reason| StartProblem {
            errno: "ENOENT".into(),
            message: message(reason),
        };
        let without = stage(&[&name]);
        without.start();
        without.command.r#become();
        let expected = [
            Report::StartFailed(problem("its interpreter is not found")),
            Report::BecomeFailed(problem("not found")),
        ];
        assert_eq!(without.heard.drain(), expected);
        let long = stage(&["true", &"x".repeat(200_000)]);
        long.start();
        let [Report::StartFailed(problem)] = &long.heard.drain()[..] else {
            panic!()
        };
        assert_eq!(problem.errno, "E2BIG");
        let absent = stage(&["no-such-command"]);
        absent.start();
        let expected = absent.command.problem(true).unwrap();
        assert_eq!(absent.heard.drain(), [Report::StartFailed(expected)]);
    });
}

#[test]
fn hands_a_file_that_is_no_program_to_the_shell() {
    run(async || {
        let folder = Folder::new();
        let script = folder.file("script");
        std::fs::write(&script, "echo \"$1\" > $DIR/out; exit 7\n").unwrap();
        make_executable(&script);
        let stage = stage(&[script.to_str().unwrap(), "word"]);
        stage.start();
        stage.until_exited().await;
        assert_eq!(stage.folder.read("out"), "word\n");
        assert_eq!(
            stage.heard.drain()[1],
            Report::Exited(Ending::Code { code: 7 })
        );
        stage.end().await;
    });
}

fn make_executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn signals_reach_the_group_and_kill_ends_what_ignores_them() {
    run(async || {
        let script = "trap 'echo 1 >> $DIR/got' TERM
            (trap 'echo 2 >> $DIR/got' TERM; echo 1 >> $DIR/ready; while :; do sleep 0.01; done) &
            echo 1 >> $DIR/ready; while :; do sleep 0.01; done";
        let stage = stage(&["sh", "-c", script]);
        stage.start();
        let folder = &stage.folder;
        stage
            .until("the command is ready", || {
                folder.numbers("ready").len() == 2
            })
            .await;
        stage.command.signal("SIGTERM");
        stage.command.signal("SIGNONE");
        stage
            .until("both have it", || folder.numbers("got").len() == 2)
            .await;
        stage.end().await;
        let ended = Report::Exited(Ending::Signal {
            signal: "SIGKILL".into(),
        });
        assert_eq!(stage.heard.drain()[1..], [ended, Report::Emptied]);
    });
}

#[test]
fn kill_answers_each_order_with_one_emptied() {
    run(async || {
        let stage = stage(&["sleep", "1000"]);
        stage.command.kill();
        assert_eq!(stage.heard.drain(), [Report::Emptied]);
        stage.start();
        let again = stage
            .command
            .start(&BTreeMap::from([(MARK_NAME.into(), "1".into())]));
        assert_eq!(again, Err("Cannot start: the tree is not empty".into()));
        stage.command.kill();
        stage.end().await;
        let reports = stage.heard.drain();
        assert!(matches!(
            reports[..2],
            [Report::Started { .. }, Report::Exited(_)]
        ));
        assert_eq!(reports[2..], [Report::Emptied, Report::Emptied]);
        let unmarked = stage.command.start(&BTreeMap::new());
        assert_eq!(
            unmarked,
            Err(format!("Cannot start: no {MARK_NAME} was given"))
        );
        stage.start();
        stage.end().await;
    });
}

#[test]
fn p8_kill_ends_and_reaps_200_daemons_without_marks() {
    run(async || {
        let script = "for i in $(seq 200); do
                setsid sh -c 'env -i /bin/sleep 1000 & echo $! >> $DIR/pids'; done
            env -i DIR=$DIR setsid sh -c 'setsid sleep 1000 & echo $! >> $DIR/pids'";
        let stage = stage(&["sh", "-c", script]);
        stage.start();
        stage.until_exited().await;
        let pids = stage.folder.numbers("pids");
        assert_eq!(pids.iter().filter(|it| is_running(**it)).count(), 201);
        stage.end().await;
        stage.reap();
        let left: Vec<_> = pids
            .into_iter()
            .filter_map(|it| read_process(it).unwrap())
            .collect();
        assert_eq!(left, [], "not even zombies");
    });
}
