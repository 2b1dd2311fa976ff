//! A verified connection to one address of the API server: nothing has been sent on it yet, and no
//! socket whose certificate was not checked leaves this file. No proxy variable and no switch of
//! the environment has a say.
use super::error_text::Trouble;
use super::tls::TlsClient;
use crate::timer;
use socket2::{SockRef, TcpKeepalive};
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// An open watch on a dead path ends 20 s after its last byte, whatever the program does.
const KEEPALIVE_TIME: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_PROBES: u32 = 10;

pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Connects, and shakes hands where there is TLS; also fails when both took longer than that.
pub async fn open_socket(
    address: IpAddr,
    port: u16,
    tls: Option<&TlsClient>,
    timeout_ms: f64,
) -> Result<Box<dyn Stream>, Trouble> {
    let opened = timer::until(timer::now() + timeout_ms, connect(address, port, tls)).await;
    opened.unwrap_or_else(|| {
        let missing = format!("no connection within {timeout_ms:.0} ms");
        Err(Trouble::coded("ETIMEDOUT", missing))
    })
}

async fn connect(
    address: IpAddr,
    port: u16,
    tls: Option<&TlsClient>,
) -> Result<Box<dyn Stream>, Trouble> {
    let socket = TcpStream::connect((address, port)).await?;
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    match tls {
        None => Ok(Box::new(socket)),
        Some(client) => Ok(Box::new(client.connect(socket).await?)),
    }
}
