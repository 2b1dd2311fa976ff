//! `k8s-await-election [--help | --version | --install PATH | --replay FILE…] [--] COMMAND [ARGUMENT…]`
mod api;
mod command;
mod engine;
mod facts;
#[cfg(fuzzing)]
pub mod fuzz;
mod host;
mod install;
mod line_queue;
mod listener;
mod printer;
mod probe;
mod protocol;
mod recorder;
mod replay;
mod signals;
mod start_lock;
mod sys;
mod tape;
mod timer;

use command::Command;
use engine::Engine;
use protocol::Reports;
use replay::Played;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, panic};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// musl's gives pages back and takes them again with every request: a fifth of a renewal's time.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

const USAGE: &str = "\
k8s-await-election [--help | --version | --install PATH | --replay FILE…] [--] COMMAND [ARGUMENT…]

Runs COMMAND on exactly one replica, chosen by a Kubernetes Lease. Without
K8S_AWAIT_ELECTION_ENABLED it becomes COMMAND at once. Everything else is set by
K8S_AWAIT_ELECTION_* variables; see the README.

--install PATH copies this file to PATH, for an init container. --replay FILE… plays what
K8S_AWAIT_ELECTION_RECORD=FILE recorded, and says where an order differs.
";

/// EX_USAGE.
const REFUSED: u8 = 64;

/// Options are ours only before the command; everything from the command on is the command's.
pub fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let first = words.next();
    let rest: Vec<OsString> = words.collect();
    match first.as_ref().and_then(|it| it.to_str()) {
        Some("--help") => say(USAGE),
        Some("--version") => say(concat!(env!("CARGO_PKG_VERSION"), "\n")),
        Some("--install") => install(&rest),
        Some("--replay") => replay(&rest),
        Some("--") => run(rest),
        Some(option) if option.starts_with("--") => {
            refuse(&format!("there is no option {}", serde_json::json!(option)))
        }
        _ => run(first.into_iter().chain(rest).collect()),
    }
}

fn say(text: &str) -> ExitCode {
    let written = io::stdout().write_all(text.as_bytes());
    ExitCode::from(u8::from(written.is_err()))
}

fn refuse(problem: &str) -> ExitCode {
    // Where nobody reads it, the exit code has to do.
    let _ = writeln!(io::stderr(), "k8s-await-election: {problem}");
    ExitCode::from(REFUSED)
}

fn install(words: &[OsString]) -> ExitCode {
    match words {
        [path] => ExitCode::from(install::install(path.as_ref())),
        _ => refuse("--install wants one path, that of the file or of its folder"),
    }
}

fn replay(files: &[OsString]) -> ExitCode {
    if files.is_empty() {
        return refuse("--replay wants the files to play");
    }
    let mut played = Played::default();
    let outcome = Engine::open().and_then(|engine| {
        let mut files = files.iter();
        files.try_for_each(|file| replay::replay(file, &engine, &mut played))
    });
    match outcome {
        Ok(()) => say(&format!(
            "verified: {} runs, {} steps\n",
            played.runs, played.steps
        )),
        Err(problem) => {
            let _ = writeln!(io::stderr(), "k8s-await-election: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(argv: Vec<OsString>) -> ExitCode {
    if facts::is_enabled() {
        signals::block();
    } else {
        // What the program would order, without the milliseconds that the engine takes. Only a failure
        // returns, and then the program words it.
        Command::new(argv.clone(), Reports::nowhere(), None).r#become();
    }
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        command::kill::last_resort();
        tell(panic);
    }));
    let runtime = match Builder::new_current_thread().enable_io().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("cannot start: {error}")),
    };
    let code = LocalSet::new().block_on(&runtime, host::run(argv));
    // Threads that are stuck in a write, and exchanges under way, end with the process.
    std::process::exit(code)
}
