//! Servers that answer probes, each in its own bad way.
use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn http(port: u16) -> ProbeTarget {
    let (host, path) = ("127.0.0.1".into(), "/healthz?x=1".into());
    ProbeTarget::Http { host, port, path }
}

/// A server that does this with every connection, for as long as the test runs.
async fn serve<W: Future<Output = ()> + 'static>(attend: impl Fn(TcpStream) -> W + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            spawn_local(attend(socket));
        }
    });
    port
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_status_from_200_to_399_is_a_yes_and_no_redirect_is_followed() {
    run(async || {
        for (status, expected) in [
            (200, "yes"),
            (204, "yes"),
            (302, "yes"),
            (399, "yes"),
            (400, "no"),
            (404, "no"),
            (503, "no"),
        ] {
            let asked = Rc::new(RefCell::new(Vec::new()));
            let requests = asked.clone();
            let port = serve(move |mut socket| {
                let requests = requests.clone();
                async move {
                    let request = read_request(&mut socket).await;
                    requests.borrow_mut().push(request);
                    let head = format!("HTTP/1.1 {status} X\r\nLocation: /other\r\n");
                    let text = format!("{head}Content-Length: 6\r\n\r\nsecret");
                    socket.write_all(text.as_bytes()).await.unwrap();
                }
            })
            .await;
            let stage = Stage::new(&["true"]);
            let found = stage.probe(http(port)).await;
            assert_eq!(
                found,
                format!("{expected} HTTP {status} from 127.0.0.1:{port}")
            );
            let asked = asked.borrow();
            assert_eq!(asked.len(), 1);
            let request = asked[0].to_lowercase();
            assert!(
                request.starts_with("get /healthz?x=1 http/1.1\r\n"),
                "{request}"
            );
            for line in [
                format!("host: 127.0.0.1:{port}"),
                "connection: close".into(),
            ] {
                assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
            }
            assert!(!request.contains("authorization"));
        }
    });
}

#[test]
fn a_server_that_is_silent_or_drips_or_refuses_is_a_no_in_time() {
    run(async || {
        let is_closed = Rc::new(Cell::new(false));
        let closed = is_closed.clone();
        let silent = serve(move |mut socket| {
            let closed = closed.clone();
            async move {
                read_request(&mut socket).await;
                let _ = socket.read_u8().await;
                closed.set(true);
            }
        })
        .await;
        let dripping = serve(async |mut socket| {
            while socket.write_all(b"H").await.is_ok() {
                timer::sleep(20.0).await;
            }
        })
        .await;
        let headers = serve(async |mut socket| {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while socket.write_all(&[b'x'; 1000]).await.is_ok() {}
        })
        .await;
        let stage = Stage::new(&["true"]);
        let found = stage.probe(http(silent)).await;
        let late = format!("no ETIMEDOUT 127.0.0.1:{silent}: no answer within 400 ms");
        assert_eq!(found, late);
        stage
            .until("the connection is closed", || is_closed.get())
            .await;
        assert!(stage.probe(http(dripping)).await.starts_with("no "));
        let found = stage.probe(http(headers)).await;
        assert!(found.starts_with("no HPE_HEADER_OVERFLOW"), "{found}");
        let found = stage.probe(http(1)).await;
        assert_eq!(found, "no ECONNREFUSED 127.0.0.1:1");
    });
}

#[test]
fn a_body_without_an_end_is_not_read() {
    run(async || {
        let written = Rc::new(Cell::new(None));
        let total = written.clone();
        let port = serve(move |mut socket| {
            let total = total.clone();
            async move {
                read_request(&mut socket).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n";
                socket.write_all(head.as_bytes()).await.unwrap();
                let mut count = 0;
                while socket.write_all(&[b'x'; 65_536]).await.is_ok() {
                    count += 65_536;
                }
                total.set(Some(count));
            }
        })
        .await;
        let stage = Stage::new(&["true"]);
        let found = stage.probe(http(port)).await;
        assert_eq!(found, format!("yes HTTP 200 from 127.0.0.1:{port}"));
        stage
            .until("the connection is closed", || written.get().is_some())
            .await;
        // What sockets and one buffer hold.
        assert!(written.get().unwrap() < 20_000_000, "{written:?}");
    });
}

#[test]
fn tcp_is_a_connection_that_is_closed_at_once() {
    run(async || {
        let received = Rc::new(Cell::new(None));
        let count = received.clone();
        let port = serve(move |mut socket| {
            let count = count.clone();
            async move {
                let mut text = Vec::new();
                socket.read_to_end(&mut text).await.unwrap();
                count.set(Some(text.len()));
            }
        })
        .await;
        let stage = Stage::new(&["true"]);
        let tcp = |port| ProbeTarget::Tcp {
            host: "localhost".into(),
            port,
        };
        let found = stage.probe(tcp(port)).await;
        assert_eq!(found, format!("yes connected to 127.0.0.1:{port}"));
        stage
            .until("the connection is closed", || received.get().is_some())
            .await;
        assert_eq!(received.get(), Some(0));
        assert!(
            stage
                .probe(tcp(1))
                .await
                .contains("ECONNREFUSED 127.0.0.1:1")
        );
    });
}
