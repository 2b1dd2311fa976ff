//! One HTTP exchange on a connection, with every size bounded.
use super::connections::Connection;
use super::error_text::Trouble;
use super::lines::text_of;
use super::server::Server;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const PRODUCT: &str = concat!("k8s-await-election/", env!("CARGO_PKG_VERSION"));

/// Interim answers (1xx) before the real one; the API server sends none unless asked.
const MAX_INTERIM_ANSWERS: usize = 8;

pub struct Question<'a> {
    pub server: &'a Server,
    pub method: &'a str,
    pub path: &'a str,
    pub body: Option<&'a str>,
    /// Of the body; JSON unless told.
    pub content_type: Option<&'a str>,
}

/// Sends the question and returns the head of the answer, whatever its status; its body is still to
/// be read. A redirect is an answer like any other: nobody but the server that was asked gets the
/// credentials.
pub async fn exchange(
    connection: &mut Connection,
    question: &Question<'_>,
) -> Result<Response<Incoming>, Trouble> {
    send(connection, request_of(question)?).await
}

/// Sends a request as it is.
pub async fn send(
    connection: &mut Connection,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Trouble> {
    let interim_answers = Arc::new(AtomicUsize::new(0));
    let (count, connection_task) = (interim_answers.clone(), connection.task());
    hyper::ext::on_informational(&mut request, move |_| {
        if count.fetch_add(1, Ordering::Relaxed) >= MAX_INTERIM_ANSWERS {
            connection_task.abort();
        }
    });
    let answer = connection.sender.send_request(request).await;
    let peer = &connection.peer;
    match answer {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => Err(
            Trouble::Plain(format!("{peer} switches protocols, which nobody asked for")),
        ),
        Ok(response) => Ok(response),
        Err(_) if interim_answers.load(Ordering::Relaxed) > MAX_INTERIM_ANSWERS => Err(
            Trouble::Plain(format!("{peer} sends interim answers without end")),
        ),
        Err(error) => Err(error.into()),
    }
}

fn request_of(question: &Question<'_>) -> Result<Request<Full<Bytes>>, Trouble> {
    let Question {
        server,
        method,
        path,
        body,
        content_type,
    } = question;
    let mut request = Request::builder()
        .method(*method)
        .uri(format!("{}{path}", server.base_path))
        .header(HOST, host_of(server))
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, PRODUCT);
    if let Some(body) = body {
        request = request
            .header(CONTENT_TYPE, content_type.unwrap_or("application/json"))
            .header(CONTENT_LENGTH, body.len().to_string());
    }
    if let Some(token) = &server.bearer_token {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        request = request.header(AUTHORIZATION, value.map_err(|_| unsendable("token"))?);
    }
    let body = Bytes::from(body.unwrap_or_default().to_owned());
    request
        .body(Full::new(body))
        .map_err(|_| unsendable("path"))
}

fn unsendable(what: &str) -> Trouble {
    Trouble::Plain(format!(
        "Cannot ask the API server: the {what} cannot be sent"
    ))
}

pub fn host_of(server: &Server) -> String {
    let Server { host, port, .. } = server;
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The whole body of an answer. Fails when it is longer than the limit, or ends before its length.
pub async fn read_body(body: Incoming, limit_bytes: usize) -> Result<String, Trouble> {
    match read_start(body, limit_bytes).await? {
        (text, false) => Ok(text),
        (_, true) => Err(Trouble::Plain(format!(
            "the body of the answer is longer than {limit_bytes} bytes"
        ))),
    }
}

/// The first bytes of a body, and whether there are more: then the connection is of no further use.
pub async fn read_start(mut body: Incoming, limit_bytes: usize) -> Result<(String, bool), Trouble> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = limit_bytes - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((text_of(bytes), true));
        }
    }
    Ok((text_of(bytes), false))
}

/// Only whole seconds count: a date would need the server's clock, and other texts mean nothing.
pub fn retry_after_ms(headers: &HeaderMap) -> Option<f64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let is_number = (1..=9).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let seconds: u32 = if is_number {
        text.parse().ok()?
    } else {
        return None;
    };
    Some(f64::from(seconds) * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_of_sends_token_media_types_and_length() {
        let server = Server {
            host: "fd00::1".into(),
            port: 6443,
            base_path: "/k8s/clusters/c".into(),
            bearer_token: Some("t".into()),
            ..Server::default()
        };
        let body = Some("{\"é\":1}");
        let mut question = Question {
            server: &server,
            method: "PUT",
            path: "/leases?x=1",
            body,
            content_type: None,
        };
        let request = request_of(&question).unwrap();
        assert_eq!(request.uri(), "/k8s/clusters/c/leases?x=1");
        for (name, value) in [
            (HOST, "[fd00::1]:6443"),
            (ACCEPT, "application/json"),
            (USER_AGENT, PRODUCT),
            (CONTENT_TYPE, "application/json"),
            (CONTENT_LENGTH, "8"),
            (AUTHORIZATION, "Bearer t"),
        ] {
            assert_eq!(request.headers()[&name], value, "{name}");
        }
        question.content_type = Some("application/merge-patch+json");
        let patch = request_of(&question).unwrap();
        assert_eq!(
            patch.headers()[CONTENT_TYPE],
            "application/merge-patch+json"
        );
        let anonymous = Server::default();
        let question = Question {
            server: &anonymous,
            method: "GET",
            path: "/",
            body: None,
            content_type: None,
        };
        assert_eq!(request_of(&question).unwrap().headers().len(), 3);
    }

    #[test]
    fn retry_after_ms_takes_whole_seconds_only() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("1", Some(1000.0)),
            ("999999999", Some(999_999_999_000.0)),
            ("9999999999", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("abc", None),
            ("", None),
            ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after_ms(&headers), expected, "{text}");
        }
        assert_eq!(retry_after_ms(&HeaderMap::new()), None);
    }
}
