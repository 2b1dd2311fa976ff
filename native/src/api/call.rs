//! One request or watch under way: how far it has come, and how it is reported.
use super::access::Access;
use super::connections::{Connection, Connections};
use super::error_text::{Trouble, one_line};
use super::exchange::{Question, exchange, retry_after_ms};
use crate::protocol::{Answer, Instant, Report};
use crate::timer;
use hyper::body::Incoming;
use hyper::http::response::Parts;
use hyper::{Response, StatusCode};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;

/// What every call goes through.
pub struct Via {
    pub access: Rc<Access>,
    pub connections: Connections,
}

pub struct Call {
    id: String,
    timeout_ms: f64,
    /// One end for everything: credentials, a name, a connection, and every byte of the answer.
    pub ends_at: Instant,
    /// Who was asked: for messages, such as `10.0.0.1:443`, and for the choice of the next address.
    asked: RefCell<Option<(String, IpAddr)>>,
    is_answering: Cell<bool>,
}

impl Call {
    pub fn new(id: &str, timeout_ms: f64) -> Self {
        Self {
            id: id.to_owned(),
            timeout_ms,
            ends_at: timer::now() + timeout_ms,
            asked: RefCell::default(),
            is_answering: Cell::new(false),
        }
    }

    /// The work's outcome, or how it is reported that there is none.
    pub async fn within_time<T>(
        &self,
        via: &Via,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Report> {
        let outcome = timer::until(self.ends_at, work).await;
        outcome
            .unwrap_or_else(|| Err(self.lateness()))
            .map_err(|trouble| {
                if let Some((_, address)) = &*self.asked.borrow() {
                    via.connections.failed(*address);
                }
                Report::Unanswered {
                    id: self.id.clone(),
                    error: self.describe(&trouble),
                }
            })
    }

    /// Asks on the connection; the credentials are told when they were refused.
    pub async fn ask(
        &self,
        connection: &mut Connection,
        question: &Question<'_>,
        via: &Via,
    ) -> Result<Response<Incoming>, Trouble> {
        *self.asked.borrow_mut() = Some((connection.peer.clone(), connection.address));
        let response = exchange(connection, question).await?;
        self.is_answering.set(true);
        if response.status() == StatusCode::UNAUTHORIZED {
            via.access.refused();
        }
        Ok(response)
    }

    pub fn answered(&self, head: &Parts, body: String) -> Report {
        Report::Answered(Answer {
            id: self.id.clone(),
            status: head.status.as_u16(),
            retry_after_ms: retry_after_ms(&head.headers),
            body,
        })
    }

    pub fn describe(&self, trouble: &Trouble) -> String {
        let asked = self.asked.borrow();
        trouble.describe(asked.as_ref().map_or("API server", |(peer, _)| peer))
    }

    fn lateness(&self) -> Trouble {
        let missing = match &*self.asked.borrow() {
            None => "API server: no connection".into(),
            Some((peer, _)) if self.is_answering.get() => format!("{peer}: no complete answer"),
            Some((peer, _)) => format!("{peer}: no answer"),
        };
        Trouble::plain(one_line(&format!(
            "ETIMEDOUT {missing} within {} ms",
            self.timeout_ms
        )))
    }
}
