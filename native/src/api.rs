//! Exchanges with the API server. This carries orders out and reports what came back: it knows no
//! Kubernetes, repeats nothing that could be a write, and decides nothing.
mod access;
mod addresses;
mod call;
mod connections;
mod error_text;
mod exchange;
#[cfg(fuzzing)]
pub mod fuzz;
mod in_cluster;
mod kubeconfig;
mod kubeconfig_files;
mod lines;
mod offload;
mod reread;
mod server;
mod small_file;
mod socket;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod testing_authority;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_access;
#[cfg(test)]
mod tests_noise;
#[cfg(test)]
mod tests_tls;
#[cfg(test)]
mod tests_watch;
mod tls;
mod watch;
mod yaml;

pub use access::Access;
pub use addresses::{Addresses, look_up};
pub use connections::{Connection, Connections};
pub use error_text::{Trouble, code_of, one_line};
pub use exchange::{PRODUCT, host_of, send};
pub use offload::Offloaded;
pub use server::Server;

use crate::protocol::{Report, Reports, RequestOrder, WatchOrder};
use addresses::Resolve;
use call::{Call, Via};
use exchange::{Question, read_body};
use hyper::Response;
use hyper::body::Incoming;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::task::{AbortHandle, spawn_local};

const MAX_BODY_BYTES: usize = 1024 * 1024;

pub struct Api {
    via: Rc<Via>,
    calls: Rc<RefCell<HashMap<String, AbortHandle>>>,
    reports: Reports,
}

impl Api {
    /// Nothing is connected before the first order.
    pub fn new(access: Rc<Access>, reports: Reports) -> Self {
        Self::with_resolver(access, reports, Rc::new(look_up))
    }

    fn with_resolver(access: Rc<Access>, reports: Reports, resolve: Resolve) -> Self {
        let connections = Connections::new(Addresses::new(resolve));
        Self {
            via: Rc::new(Via {
                access,
                connections,
            }),
            calls: Rc::default(),
            reports,
        }
    }

    pub fn request(&self, order: RequestOrder) {
        let (via, call) = (self.via.clone(), Call::new(&order.id, order.timeout_ms));
        self.begin(order.id.clone(), async move {
            request(&order, &call, &via).await
        });
    }

    pub fn watch(&self, order: WatchOrder) {
        let (via, call) = (self.via.clone(), Call::new(&order.id, order.timeout_ms));
        let reports = self.reports.clone();
        self.begin(order.id.clone(), async move {
            watch::follow(&order, &call, &via, &reports).await
        });
    }

    /// Ends the exchange and closes its connection; nothing more is reported about it.
    pub fn abandon(&self, id: &str) {
        if let Some(task) = self.calls.borrow_mut().remove(id) {
            task.abort();
        }
    }

    /// Reports the exchange's end. A task that was aborted comes no further than it is.
    fn begin(&self, id: String, work: impl Future<Output = Report> + 'static) {
        let (calls, reports, own_id) = (self.calls.clone(), self.reports.clone(), id.clone());
        let task = spawn_local(async move {
            let last = work.await;
            calls.borrow_mut().remove(&own_id);
            reports.tell(last);
        });
        if let Some(former) = self.calls.borrow_mut().insert(id, task.abort_handle()) {
            former.abort();
        }
    }
}

async fn request(order: &RequestOrder, call: &Call, via: &Via) -> Report {
    call.within_time(via, async {
        let (mut connection, response) = request_head(order, call, via).await?;
        let (head, body) = response.into_parts();
        let text = read_body(body, MAX_BODY_BYTES).await?;
        connection.has_served = true;
        via.connections.keep(connection);
        Ok(call.answered(&head, text))
    })
    .await
    .unwrap_or_else(|unanswered| unanswered)
}

async fn request_head(
    order: &RequestOrder,
    call: &Call,
    via: &Via,
) -> Result<(Connection, Response<Incoming>), Trouble> {
    let mut fresh = order.fresh;
    loop {
        let server = via.access.server().await.map_err(Trouble::Plain)?;
        let mut connection = via.connections.take(&server, fresh, call.ends_at).await?;
        let question = Question {
            server: &server,
            method: &order.method,
            path: &order.path,
            body: order.body.as_deref(),
            content_type: order.content_type.as_deref(),
        };
        match call.ask(&mut connection, &question, via).await {
            Ok(response) => return Ok((connection, response)),
            // The server may close an idle connection while a request is on its way to it. To ask
            // again is harmless for a GET only; a write that may have been applied is the
            // program's affair.
            Err(_) if order.method == "GET" && connection.has_served => fresh = true,
            Err(trouble) => return Err(trouble),
        }
    }
}
