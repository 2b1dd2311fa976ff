//! Carries out the order `probe`: asks the command whether it is ready, and says what was found, never
//! what was answered. Whatever is asked may be silent, slow or endless: nothing here waits for longer
//! than the order allows, and no byte of a body is kept.
use crate::api::{
    Addresses, Connection, Connections, PRODUCT, Server, Trouble, host_of, look_up, one_line, send,
};
use crate::command::Command;
use crate::protocol::{Ending, ProbeOrder, ProbeTarget, Report, Reports};
use crate::timer;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;
use tokio::task::{AbortHandle, spawn_local};

pub struct Prober {
    tools: Rc<Tools>,
    under_way: Rc<RefCell<HashMap<String, AbortHandle>>>,
}

struct Tools {
    connections: Connections,
    command: Rc<Command>,
    reports: Reports,
}

/// A yes or a no, and what was found.
type Finding = Result<String, String>;

impl Prober {
    /// Nothing is opened before the first order.
    pub fn new(command: Rc<Command>, reports: Reports) -> Self {
        let connections = Connections::new(Addresses::new(Rc::new(look_up)));
        let tools = Tools {
            connections,
            command,
            reports,
        };
        Self {
            tools: Rc::new(tools),
            under_way: Rc::default(),
        }
    }

    pub fn probe(&self, order: ProbeOrder) {
        let (tools, under_way) = (self.tools.clone(), self.under_way.clone());
        let id = order.id.clone();
        let task = spawn_local(async move {
            let finding = tools.find(&order).await;
            under_way.borrow_mut().remove(&order.id);
            tools.reports.tell(Report::Probed {
                id: order.id,
                ok: finding.is_ok(),
                detail: one_line(&finding.unwrap_or_else(|problem| problem)),
            });
        });
        self.under_way.borrow_mut().insert(id, task.abort_handle());
    }

    /// Ends a probe without a report; what it has opened is closed.
    pub fn abandon(&self, id: &str) {
        if let Some(task) = self.under_way.borrow_mut().remove(id) {
            task.abort();
        }
    }
}

impl Tools {
    async fn find(
        &self,
        ProbeOrder {
            target, timeout_ms, ..
        }: &ProbeOrder,
    ) -> Finding {
        let peer = RefCell::default();
        let finding = timer::until(timer::now() + timeout_ms, async {
            match target {
                ProbeTarget::Exec { argv } => self.execute(argv).await,
                ProbeTarget::Tcp { host, port } => {
                    let server = server_of(host, *port);
                    self.reach(&server, *timeout_ms, &peer, None).await
                }
                ProbeTarget::Http { host, port, path } => {
                    let server = server_of(host, *port);
                    self.reach(&server, *timeout_ms, &peer, Some(path)).await
                }
            }
        });
        let missing = || match (target, &*peer.borrow()) {
            (ProbeTarget::Exec { .. }, _) => "no end".to_owned(),
            (_, None) => "no connection".to_owned(),
            (_, Some(peer)) => format!("{peer}: no answer"),
        };
        finding
            .await
            .unwrap_or_else(|| Err(format!("ETIMEDOUT {} within {timeout_ms} ms", missing())))
    }

    async fn execute(&self, argv: &[String]) -> Finding {
        let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
        match self.command.help(&argv).await? {
            Ending::Code { code: 0 } => Ok("ended with code 0".into()),
            Ending::Code { code } => Err(format!("ended with code {code}")),
            Ending::Signal { signal } => Err(format!("ended by {signal}")),
        }
    }

    /// Connects, and asks for the path if there is one: the head of the answer is all that counts.
    async fn reach(
        &self,
        server: &Arc<Server>,
        timeout_ms: f64,
        peer: &RefCell<Option<String>>,
        path: Option<&str>,
    ) -> Finding {
        let opened = self
            .connections
            .open(server, false, timer::now() + timeout_ms);
        let mut connection = opened.await.map_err(|it| it.describe(&server.host))?;
        let name = connection.peer.clone();
        peer.replace(Some(name.clone()));
        let Some(path) = path else {
            return Ok(format!("connected to {name}"));
        };
        let status = ask(&mut connection, server, path).await;
        let status = status.map_err(|it| it.describe(&name))?;
        let found = format!("HTTP {status} from {name}");
        if (200..400).contains(&status) {
            Ok(found)
        } else {
            Err(found)
        }
    }
}

async fn ask(connection: &mut Connection, server: &Server, path: &str) -> Result<u16, Trouble> {
    let request = Request::get(path)
        .header(HOST, host_of(server))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .header(USER_AGENT, PRODUCT)
        .body(Full::new(Bytes::new()))
        .map_err(|error| Trouble::plain(error.to_string()))?;
    Ok(send(connection, request).await?.status().as_u16())
}

fn server_of(host: &str, port: u16) -> Arc<Server> {
    Arc::new(Server {
        host: host.to_owned(),
        port,
        ..Server::default()
    })
}

#[cfg(test)]
#[path = "probe_test.rs"]
mod tests;
