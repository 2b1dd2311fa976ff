//! Reading a small file that may be anything: opened without blocking, because opening a FIFO waits
//! for a writer, and never read further than the limit.
use super::lines::text_of;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Debug)]
pub enum FileTrouble {
    Io(io::Error),
    NotRegular { is_folder: bool },
    TooLong { limit_bytes: usize },
    Empty,
}

impl From<io::Error> for FileTrouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The text without white space around it. May block for as long as a file system likes.
pub fn read_text(path: &Path, limit_bytes: usize) -> Result<String, FileTrouble> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileTrouble::NotRegular {
            is_folder: metadata.is_dir(),
        });
    }
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too long, however large it is.
    file.take(limit_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit_bytes {
        return Err(FileTrouble::TooLong { limit_bytes });
    }
    let text = text_of(bytes).trim().to_owned();
    if text.is_empty() {
        Err(FileTrouble::Empty)
    } else {
        Ok(text)
    }
}

/// Whether it can be sent in a header: anything else would fail with every request.
pub fn is_one_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
