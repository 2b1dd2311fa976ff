//! The connections to the API server: which is kept, which is new, and to which address it goes.
use super::addresses::Addresses;
use super::error_text::Trouble;
use super::server::Server;
use super::socket::{Stream, open_socket};
use super::tls::TlsClients;
use crate::protocol::Instant;
use crate::timer;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::task::{AbortHandle, spawn_local};

/// One is the rule; two happen when a request has to overtake another.
const MAX_IDLE: usize = 2;

/// How long an idle connection may take to say that it is ready; it does at once unless it is ending.
const READY_MS: f64 = 100.0;

const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Of what was received and not read yet.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// A connection with HTTP on it; dropping it closes it.
pub struct Connection {
    pub address: IpAddr,
    /// Such as `10.0.0.1:443`, for messages.
    pub peer: String,
    /// Whether it has served an exchange before, so that its server may be about to close it.
    pub has_served: bool,
    pub sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
    made_for: Arc<Server>,
}

impl Connection {
    async fn new(
        stream: Box<dyn Stream>,
        address: IpAddr,
        server: &Arc<Server>,
    ) -> Result<Self, Trouble> {
        let (sender, connection) = Builder::new()
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        // How it ends is told to the exchange on it, if there is one.
        let task = spawn_local(async move { drop(connection.await) }).abort_handle();
        let peer = SocketAddr::new(address, server.port).to_string();
        Ok(Self {
            address,
            peer,
            has_served: false,
            sender,
            task,
            made_for: server.clone(),
        })
    }

    /// What carries the bytes: aborting it closes the connection.
    pub fn task(&self) -> AbortHandle {
        self.task.clone()
    }

    async fn is_usable(&mut self) -> bool {
        let ready = timer::until(timer::now() + READY_MS, self.sender.ready()).await;
        matches!(ready, Some(Ok(())))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub struct Connections {
    addresses: Addresses,
    tls: TlsClients,
    idle: RefCell<Vec<Connection>>,
    /// What the idle ones were made for: another CA or client certificate needs new ones.
    made_for: RefCell<Option<Arc<Server>>>,
    last_address: Cell<Option<IpAddr>>,
}

impl Connections {
    pub fn new(addresses: Addresses) -> Self {
        Self {
            addresses,
            tls: TlsClients::default(),
            idle: RefCell::default(),
            made_for: RefCell::default(),
            last_address: Cell::new(None),
        }
    }

    /// An idle connection, or a new one. With `fresh` the idle ones are closed first.
    pub async fn take(
        &self,
        server: &Arc<Server>,
        fresh: bool,
        ends_at: Instant,
    ) -> Result<Connection, Trouble> {
        if fresh || !self.is_for(server) {
            self.idle.borrow_mut().clear();
        }
        *self.made_for.borrow_mut() = Some(server.clone());
        loop {
            let kept = self.idle.borrow_mut().pop();
            let Some(mut kept) = kept else { break };
            if kept.is_usable().await {
                return Ok(kept);
            }
        }
        self.open(server, fresh, ends_at).await
    }

    /// A new connection. It goes to the first address that answers in its share of the time left;
    /// with `fresh` the address of the last one comes last. Fails with a text that names every
    /// address tried and what was wrong with it.
    pub async fn open(
        &self,
        server: &Arc<Server>,
        fresh: bool,
        ends_at: Instant,
    ) -> Result<Connection, Trouble> {
        if let Some(last) = self.last_address.get().filter(|_| fresh) {
            self.addresses.troubled(last);
        }
        let tls = server
            .tls
            .as_ref()
            .map(|tls| self.tls.of(tls))
            .transpose()?;
        let candidates = self.addresses.of(&server.host).await?;
        let mut failures = Vec::new();
        for (index, address) in candidates.iter().copied().enumerate() {
            let left_ms = (ends_at - timer::now()).max(0.0);
            let share_ms = left_ms / (candidates.len() - index) as f64;
            self.last_address.set(Some(address));
            let attempt = Attempt {
                addresses: &self.addresses,
                address,
                has_worked: false,
            };
            match open_socket(address, server.port, tls.as_deref(), share_ms).await {
                Ok(stream) => {
                    attempt.worked(&server.host);
                    return Connection::new(stream, address, server).await;
                }
                Err(trouble) => failures
                    .push(trouble.describe(&SocketAddr::new(address, server.port).to_string())),
            }
        }
        Err(Trouble::Plain(failures.join("; ")))
    }

    /// Keeps it for the next exchange, or closes it.
    pub fn keep(&self, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if self.is_for(&connection.made_for) && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    /// An exchange with it failed: the next one goes elsewhere if there is an elsewhere.
    pub fn failed(&self, address: IpAddr) {
        self.addresses.troubled(address);
    }

    fn is_for(&self, server: &Server) -> bool {
        self.made_for
            .borrow()
            .as_ref()
            .is_some_and(|made_for| made_for.is_same_peer(server))
    }
}

/// A try of one address: whatever ends it before it worked, even the end of all time, is a trouble.
struct Attempt<'a> {
    addresses: &'a Addresses,
    address: IpAddr,
    has_worked: bool,
}

impl Attempt<'_> {
    fn worked(mut self, host: &str) {
        self.has_worked = true;
        self.addresses.worked(host, self.address);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.has_worked {
            self.addresses.troubled(self.address);
        }
    }
}
