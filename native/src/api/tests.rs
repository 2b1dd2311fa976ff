use super::testing::*;
use super::*;
use crate::protocol::Answer;
use crate::timer;
use std::net::IpAddr;

#[test]
fn request_reports_the_answer_and_keeps_one_connection() {
    run(async {
        let acts = times(
            3,
            &[Act::Hear, answer(201, "Retry-After: 2\r\n", "{\"é\":1}")],
        );
        let server = serve(acts).await;
        let client = Client::to(server.port).await;
        for _ in 0..3 {
            let report = client.ask("POST", false, 5000.0).await;
            let expected = Answer {
                id: "r".into(),
                status: 201,
                retry_after_ms: Some(2000.0),
                body: "{\"é\":1}".into(),
            };
            assert_eq!(report, Report::Answered(expected));
        }
        assert_eq!(*server.connections.borrow(), 1);
        let heard = server.heard.borrow()[0].clone();
        assert!(
            heard.starts_with("POST /x HTTP/1.1\r\n") && heard.ends_with("{}"),
            "{heard}"
        );
    });
}

#[test]
fn request_takes_a_new_connection_when_told() {
    run(async {
        let server = serve(times(9, &[Act::Hear, answer(200, "", "{}")])).await;
        let client = Client::to(server.port).await;
        for (fresh, connections) in [(false, 1), (false, 1), (true, 2), (false, 2), (true, 3)] {
            assert_eq!(said(&client.ask("GET", fresh, 5000.0).await), "200 {}");
            assert_eq!(*server.connections.borrow(), connections);
        }
    });
}

#[test]
fn n9_request_repeats_a_get_and_no_put_on_a_connection_that_died_unseen() {
    run(async {
        for (method, connections) in [("GET", 2), ("PUT", 1)] {
            let server = serve(vec![Act::Hear, answer(200, "", "{}"), Act::Hear]).await;
            let client = Client::to(server.port).await;
            client.get().await;
            let report = client.ask(method, false, 5000.0).await;
            let expected = match method {
                "GET" => "200 {}".into(),
                _ => format!(
                    "ECONNRESET 127.0.0.1:{}: closed before the end of an answer",
                    server.port
                ),
            };
            assert_eq!(said(&report), expected);
            assert_eq!(*server.connections.borrow(), connections);
        }
    });
}

#[test]
fn n22_request_reports_a_redirect_as_it_is() {
    run(async {
        let location = "Location: http://127.0.0.1:1/\r\n";
        let server = serve(vec![Act::Hear, answer(307, location, "see there")]).await;
        assert_eq!(
            said(&Client::to(server.port).await.get().await),
            "307 see there"
        );
    });
}

#[test]
fn n7_n8_request_is_unanswered_in_time_and_says_what_is_missing() {
    run(async {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}";
        for (acts, missing) in [
            (vec![Act::Hang], "no answer"),
            (vec![Act::Hear, Act::Hang], "no answer"),
            (vec![Act::Hear, say(start), Act::Hang], "no complete answer"),
            (vec![Act::Hear, say(start), Act::Drip], "no complete answer"),
        ] {
            let port = serve(acts).await.port;
            let report = Client::to(port).await.ask("GET", false, 200.0).await;
            let expected = format!("ETIMEDOUT 127.0.0.1:{port}: {missing} within 200 ms");
            assert_eq!(said(&report), expected);
        }
    });
}

#[test]
fn n20_n22_request_is_unanswered_for_what_is_no_http_or_too_much_of_it() {
    run(async {
        let long = "x".repeat(1024 * 1024);
        let whole = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{long}",
            long.len()
        );
        for (bytes, expected) in [
            ("garbage\r\n\r\n", "HPE_INVALID_CONSTANT 127.0.0.1:"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
                "ECONNRESET 127.0.0.1:",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
                "ECONNRESET 127.",
            ),
            (
                &format!("HTTP/1.1 200 OK\r\nX: {long}\r\n\r\n"),
                "HPE_HEADER_OVERFLOW 127.0.0.1:",
            ),
            (
                &"HTTP/1.1 102 Processing\r\n\r\n".repeat(10_000),
                "interim answers without end",
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
                "switches protocols",
            ),
            ("", "ECONNRESET 127.0.0.1:"),
            (
                &format!("HTTP/1.0 200 OK\r\n\r\n{long}x"),
                "longer than 1048576 bytes",
            ),
        ] {
            let server = serve(vec![Act::Hear, say(bytes)]).await;
            let text = said(&Client::to(server.port).await.get().await);
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let server = serve(vec![Act::Hear, say(&whole)]).await;
        assert_eq!(
            said(&Client::to(server.port).await.get().await).len(),
            "200 ".len() + (1 << 20)
        );
    });
}

