//! What the tests of this folder share: a runtime, certificates, and servers that speak raw bytes.
use super::server::{Server, Tls};
pub use super::testing_authority::{Authority, Issued};
use super::{Access, Api};
use crate::protocol::{Report, Reports, RequestOrder, WatchOrder};
use crate::timer;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::cell::RefCell;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};

/// As the host runs everything: one thread, and time by the timer's own descriptor.
pub fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        spawn_local(timer::open().unwrap());
        let in_time = timer::until(timer::now() + 30_000.0, work).await;
        assert!(in_time.is_some(), "the test took too long");
    });
}

/// An empty folder, removed with everything in it at the end.
pub struct Folder(PathBuf);

pub fn folder() -> Folder {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("k8s-await-election-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir(&path).unwrap();
    Folder(path)
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A token with these claims.
pub fn token_of(claims: &serde_json::Value) -> String {
    format!(
        "header.{}.signature",
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

/// Speaks TLS with this certificate; with an authority only to clients that it has certified.
pub fn acceptor(
    issued: &Issued,
    versions: &[&'static rustls::SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> tokio_rustls::TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(issued.cert_pem.as_bytes());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match clients {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der()).unwrap();
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            builder.build().unwrap()
        }
    };
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            chain.collect::<Result<_, _>>().unwrap(),
            PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap(),
        )
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// What a server does next with one connection.
#[derive(Clone)]
pub enum Act {
    /// Waits for a request.
    Hear,
    Say(Vec<u8>),
    /// Keeps the connection open for ever.
    Hang,
    /// The same, and says a byte every 20 ms.
    Drip,
}

pub fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// A whole answer that lets the connection be kept.
pub fn answer(status: u16, headers: &str, body: &str) -> Act {
    let length = body.len();
    say(&format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    ))
}

pub fn times(count: usize, acts: &[Act]) -> Vec<Act> {
    std::iter::repeat_n(acts, count)
        .flatten()
        .cloned()
        .collect()
}

/// A server on loopback that does the same on every connection, and then closes it.
pub struct Fixture {
    pub port: u16,
    pub connections: Rc<RefCell<usize>>,
    pub heard: Rc<RefCell<Vec<String>>>,
}

pub async fn serve(acts: Vec<Act>) -> Fixture {
    serve_at("127.0.0.1:0", acts).await
}

pub async fn serve_at(address: &str, acts: Vec<Act>) -> Fixture {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connections, heard) = (Rc::new(RefCell::new(0)), Rc::<RefCell<Vec<_>>>::default());
    let (count, log) = (connections.clone(), heard.clone());
    spawn_local(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            *count.borrow_mut() += 1;
            let (acts, log) = (acts.clone(), log.clone());
            spawn_local(async move {
                for act in acts {
                    match act {
                        Act::Hear => match hear(&mut socket).await {
                            Some(text) => log.borrow_mut().push(text),
                            None => return,
                        },
                        Act::Say(bytes) => drop(socket.write_all(&bytes).await),
                        Act::Hang => std::future::pending().await,
                        Act::Drip => {
                            while socket.write_all(b" ").await.is_ok() {
                                timer::sleep(20.0).await;
                            }
                        }
                    }
                }
            });
        }
    });
    Fixture {
        port,
        connections,
        heard,
    }
}

/// A request with its body, which is `{}` where there is one.
async fn hear(socket: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        text.push(char::from(socket.read_u8().await.ok()?));
    }
    if text.contains("content-length: 2\r\n") {
        let mut body = [0; 2];
        socket.read_exact(&mut body).await.ok()?;
        text.extend(body.map(char::from));
    }
    Some(text)
}

/// An API client and what it reported.
pub struct Client {
    pub api: Api,
    pub access: Rc<Access>,
    reports: RefCell<UnboundedReceiver<Report>>,
}

impl Client {
    pub async fn to(port: u16) -> Self {
        Self::with(Server {
            host: "127.0.0.1".into(),
            port,
            ..Server::default()
        })
        .await
    }

    pub async fn secure(port: u16, name: &str, ca: String) -> Self {
        let tls = Some(Tls {
            server_name: name.into(),
            ca,
            client: None,
        });
        Self::with(Server {
            host: "127.0.0.1".into(),
            port,
            tls,
            ..Server::default()
        })
        .await
    }

    pub async fn with(server: Server) -> Self {
        Self::of(Access::to(server).await)
    }

    pub fn of(access: Rc<Access>) -> Self {
        let (sender, receiver) = unbounded_channel();
        let api = Api::new(access.clone(), Reports::new(sender));
        Self {
            api,
            access,
            reports: RefCell::new(receiver),
        }
    }

    pub async fn ask(&self, method: &str, fresh: bool, timeout_ms: f64) -> Report {
        let body = (method != "GET").then(|| "{}".to_owned());
        let (id, method, path) = ("r".into(), method.to_owned(), "/x".into());
        self.api.request(RequestOrder {
            id,
            method,
            path,
            body,
            content_type: None,
            timeout_ms,
            fresh,
        });
        self.next().await
    }

    pub async fn get(&self) -> Report {
        self.ask("GET", false, 5000.0).await
    }

    pub fn watch(&self) {
        let (id, path) = ("w".into(), "/w".into());
        self.api.watch(WatchOrder {
            id,
            path,
            timeout_ms: 5000.0,
            fresh: false,
        });
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "one test, one task that asks"
    )]
    pub async fn next(&self) -> Report {
        self.reports.borrow_mut().recv().await.unwrap()
    }

    /// What has come without waiting.
    pub fn taken(&self) -> Option<Report> {
        self.reports.borrow_mut().try_recv().ok()
    }
}

/// What an answer says: its status, or the error.
pub fn said(report: &Report) -> String {
    match report {
        Report::Answered(answer) => format!("{} {}", answer.status, answer.body),
        Report::Unanswered { error, .. } => error.clone(),
        Report::Ended { error, .. } => error.clone().unwrap_or_default(),
        other => format!("{other:?}"),
    }
}
