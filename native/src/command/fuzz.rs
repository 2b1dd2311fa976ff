//! See `crate::fuzz`.
use super::processes::{Marked, parse_stat, search};

/// A line of `/proc/PID/stat`, whose second field is anybody's.
pub fn stat(data: &[u8]) {
    parse_stat(1, data);
}

/// An environment, and the mark looked for in it.
pub fn mark(data: &[u8]) {
    let (length, data) = data.split_first().unwrap_or((&0, &[]));
    let (mark, variables) = data.split_at(usize::from(*length).clamp(1, 64).min(data.len()));
    if mark.is_empty() || mark.contains(&0) {
        return;
    }
    let is_there = variables.split(|byte| *byte == 0).any(|it| it == mark);
    let is_whole = variables.ends_with(&[0]);
    let found = search(variables, mark).expect("bytes can be read");
    // The kernel ends every variable with a zero byte; a last one without is cut.
    assert!(!is_whole || is_there == (found == Marked::Yes), "{found:?}");
}
