use super::server::{ClientIdentity, Server, Tls};
use super::testing::*;
use crate::protocol::Report;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use std::cell::Cell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::spawn_local;

/// A TLS server that answers every request; it counts the bytes it was told.
async fn serve_tls(
    issued: &Issued,
    versions: &[&'static rustls::SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> (u16, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, heard) = (acceptor(issued, versions, clients), Rc::new(Cell::new(0)));
    let count = heard.clone();
    spawn_local(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else {
                continue;
            };
            let count = count.clone();
            spawn_local(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    count.set(count.get() + length);
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (port, heard)
}

#[test]
fn request_works_with_both_versions_and_with_a_name_or_an_address() {
    run(async {
        let authority = Authority::new();
        let issued = authority.issue(&["127.0.0.1", "api.example"]);
        for version in [&TLS12, &TLS13] {
            for name in ["127.0.0.1", "api.example"] {
                let (port, _) = serve_tls(&issued, &[version], None).await;
                let client = Client::secure(port, name, authority.pem()).await;
                assert_eq!(said(&client.get().await), "200 {}");
                assert_eq!(said(&client.get().await), "200 {}");
            }
        }
    });
}

#[test]
fn n12_request_sends_nothing_to_who_is_not_the_server_and_says_why() {
    run(async {
        let (authority, stranger) = (Authority::new(), Authority::new());
        let expired = authority.issue_as(&["127.0.0.1"], |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        });
        let early = authority.issue_as(&["127.0.0.1"], |params| {
            params.not_before = date_time_ymd(2999, 1, 1);
            params.not_after = date_time_ymd(2999, 2, 1);
        });
        for (issued, code, reason) in [
            (
                stranger.issue(&["127.0.0.1"]),
                "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                "its certificate is not signed by our CA",
            ),
            (
                authority.issue(&["10.0.0.1", "kubernetes.default.svc"]),
                "ERR_TLS_CERT_ALTNAME_INVALID",
                "its certificate is not for 127.0.0.1 but for 10.0.0.1, kubernetes.default.svc",
            ),
            (expired, "CERT_HAS_EXPIRED", "certificate has expired"),
            (early, "CERT_NOT_YET_VALID", "certificate is not yet valid"),
        ] {
            let (port, heard) = serve_tls(&issued, &[&TLS13, &TLS12], None).await;
            let client = Client::secure(port, "127.0.0.1", authority.pem()).await;
            let expected = format!("{code} 127.0.0.1:{port}: {reason}");
            assert_eq!(said(&client.get().await), expected);
            client.watch();
            let Report::Unanswered { error, .. } = client.next().await else {
                panic!()
            };
            assert_eq!(error, expected);
            assert_eq!(heard.get(), 0);
        }
    });
}

#[test]
fn request_shows_its_client_certificate_and_says_when_it_is_refused() {
    run(async {
        let authority = Authority::new();
        let issued = authority.issue(&["127.0.0.1"]);
        let as_client = |authority: &Authority| {
            let Issued {
                cert_pem: cert,
                key_pem: key,
            } = authority.issue_as(&["client"], |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            });
            Some(ClientIdentity { cert, key })
        };
        for version in [&TLS12, &TLS13] {
            let (port, _) = serve_tls(&issued, &[version], Some(&authority)).await;
            for (client, expected) in [
                (as_client(&authority), "200 {}".to_owned()),
                (
                    as_client(&Authority::new()),
                    format!("EPROTO 127.0.0.1:{port}: "),
                ),
                (None, format!("EPROTO 127.0.0.1:{port}: ")),
            ] {
                let tls = Tls {
                    server_name: "127.0.0.1".into(),
                    ca: authority.pem(),
                    client,
                };
                let (host, tls) = ("127.0.0.1".into(), Some(tls));
                let client = Client::with(Server {
                    host,
                    port,
                    tls,
                    ..Server::default()
                })
                .await;
                let text = said(&client.get().await);
                assert!(text.starts_with(&expected), "{text}");
            }
        }
    });
}

#[test]
fn request_says_that_a_server_hangs_up_or_speaks_no_tls() {
    run(async {
        let ca = Authority::new().pem();
        let closed = serve(vec![]).await;
        let client = Client::secure(closed.port, "127.0.0.1", ca.clone()).await;
        let text = said(&client.get().await);
        assert!(
            text.starts_with(&format!("ECONNRESET 127.0.0.1:{}", closed.port)),
            "{text}"
        );
        let plain = serve(vec![say("HTTP/1.1 400 Bad Request\r\n\r\n"), Act::Hang]).await;
        let client = Client::secure(plain.port, "127.0.0.1", ca).await;
        let text = said(&client.get().await);
        assert!(
            text.starts_with(&format!("EPROTO 127.0.0.1:{}: ", plain.port)),
            "{text}"
        );
    });
}

#[test]
fn request_says_that_the_ca_cannot_be_used() {
    run(async {
        let client = Client::secure(1, "127.0.0.1", "no PEM".into()).await;
        let expected = "Cannot use the CA: it holds no certificate that can be read";
        assert_eq!(said(&client.get().await), expected);
    });
}
