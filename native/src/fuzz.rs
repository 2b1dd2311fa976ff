//! What parses bytes of the network or of files, for `cargo fuzz`: nothing of it may panic, hang or
//! grow without bound, and two ways to the same result have to agree.
pub use crate::api::fuzz::{kubeconfig, lines, token};
pub use crate::command::fuzz::{mark, stat};

/// A line of a recording.
pub fn recording(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        crate::replay::is_line(text);
    }
}
