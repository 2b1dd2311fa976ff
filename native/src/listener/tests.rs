use super::*;
use crate::api::testing::run;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct Served {
    listener: Rc<Listener>,
    port: u16,
    /// `Asked` as it comes, once each is replied to.
    asked: UnboundedReceiver<Report>,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A listener on a free port that replies at once, unless told not to.
async fn serve(is_silent: bool) -> Served {
    let (sender, mut reports) = unbounded_channel();
    let listener = Rc::new(Listener::new(Reports::new(sender)));
    let port = free_port();
    listener.listen(ListenOrder {
        host: Some("127.0.0.1".into()),
        port,
    });
    assert_eq!(reports.recv().await, Some(Report::Listening));
    let (told, asked) = unbounded_channel();
    let desk = listener.clone();
    spawn_local(async move {
        while let Some(report) = reports.recv().await {
            if let (Report::Asked { id, .. }, false) = (&report, is_silent) {
                desk.reply(reply_to(id));
            }
            let _ = told.send(report);
        }
    });
    Served {
        listener,
        port,
        asked,
    }
}

fn reply_to(id: &str) -> ReplyOrder {
    let content_type = "text/plain; charset=utf-8".into();
    ReplyOrder {
        id: id.into(),
        status: 200,
        content_type,
        body: "{\"status\": \"ok\"}".into(),
    }
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// Everything that comes until the connection is closed.
async fn read_all(mut socket: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

async fn ask(port: u16, request: &str) -> String {
    let mut socket = connect(port).await;
    // It may be cut off before it has said everything.
    let _ = socket.write_all(request.as_bytes()).await;
    read_all(socket).await
}

#[test]
fn reply_answers_any_method_and_path_with_the_exact_bytes() {
    run(async {
        let mut served = serve(false).await;
        let methods = ["GET", "POST", "DELETE", "OPTIONS", "PATCH", "HEAD"];
        for (index, method) in methods.into_iter().enumerate() {
            let request = format!("{method} /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n");
            let answer = ask(served.port, &request).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(
                answer.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"),
                "{answer}"
            );
            assert!(answer.contains("\r\nContent-Length: 16\r\n"), "{answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            let body = if method == "HEAD" {
                ""
            } else {
                "{\"status\": \"ok\"}"
            };
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
            let (id, path) = (format!("asked-{}", index + 1), "/a?x=1".into());
            let asked = Report::Asked {
                id,
                method: method.into(),
                path,
            };
            assert_eq!(served.asked.recv().await, Some(asked));
        }
    });
}

#[test]
fn reply_answers_a_post_without_looking_at_its_body() {
    run(async {
        let served = serve(false).await;
        let body = "x".repeat(100_000);
        let head = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        assert!(ask(served.port, &(head + &body)).await.contains("200 OK"));
    });
}

#[test]
fn listen_asks_once_for_pipelined_requests_and_never_for_noise() {
    run(async {
        let mut served = serve(false).await;
        let long = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
            "x".repeat(1024 * 1024)
        );
        let big = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
            "x".repeat(5000)
        );
        for noise in [&long, &big, "GET /\r\n", "\u{16}\u{3}\u{1}garbage\r\n\r\n"] {
            assert!(!ask(served.port, noise).await.contains("200"));
        }
        assert!(served.asked.try_recv().is_err());
        let many = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000);
        assert!(
            ask(served.port, &many)
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
        assert!(served.asked.try_recv().is_ok());
        assert!(served.asked.try_recv().is_err());
    });
}

#[test]
fn f6_listen_ends_slow_headers_an_endless_body_and_a_question_without_a_reply() {
    run(async {
        let (silent, served) = (serve(true).await, serve(false).await);
        let endless = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nx";
        for (port, request, least_ms, most_ms) in [
            (served.port, "GET / HTTP/1.1\r\nHost:", 1900.0, 2900.0),
            (
                silent.port,
                "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                2900.0,
                3900.0,
            ),
            (served.port, endless, 0.0, 3900.0),
        ] {
            let started_at = timer::now();
            ask(port, request).await;
            let took_ms = timer::now() - started_at;
            assert!(
                (least_ms..most_ms).contains(&took_ms),
                "{request}: {took_ms}"
            );
        }
        assert!(silent.listener.desk.waiting.borrow().is_empty());
    });
}

#[test]
fn f6_listen_answers_among_many_clients_that_say_nothing() {
    run(async {
        let served = serve(false).await;
        let mut idle = Vec::new();
        for _ in 0..100 {
            idle.push(connect(served.port).await);
        }
        assert!(
            ask(served.port, "GET / HTTP/1.0\r\n\r\n")
                .await
                .contains("200 OK")
        );
        let mut open = 0;
        for socket in &idle {
            open += usize::from(socket.try_read(&mut [0]).is_err());
        }
        assert!(open <= MAX_CONNECTIONS, "{open} are open");
    });
}

#[test]
fn reply_is_dropped_when_the_client_is_gone_or_the_id_unknown() {
    run(async {
        let mut served = serve(true).await;
        let mut socket = connect(served.port).await;
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        let Some(Report::Asked { id, .. }) = served.asked.recv().await else {
            panic!()
        };
        drop(socket);
        served.listener.reply(reply_to(&id));
        served.listener.reply(reply_to(&id));
        served.listener.reply(reply_to("asked-9"));
    });
}

#[test]
fn listen_fails_with_the_reason_and_serves_anew_after_a_new_order() {
    run(async {
        let Served { listener, port, .. } = serve(false).await;
        let (sender, mut reports) = unbounded_channel();
        let other = Listener::new(Reports::new(sender));
        for (host, code) in [
            ("127.0.0.1", "EADDRINUSE"),
            ("192.0.2.1", "EADDRNOTAVAIL"),
            ("no such name", "ENOTFOUND"),
        ] {
            other.listen(ListenOrder {
                host: Some(host.into()),
                port,
            });
            let message = format!("Cannot listen on {host}, port {port}: {code}");
            assert_eq!(reports.recv().await, Some(Report::ListenFailed { message }));
        }
        other.listen(ListenOrder { host: None, port });
        let message = format!("Cannot listen on every address, port {port}: EADDRINUSE");
        assert_eq!(reports.recv().await, Some(Report::ListenFailed { message }));
        listener.listen(ListenOrder {
            host: Some("localhost".into()),
            port,
        });
        timer::sleep(100.0).await;
        assert!(
            ask(port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                .await
                .contains("200 OK")
        );
        listener.listen(ListenOrder { host: None, port });
        timer::sleep(100.0).await;
        assert!(ask(port, "GET / HTTP/1.0\r\n\r\n").await.contains("200 OK"));
    });
}