#[test]
fn request_names_who_refused_the_connection() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let text = said(&Client::to(port).await.get().await);
        assert_eq!(text, format!("ECONNREFUSED 127.0.0.1:{port}"));
    });
}

#[test]
fn n10_request_goes_to_another_address_within_its_time_and_when_it_has_to_be_fresh() {
    run(async {
        let (first, second): (IpAddr, IpAddr) =
            ("127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap());
        let one = serve_at("127.0.0.2:0", times(9, &[Act::Hear, answer(200, "", "1")])).await;
        let acts = times(9, &[Act::Hear, answer(200, "", "2")]);
        let two = serve_at(&format!("127.0.0.3:{}", one.port), acts).await;
        let server = server::Server {
            host: "h".into(),
            port: two.port,
            ..Default::default()
        };
        let mut client = Client::with(server).await;
        let third: IpAddr = "127.0.0.4".parse().unwrap();
        let found = vec![third, first, second];
        let resolve = move |_: &str| {
            let found = found.clone();
            Offloaded::start(move || Ok(found))
        };
        let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
        client.api = Api::with_resolver(
            client.access.clone(),
            Reports::new(sender),
            Rc::new(resolve),
        );
        for expected in ["200 1", "200 2", "200 1", "200 2"] {
            let (id, method, path) = ("r".into(), "GET".into(), "/".into());
            let order = RequestOrder {
                id,
                method,
                path,
                body: None,
                content_type: None,
                timeout_ms: 5e3,
                fresh: true,
            };
            client.api.request(order);
            assert_eq!(said(&reports.recv().await.unwrap()), expected);
        }
    });
}

#[test]
fn abandon_reports_nothing_more_and_closes_the_connection() {
    run(async {
        let server = serve(vec![Act::Hear, Act::Hear]).await;
        let client = Client::to(server.port).await;
        let (id, method, path) = ("a".into(), "GET".into(), "/".into());
        let order = RequestOrder {
            id,
            method,
            path,
            body: None,
            content_type: None,
            timeout_ms: 300.0,
            fresh: false,
        };
        client.api.request(order);
        while server.heard.borrow().is_empty() {
            timer::sleep(5.0).await;
        }
        client.api.abandon("a");
        client.api.abandon("a");
        client.api.abandon("unknown");
        timer::sleep(500.0).await;
        assert_eq!(client.taken(), None);
        assert!(client.api.calls.borrow().is_empty());
    });
}

#[test]
fn watch_reports_lines_however_they_are_cut_and_then_its_end() {
    run(async {
        let text = "{\"a\":\"é\"}\n{\"b\":2}\n\n{\"c\":3}\n";
        let mut acts = vec![Act::Hear, say("HTTP/1.1 200 OK\r\n")];
        acts.push(say(&format!("Content-Length: {}\r\n\r\n", text.len())));
        acts.extend(text.bytes().map(|byte| Act::Say(vec![byte])));
        let client = Client::to(serve(acts).await.port).await;
        client.watch();
        assert_eq!(client.next().await, Report::Opened { id: "w".into() });
        for expected in ["{\"a\":\"é\"}", "{\"b\":2}", "", "{\"c\":3}"] {
            let line = Report::Line {
                id: "w".into(),
                text: expected.into(),
            };
            assert_eq!(client.next().await, line);
        }
        assert_eq!(
            client.next().await,
            Report::Ended {
                id: "w".into(),
                error: None
            }
        );
    });
}

#[test]
fn watch_ends_with_an_error_within_a_line_at_a_long_line_and_after_a_cut() {
    run(async {
        let long = "x".repeat(1024 * 1024 + 1);
        for (length, body, expected) in [
            (4, "half", "the stream ended within a line"),
            (
                long.len(),
                long.as_str(),
                "the server sent a line longer than 1048576 bytes",
            ),
            (9, "whole\n", "ECONNRESET 127.0.0.1:"),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            let client = Client::to(serve(vec![Act::Hear, say(&head)]).await.port).await;
            client.watch();
            let mut report = client.next().await;
            while !report.is_last() {
                report = client.next().await;
            }
            assert!(said(&report).starts_with(expected), "{report:?}");
        }
    });
}

#[test]
fn watch_passes_a_refusal_on_and_cuts_it() {
    run(async {
        let server = serve(vec![Act::Hear, answer(410, "", &"x".repeat(1024 * 1024))]).await;
        let client = Client::to(server.port).await;
        client.watch();
        assert_eq!(said(&client.next().await).len(), "410 ".len() + 64 * 1024);
    });
}
