//! The status endpoint: plain HTTP that anybody in the cluster can reach, so that everything about
//! it is bounded. One request per connection; the body of a request is never looked at.
use crate::api::{Offloaded, code_of};
use crate::protocol::{Instant, ListenOrder, ReplyOrder, Report, Reports};
use crate::timer;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle, spawn_local};

/// The limits of contract §4. How long the request line and the headers may take.
const HEADERS_MS: f64 = 2000.0;

/// How long everything after the headers may take: the program's reply, and its way to the client.
const REPLY_MS: f64 = 3000.0;

const MAX_HEADER_BYTES: usize = 4096;
const MAX_BUFFER_BYTES: usize = 8192;
const MAX_CONNECTIONS: usize = 32;
const BACKLOG: i32 = 511;

/// Between tries to accept when there is no descriptor left.
const PAUSE_MS: f64 = 100.0;

pub struct Listener {
    desk: Rc<Desk>,
    serving: Cell<Option<JoinHandle<()>>>,
}

impl Listener {
    /// Nothing is served before the first order.
    pub fn new(reports: Reports) -> Self {
        let desk = Desk {
            reports,
            waiting: RefCell::default(),
            asked: Cell::new(0),
        };
        Self {
            desk: Rc::new(desk),
            serving: Cell::new(None),
        }
    }

    /// Serves, in place of what was served before; ends in `Listening` or `ListenFailed`.
    pub fn listen(&self, order: ListenOrder) {
        let (desk, former) = (self.desk.clone(), self.serving.take());
        let serving = spawn_local(async move {
            if let Some(former) = former {
                former.abort();
                // Its port is free once it is gone, and that it was aborted is no news.
                let _ = former.await;
            }
            match open(&order).await {
                Ok(listener) => {
                    desk.reports.tell(Report::Listening);
                    serve(&listener, &desk).await;
                }
                Err(code) => {
                    let host = order.host.as_deref().unwrap_or("every address");
                    let message = format!("Cannot listen on {host}, port {}: {code}", order.port);
                    desk.reports.tell(Report::ListenFailed { message });
                }
            }
        });
        self.serving.set(Some(serving));
    }

    /// Answers a request; dropped when the client is gone.
    pub fn reply(&self, order: ReplyOrder) {
        let client = self.desk.waiting.borrow_mut().remove(&order.id);
        if let Some(client) = client {
            let _ = client.send(order);
        }
    }
}

/// Fails with a code such as `EADDRINUSE`.
async fn open(order: &ListenOrder) -> Result<TcpListener, String> {
    let opened = match &order.host {
        None => bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), order.port))
            .or_else(|_| bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), order.port))),
        Some(host) => bind(SocketAddr::new(address_of(host).await?, order.port)),
    };
    opened.map_err(|error| code_of(&error))
}

async fn address_of(host: &str) -> Result<IpAddr, String> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    let host = host.to_owned();
    let lookup = Offloaded::start(move || (host.as_str(), 0).to_socket_addrs().ok()?.next());
    let found = lookup.map_err(|error| code_of(&error))?.wait().await;
    found
        .map(|address| address.ip())
        .ok_or_else(|| "ENOTFOUND".into())
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts for ever.
async fn serve(listener: &TcpListener, desk: &Rc<Desk>) {
    let mut places = Places::default();
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let desk = desk.clone();
                places.admit(spawn_local(attend(socket, desk)).abort_handle());
            }
            Err(_) => timer::sleep(PAUSE_MS).await,
        }
    }
}

/// The connections, the oldest first; dropping them closes them.
#[derive(Default)]
struct Places(VecDeque<AbortHandle>);

impl Places {
    /// Makes room by ending the oldest connection instead of refusing the newest: idle clients may
    /// take every place, and the kubelet must still get its answer, or it kills the container.
    fn admit(&mut self, connection: AbortHandle) {
        self.0.retain(|known| !known.is_finished());
        self.0.push_back(connection);
        if self.0.len() > MAX_CONNECTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        for connection in &self.0 {
            connection.abort();
        }
    }
}

/// One connection, from its first byte to its last.
async fn attend(socket: TcpStream, desk: Rc<Desk>) {
    let _ = SockRef::from(&socket).set_tcp_nodelay(true);
    let asked_at: Rc<Cell<Option<Instant>>> = Rc::default();
    let at = asked_at.clone();
    let service = service_fn(move |request| {
        at.set(Some(timer::now()));
        answer(request, desk.clone())
    });
    let mut builder = Builder::new();
    builder
        .keep_alive(false)
        .title_case_headers(true)
        .max_header_size(MAX_HEADER_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .header_read_timeout(None);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let head = poll_fn(|context| match connection.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => asked_at
            .get()
            .map_or(Poll::Pending, |at| Poll::Ready(Some(at))),
    });
    if let Some(Some(at)) = timer::until(timer::now() + HEADERS_MS, head).await {
        // Whoever is slower than that is cut off.
        let _ = timer::until(at + REPLY_MS, connection).await;
    }
}

/// Fails where the connection is to be closed without an answer.
async fn answer(
    request: Request<Incoming>,
    desk: Rc<Desk>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    if request.method() == Method::CONNECT {
        return Err("this is no proxy".into());
    }
    let ReplyOrder {
        status,
        content_type,
        body,
        ..
    } = desk.ask(request).await?;
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type);
    Ok(response.body(Full::new(Bytes::from(body)))?)
}

/// Where questions wait for the program's reply.
struct Desk {
    reports: Reports,
    waiting: RefCell<HashMap<String, oneshot::Sender<ReplyOrder>>>,
    asked: Cell<u64>,
}

impl Desk {
    async fn ask(
        &self,
        request: Request<Incoming>,
    ) -> Result<ReplyOrder, oneshot::error::RecvError> {
        self.asked.set(self.asked.get() + 1);
        let id = format!("asked-{}", self.asked.get());
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(id.clone(), sender);
        let _place = Place {
            desk: self,
            id: id.clone(),
        };
        let (method, path) = (request.method().to_string(), target_of(&request));
        self.reports.tell(Report::Asked { id, method, path });
        let (mut receiver, mut body) = (pin!(receiver), request.into_body());
        let mut is_over = false;
        // A body goes nowhere; it is taken in so that the client gets around to reading the reply.
        poll_fn(|context| {
            while !is_over && let Poll::Ready(frame) = pin!(body.frame()).poll(context) {
                is_over = !matches!(frame, Some(Ok(_)));
            }
            receiver.as_mut().poll(context)
        })
        .await
    }
}

/// As it was sent.
fn target_of(request: &Request<Incoming>) -> String {
    match request.uri().path_and_query() {
        Some(path) if request.uri().scheme().is_none() => path.to_string(),
        _ => request.uri().to_string(),
    }
}

/// A question that waits, until its connection is gone.
struct Place<'a> {
    desk: &'a Desk,
    id: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.desk.waiting.borrow_mut().remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
