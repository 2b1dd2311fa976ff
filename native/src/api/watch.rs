//! A watch: an answer without an end, on a connection of its own, told line by line.
use super::call::{Call, Via};
use super::connections::Connection;
use super::error_text::Trouble;
use super::exchange::{Question, read_start};
use super::lines::Lines;
use crate::protocol::{Report, Reports, WatchOrder};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::yield_now;

const MAX_LINE_BYTES: usize = 1024 * 1024;
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

enum Opening {
    /// The connection lives as long as its stream is read.
    Open(Connection, Incoming),
    Refused(Report),
}

/// Returns the last report. A refusal is cut, because it only says why.
pub async fn follow(order: &WatchOrder, call: &Call, via: &Via, reports: &Reports) -> Report {
    let id = &order.id;
    match call.within_time(via, open(order, call, via)).await {
        Err(unanswered) => unanswered,
        Ok(Opening::Refused(answer)) => answer,
        Ok(Opening::Open(_connection, stream)) => {
            reports.tell(Report::Opened { id: id.clone() });
            let ended = tell_lines(stream, id, reports).await;
            let error = ended.err().map(|trouble| call.describe(&trouble));
            Report::Ended {
                id: id.clone(),
                error,
            }
        }
    }
}

async fn open(order: &WatchOrder, call: &Call, via: &Via) -> Result<Opening, Trouble> {
    let server = via.access.server().await.map_err(Trouble::Plain)?;
    let mut connection = via
        .connections
        .open(&server, order.fresh, call.ends_at)
        .await?;
    let question = Question {
        server: &server,
        method: "GET",
        path: &order.path,
        body: None,
        content_type: None,
    };
    let response = call.ask(&mut connection, &question, via).await?;
    if response.status().is_success() {
        return Ok(Opening::Open(connection, response.into_body()));
    }
    let (head, body) = response.into_parts();
    let (text, _) = read_start(body, MAX_REFUSAL_BYTES).await?;
    Ok(Opening::Refused(call.answered(&head, text)))
}

async fn tell_lines(mut stream: Incoming, id: &str, reports: &Reports) -> Result<(), Trouble> {
    let mut lines = Lines::new(MAX_LINE_BYTES);
    while let Some(frame) = stream.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let mut chunk = &data[..];
        while let Some(text) = lines.next(&mut chunk)? {
            reports.tell(Report::Line {
                id: id.to_owned(),
                text,
            });
            // The program may abandon the watch because of this line.
            yield_now().await;
        }
    }
    if lines.is_in_line() {
        return Err(Trouble::plain("the stream ended within a line"));
    }
    Ok(())
}
