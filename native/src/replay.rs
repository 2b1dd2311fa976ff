//! `--replay FILE…`: plays recordings in the very engine that leads in a cluster, and compares the
//! orders, step by step. For a transcript there is `k8s-await-election-replay`.
use crate::engine::{Engine, Failure, Now};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// A line of `src/core/recording.ts`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    instant: f64,
    wall_ms: f64,
    #[serde(borrow)]
    facts: Option<&'a RawValue>,
    #[serde(borrow)]
    program: Option<&'a RawValue>,
    #[serde(borrow)]
    report: Option<&'a RawValue>,
    orders: Option<String>,
}

/// What was played.
#[derive(Default)]
pub struct Played {
    pub runs: u64,
    pub steps: u64,
}

/// Plays one file.
///
/// # Errors
/// Says at which line the orders differ, or why the file is no recording.
pub fn replay(file: &OsStr, engine: &Engine, played: &mut Played) -> Result<(), String> {
    let path = Path::new(file).display();
    let lines = File::open(file).map_err(|error| format!("{path}: {error}"))?;
    let mut is_cut = false;
    for (index, line) in BufReader::new(lines).lines().enumerate() {
        let place = |problem: &str| format!("{path}:{}: {problem}", index + 1);
        let text = line.map_err(|error| place(&error.to_string()))?;
        if text.is_empty() {
            continue;
        }
        match serde_json::from_str::<Line>(&text) {
            // What a process that ended left behind; only a start can come after it.
            Ok(line) if is_cut && line.facts.is_none() => {
                return Err(place("not after a line that is cut"));
            }
            Ok(line) => {
                is_cut = false;
                play(&line, engine, played).map_err(|problem| place(&problem))?;
            }
            Err(_) if text.starts_with("{\"") => is_cut = true,
            Err(error) => return Err(place(&format!("no line of a recording: {error}"))),
        }
    }
    Ok(())
}

/// Whether a text is a line of a recording.
#[cfg(fuzzing)]
pub fn is_line(text: &str) -> bool {
    serde_json::from_str::<Line>(text).is_ok()
}

fn play(line: &Line, engine: &Engine, played: &mut Played) -> Result<(), String> {
    let now = Now {
        instant: line.instant,
        wall_ms: line.wall_ms,
    };
    let orders = match (line.facts, line.program, line.report) {
        (Some(facts), None, None) => {
            played.runs += 1;
            engine.begin_text(facts.get(), now)
        }
        (None, Some(program), None) => return engine.resume(program.get()),
        (None, None, Some(report)) => {
            played.steps += 1;
            engine.step_text(report.get(), now)
        }
        _ => return Err("neither a start, nor a state, nor a step".into()),
    };
    compare(orders, line.orders.as_deref())
}

fn compare(orders: Result<String, Failure>, recorded: Option<&str>) -> Result<(), String> {
    match (orders, recorded) {
        (Ok(orders), Some(digest)) if fnv1a(&orders) == digest => Ok(()),
        // It threw then, and throws now.
        (Err(_), None) => Ok(()),
        (Ok(orders), _) => Err(format!("the orders differ: {orders}")),
        (Err(failure), Some(_)) => Err(failure),
    }
}

/// The digest of `src/core/recording.ts`: FNV-1a of 64 bits.
fn fnv1a(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_those_of_others() {
        assert_eq!(super::fnv1a(""), "cbf29ce484222325");
        assert_eq!(super::fnv1a("foobar"), "85944171f73967e8");
    }
}
