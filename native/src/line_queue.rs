//! Lines on their way out: bounded, and honest about what did not fit.
use std::collections::VecDeque;

pub struct LineQueue {
    max_lines: usize,
    waiting: VecDeque<Vec<u8>>,
    /// Of the first line, how many bytes are off our hands.
    written: usize,
    dropped: usize,
}

impl LineQueue {
    pub fn new(max_lines: usize) -> Self {
        Self {
            max_lines,
            waiting: VecDeque::new(),
            written: 0,
            dropped: 0,
        }
    }

    pub fn add(&mut self, line: &str) {
        if self.waiting.len() >= self.max_lines {
            self.dropped += 1;
            return;
        }
        self.tell_dropped();
        self.waiting.push_back(encode(line));
    }

    /// The bytes to write next, if there are any.
    pub fn first(&mut self) -> Option<&[u8]> {
        if self.waiting.is_empty() {
            self.tell_dropped();
        }
        self.waiting.front().map(|line| &line[self.written..])
    }

    /// The first `count` of those bytes are off our hands.
    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        if self
            .waiting
            .front()
            .is_some_and(|line| self.written >= line.len())
        {
            self.waiting.pop_front();
            self.written = 0;
        }
    }

    /// All the lines that wait, taken out at once.
    pub fn take_all(&mut self) -> Option<Vec<u8>> {
        self.tell_dropped();
        let lines: Vec<_> = self.waiting.drain(..).collect();
        (!lines.is_empty()).then(|| lines.concat())
    }

    /// Stands where the lines would have stood.
    fn tell_dropped(&mut self) {
        let lines = match self.dropped {
            0 => return,
            1 => "1 line was".to_owned(),
            count => format!("{count} lines were"),
        };
        let said = format!("{lines} dropped here: standard error was not read");
        self.waiting.push_back(encode(&said));
        self.dropped = 0;
    }
}

/// One line in one buffer, so that a short one (4 KiB) goes into a pipe whole or not at all.
fn encode(line: &str) -> Vec<u8> {
    let mut line = line.replace("\r\n", "\n").replace('\n', "\\n");
    line.push('\n');
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(queue: &mut LineQueue) -> Option<String> {
        let bytes = queue.first()?.to_vec();
        queue.wrote(bytes.len());
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn counts_what_did_not_fit_and_says_so_once_there_is_room() {
        let mut queue = LineQueue::new(2);
        for line in ["a", "b", "c", "d"] {
            queue.add(line);
        }
        assert_eq!(take(&mut queue).as_deref(), Some("a\n"));
        queue.add("e");
        assert_eq!(take(&mut queue).as_deref(), Some("b\n"));
        let said = "2 lines were dropped here: standard error was not read\n";
        assert_eq!(take(&mut queue).as_deref(), Some(said));
        assert_eq!(take(&mut queue).as_deref(), Some("e\n"));
        assert_eq!(take(&mut queue), None);
    }

    #[test]
    fn keeps_the_rest_of_a_line_that_was_written_in_part() {
        let mut queue = LineQueue::new(2);
        queue.add("abc");
        queue.wrote(2);
        assert_eq!(queue.first(), Some(&b"c\n"[..]));
        queue.wrote(2);
        assert_eq!(queue.first(), None);
    }

    #[test]
    fn keeps_a_line_one_line() {
        let mut queue = LineQueue::new(2);
        queue.add("a\nb\r\nc");
        assert_eq!(take(&mut queue).as_deref(), Some("a\\nb\\nc\n"));
    }

    #[test]
    fn takes_all_at_once() {
        let mut queue = LineQueue::new(1);
        queue.add("a");
        queue.add("b");
        let said = "a\n1 line was dropped here: standard error was not read\n";
        assert_eq!(queue.take_all().as_deref(), Some(said.as_bytes()));
        assert_eq!(queue.take_all(), None);
    }
}
