//! A value that lives outside the process and changes there, such as a token file: read again when
//! it is old or was refused. Once it could be read, a later failure keeps the last good value,
//! because a rotated token is usually still valid for minutes while an absent one never is.
use super::error_text::code_of;
use super::offload::Offloaded;
use crate::protocol::Instant;
use crate::timer;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// How long a caller waits for a reading while a value from before is at hand.
const PATIENCE_MS: f64 = 1000.0;

/// Says in words for the user why it cannot be read.
pub type Read<T> = Arc<dyn Fn() -> Result<T, String> + Send + Sync>;

struct Reading<T> {
    started_at: Instant,
    outcome: Offloaded<Result<T, String>>,
}

pub struct Reread<T> {
    read: Read<T>,
    max_age_ms: f64,
    known: RefCell<Option<T>>,
    read_at: Cell<Instant>,
    reading: RefCell<Option<Reading<T>>>,
}

impl<T: Clone + Send + Sync + 'static> Reread<T> {
    pub fn new(read: Read<T>, max_age_ms: f64) -> Self {
        Self {
            read,
            max_age_ms,
            known: RefCell::new(None),
            read_at: Cell::new(f64::NEG_INFINITY),
            reading: RefCell::new(None),
        }
    }

    /// The value, no older than was asked for where the outside allows it. Fails with what the
    /// reading failed with, as long as there is no value from before.
    pub async fn get(&self) -> Result<T, String> {
        self.harvest();
        let known = self.known.borrow().clone();
        let Some(value) = known else {
            return self.read_once().await;
        };
        if timer::now() - self.read_at.get() < self.max_age_ms {
            return Ok(value);
        }
        let reading = timer::until(timer::now() + PATIENCE_MS, self.read_once()).await;
        Ok(reading.and_then(Result::ok).unwrap_or(value))
    }

    /// Has the next `get` read again, whatever the age.
    pub fn expire(&self) {
        self.read_at.set(f64::NEG_INFINITY);
    }

    /// One reading serves all who wait: a hung file system may take one thread, not all of them.
    async fn read_once(&self) -> Result<T, String> {
        let running = self
            .reading
            .borrow()
            .as_ref()
            .map(|reading| reading.outcome.clone());
        let outcome = match running {
            Some(outcome) => outcome,
            None => self.start()?,
        };
        let result = outcome.wait().await;
        self.harvest();
        result
    }

    fn start(&self) -> Result<Offloaded<Result<T, String>>, String> {
        let read = self.read.clone();
        let outcome = Offloaded::start(move || read())
            .map_err(|error| format!("Cannot start a thread: {}.", code_of(&error)))?;
        let reading = Reading {
            started_at: timer::now(),
            outcome: outcome.clone(),
        };
        *self.reading.borrow_mut() = Some(reading);
        Ok(outcome)
    }

    /// Takes in what a reading has brought, whoever had it started.
    fn harvest(&self) {
        let mut reading = self.reading.borrow_mut();
        let Some(Reading {
            started_at,
            outcome,
        }) = &*reading
        else {
            return;
        };
        let Some(result) = outcome.outcome() else {
            return;
        };
        if let Ok(value) = result {
            *self.known.borrow_mut() = Some(value);
            self.read_at.set(*started_at);
        }
        *reading = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Answers = Vec<Result<String, String>>;

    /// Gives the answers one after the other, the last one first.
    fn reread(answers: Answers, max_age_ms: f64) -> (Reread<String>, Arc<AtomicUsize>) {
        let (answers, count) = (Mutex::new(answers), Arc::new(AtomicUsize::new(0)));
        let readings = count.clone();
        let read = move || {
            readings.fetch_add(1, Ordering::Relaxed);
            answers.lock().unwrap().pop().unwrap()
        };
        (Reread::new(Arc::new(read), max_age_ms), count)
    }

    #[test]
    fn get_reads_once_until_it_is_old_or_refused() {
        run(async {
            let (value, readings) = reread(vec![Ok("b".into()), Ok("a".into())], 60_000.0);
            assert_eq!(value.get().await, Ok("a".into()));
            assert_eq!(value.get().await, Ok("a".into()));
            value.expire();
            assert_eq!(value.get().await, Ok("b".into()));
            assert_eq!(readings.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn get_keeps_the_last_value_when_it_cannot_be_read_again() {
        run(async {
            let gone = || Err("gone".to_string());
            let (value, _) = reread(vec![gone(), Ok("a".into()), gone()], 0.0);
            assert_eq!(value.get().await, gone());
            assert_eq!(value.get().await, Ok("a".into()));
            assert_eq!(value.get().await, Ok("a".into()));
        });
    }

    #[test]
    fn get_waits_a_second_for_a_reading_that_hangs_and_starts_no_other() {
        run(async {
            let count = Arc::new(AtomicUsize::new(0));
            let readings = count.clone();
            let read = move || {
                if readings.fetch_add(1, Ordering::Relaxed) > 0 {
                    std::thread::sleep(std::time::Duration::from_secs(3600));
                }
                Ok("first".to_string())
            };
            let value = Reread::new(Arc::new(read), 60_000.0);
            assert_eq!(value.get().await, Ok("first".into()));
            value.expire();
            for _ in 0..2 {
                let started_at = timer::now();
                assert_eq!(value.get().await, Ok("first".into()));
                assert!((900.0..3000.0).contains(&(timer::now() - started_at)));
            }
            assert_eq!(count.load(Ordering::Relaxed), 2);
        });
    }
}
