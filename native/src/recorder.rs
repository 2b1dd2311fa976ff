//! `K8S_AWAIT_ELECTION_RECORD`: what the program writes down of itself goes into a file. It is never
//! worth a lease: whatever goes wrong is one line in the log and the end of the recording.
use crate::engine::{Engine, Failure};
use crate::printer::Printer;
use crate::tape::Tape;

pub struct Recorder {
    file: String,
    tape: Tape,
    is_off: bool,
}

impl Recorder {
    /// To be called before the program begins.
    pub fn open(file: String, engine: &Engine) -> Result<Self, Failure> {
        engine.record()?;
        Ok(Self {
            tape: Tape::open(&file),
            file,
            is_off: false,
        })
    }

    /// Takes what was recorded by the last step.
    pub fn take(&mut self, engine: &Engine, printer: &Printer) -> Result<(), Failure> {
        let mut is_first = false;
        for line in engine.tape()? {
            match line {
                None => is_first = true,
                Some(line) if is_first => self.tape.turn(line),
                Some(line) => self.tape.append(line),
            }
        }
        if self.tape.is_full() {
            engine.fill_tape()?;
        }
        if let Some(problem) = self.tape.failure().filter(|_| !self.is_off) {
            self.is_off = true;
            if let Some(line) = engine.recording_ended(&self.file, &problem)? {
                printer.print(&line);
            }
        }
        Ok(())
    }

    /// Waits for the last lines, but not for ever.
    pub async fn end(self) {
        self.tape.end().await;
    }
}
