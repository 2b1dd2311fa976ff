//! Splits a stream of bytes into lines, in time linear in the bytes however small the chunks are.
use super::error_text::Trouble;

const NEWLINE: u8 = b'\n';

pub struct Lines {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    limit_bytes: usize,
}

impl Lines {
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            rest: Vec::new(),
            limit_bytes,
        }
    }

    /// The next line that ends in this chunk, without its newline; `None` once the chunk is used up.
    /// What was looked at is taken off the chunk. Fails when a line is longer than the limit.
    pub fn next(&mut self, chunk: &mut &[u8]) -> Result<Option<String>, Trouble> {
        let end = chunk.iter().position(|byte| *byte == NEWLINE);
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if self.rest.len() + part.len() > self.limit_bytes {
            let limit = self.limit_bytes;
            return Err(Trouble::plain(format!(
                "the server sent a line longer than {limit} bytes"
            )));
        }
        self.rest.extend_from_slice(part);
        *chunk = end.map_or(&[], |end| &chunk[end + 1..]);
        Ok(end.map(|_| text_of(std::mem::take(&mut self.rest))))
    }

    /// Whether a line has begun and not ended.
    pub fn is_in_line(&self) -> bool {
        !self.rest.is_empty()
    }
}

/// The bytes as text, with replacement characters for what is no UTF-8.
pub fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(lines: &mut Lines, mut chunk: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| lines.next(&mut chunk).unwrap()).collect()
    }

    #[test]
    fn next_finds_the_same_lines_however_they_are_cut() {
        let bytes = "{\"a\":\"é\"}\n{\"b\":2}\n\n{\"c\":3}\n".as_bytes();
        let expected = ["{\"a\":\"é\"}", "{\"b\":2}", "", "{\"c\":3}"];
        for size in 1..=bytes.len() {
            let mut lines = Lines::new(100);
            let found: Vec<_> = bytes
                .chunks(size)
                .flat_map(|it| split(&mut lines, it))
                .collect();
            assert_eq!(found, expected);
            assert!(!lines.is_in_line());
        }
    }

    #[test]
    fn next_takes_a_line_of_the_limit_and_none_that_is_longer() {
        let mut lines = Lines::new(1024 * 1024);
        for _ in 0..1024 * 1024 {
            assert!(split(&mut lines, b"x").is_empty());
        }
        assert!(lines.is_in_line());
        assert_eq!(split(&mut lines, b"\n")[0].len(), 1024 * 1024);
        let mut long: &[u8] = &[b'x'; 1024 * 1024 + 1];
        let error = lines.next(&mut long).unwrap_err();
        assert_eq!(
            error.describe(""),
            "the server sent a line longer than 1048576 bytes"
        );
    }

    #[test]
    fn next_replaces_what_is_no_text() {
        assert_eq!(split(&mut Lines::new(9), b"a\xff\n"), ["a\u{fffd}"]);
    }
}
