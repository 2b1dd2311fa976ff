//! Servers that speak anything but HTTP as it should be.
use super::testing::*;
use crate::protocol::{Report, RequestOrder, WatchOrder};
use crate::timer;
use std::collections::HashMap;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn_local, yield_now};

const STATUS_LINES: [&str; 16] = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.0 201",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 103 Early Hints",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 307 Temporary Redirect",
    "HTTP/1.1 429 Too Many Requests",
    "HTTP/1.1 503",
    "HTTP/1.1 000 No",
    "HTTP/1.1 9999 No",
    "HTTP/2 200",
    "ICY 200 OK",
    "",
];

const HEADERS: [&str; 18] = [
    "Content-Length: 2",
    "Content-Length: 0",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 2\r\nContent-Length: 3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Upgrade\r\nUpgrade: h2c",
    "Location: http://127.0.0.1:1/",
    "Retry-After: 999999999999999999999",
    " folded",
    "no colon",
    ": no name",
    "X-\0: \u{1}",
    "X: y",
];

const BODIES: [&str; 9] = [
    "",
    "{}",
    "{\"kind\":\"Lease\"}\n",
    "2\r\n{}\r\n0\r\n\r\n",
    "2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
    "ffffffffffffffff\r\n",
    "-1\r\n{}\r\n",
    "{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "\n\n\n\n\n\n\n\n\n\n",
];

/// The same numbers in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    fn answer(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => {
                return (0..self.below(3000))
                    .map(|_| self.below(256) as u8)
                    .collect();
            }
            1 => {
                return "HTTP/1.1 100 Continue\r\n\r\n"
                    .repeat(self.below(200))
                    .into();
            }
            2..6 => return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n".to_vec(),
            _ => (),
        }
        let end = self.one_of(&["\r\n", "\r\n", "\r\n", "\n", "\r"]);
        let mut text = self.one_of(&STATUS_LINES).to_owned() + end;
        for _ in 0..self.below(6) {
            text += self.one_of(&HEADERS);
            text += end;
        }
        text = text + end + self.one_of(&BODIES);
        if self.below(5) == 0 {
            text.truncate(self.below(text.len() + 1));
        }
        text.into()
    }
}

async fn speak(mut socket: TcpStream, mut chance: Chance) {
    for _ in 0..=chance.below(3) {
        if chance.below(15) > 0 && socket.readable().await.is_ok() {
            let _ = socket.try_read(&mut [0; 4096]);
        }
        let (bytes, size) = (chance.answer(), [1, 7, 1000][chance.below(3)]);
        for piece in bytes.chunks(size) {
            if socket.write_all(piece).await.is_err() {
                return;
            }
            if chance.below(3) == 0 {
                yield_now().await;
            }
        }
    }
}

#[test]
fn n20_request_and_watch_end_exactly_once_whatever_the_server_says() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::to(listener.local_addr().unwrap().port()).await;
        spawn_local(async move {
            let mut chance = Chance(20_260_101);
            while let Ok((socket, _)) = listener.accept().await {
                let seed = 1 + chance.below(1 << 40) as u64;
                spawn_local(speak(socket, Chance(seed)));
            }
        });
        let mut chance = Chance(7);
        let mut ends: HashMap<String, usize> = HashMap::new();
        for number in 0..600 {
            let (id, fresh) = (format!("exchange-{number}"), chance.below(5) == 0);
            let (path, timeout_ms) = ("/x".to_owned(), 300.0);
            ends.insert(id.clone(), 0);
            if chance.below(4) == 0 {
                client.api.watch(WatchOrder {
                    id: id.clone(),
                    path,
                    timeout_ms,
                    fresh,
                });
            } else {
                let method = chance.one_of(&["GET", "PUT"]).to_owned();
                let body = (method == "PUT").then(|| "{}".to_owned());
                let id = id.clone();
                client.api.request(RequestOrder {
                    id,
                    method,
                    path,
                    body,
                    content_type: None,
                    timeout_ms,
                    fresh,
                });
            }
            if chance.below(10) == 0 {
                timer::sleep(chance.below(20) as f64).await;
                client.api.abandon(&id);
            }
            if number % 20 == 19 {
                timer::sleep(350.0).await;
                while let Some(report) = client.taken() {
                    let count = ends.get_mut(report.exchange().unwrap()).unwrap();
                    assert_eq!(*count, 0, "{report:?} after the end");
                    *count += usize::from(report.is_last());
                }
            }
        }
        let kinds = |wanted: usize| ends.values().filter(|count| **count == wanted).count();
        assert!(kinds(1) > 500, "{} ended", kinds(1));
        assert!(
            client.api.calls.borrow().len() < 20,
            "only streams that are still open"
        );
        assert!(matches!(
            client.get().await,
            Report::Answered(_) | Report::Unanswered { .. }
        ));
    });
}
