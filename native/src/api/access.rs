//! Which API server to talk to, and with which credentials: `K8S_AWAIT_ELECTION_KUBECONFIG` wins,
//! then the service account of the pod, then `KUBECONFIG`.
use super::error_text::one_line;
use super::in_cluster::{ServiceAccount, pod_of};
use super::kubeconfig;
use super::reread::{Read, Reread};
use super::server::Server;
use crate::timer;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

const DEFAULT_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The kubelet renews a token at 80 % of its life.
const MAX_AGE_MS: f64 = 60_000.0;

/// How long the files may take at the start, where nothing waits for them but the start itself.
const OPENING_MS: f64 = 10_000.0;

/// An exchange that is under way may have older credentials.
const MAX_SECRETS: usize = 8;

/// Gives a variable's value; an empty one counts as absent.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub struct Access {
    /// Why the API server cannot be addressed, worded for the user. It may be gone at a later try.
    pub problem: Option<String>,
    pub pod_uid: Option<String>,
    pub pod_name: Option<String>,
    server: Reread<Arc<Server>>,
    secrets: RefCell<Vec<String>>,
}

impl Access {
    /// As the environment of the process says. Never fails: what is wrong is in `problem`, so that
    /// the program words the error.
    pub async fn open() -> Rc<Self> {
        let variable = |name: &str| std::env::var_os(name).map(|it| it.to_string_lossy().into());
        Self::of(&variable).await
    }

    pub(super) async fn of(environment: Environment<'_>) -> Rc<Self> {
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        if let Some(own_files) = variable("K8S_AWAIT_ELECTION_KUBECONFIG") {
            return Self::of_kubeconfig(own_files).await;
        }
        let host = variable("KUBERNETES_SERVICE_HOST");
        if let (Some(host), Some(port)) = (host, variable("KUBERNETES_SERVICE_PORT")) {
            let folder = variable("K8S_AWAIT_ELECTION_SERVICE_ACCOUNT_DIR");
            let folder = folder.unwrap_or_else(|| DEFAULT_FOLDER.into());
            let account = ServiceAccount { host, port, folder };
            return Self::of_pod(account).await;
        }
        if let Some(files) = variable("KUBECONFIG") {
            return Self::of_kubeconfig(files).await;
        }
        let problem = "Cannot find the API server: KUBERNETES_SERVICE_HOST and \
                       KUBERNETES_SERVICE_PORT are not set. Run in a pod, or set \
                       K8S_AWAIT_ELECTION_KUBECONFIG or KUBECONFIG to a kubeconfig file.";
        Rc::new(Self::read(Arc::new(move || Err(problem.into()))).await)
    }

    async fn of_kubeconfig(files: String) -> Rc<Self> {
        let read = move || {
            kubeconfig::read(&files).map(Arc::new).map_err(|problem| {
                one_line(&format!("Cannot use the kubeconfig \"{files}\": {problem}"))
            })
        };
        Rc::new(Self::read(Arc::new(read)).await)
    }

    async fn of_pod(account: ServiceAccount) -> Rc<Self> {
        let mut access = Self::read(Arc::new(move || account.read().map(Arc::new))).await;
        if access.problem.is_none()
            && let Ok(server) = access.server().await
        {
            let token = server.bearer_token.as_deref().unwrap_or_default();
            (access.pod_uid, access.pod_name) = pod_of(token);
        }
        Rc::new(access)
    }

    async fn read(read: Read<Arc<Server>>) -> Self {
        let mut access = Self {
            problem: None,
            pod_uid: None,
            pod_name: None,
            server: Reread::new(read, MAX_AGE_MS),
            secrets: RefCell::default(),
        };
        let late = || Err("Cannot read the credentials: the file system does not answer.".into());
        let first = timer::until(timer::now() + OPENING_MS, access.server.get()).await;
        access.problem = first.unwrap_or_else(late).err();
        access
    }

    /// The server with credentials at most a minute old, or older where they cannot be read again.
    /// Fails with a text worded like `problem` when there are no credentials at all.
    pub async fn server(&self) -> Result<Arc<Server>, String> {
        let server = self.server.get().await?;
        if let Some(token) = &server.bearer_token {
            let mut secrets = self.secrets.borrow_mut();
            secrets.retain(|secret| secret != token);
            secrets.insert(0, token.clone());
            secrets.truncate(MAX_SECRETS);
        }
        Ok(server)
    }

    /// The server answered 401: the next `server()` reads the credentials again.
    pub fn refused(&self) {
        self.server.expire();
    }

    /// The credentials in use, the newest first, so that they can be kept out of every text.
    pub fn secrets(&self) -> Vec<String> {
        self.secrets.borrow().clone()
    }

    #[cfg(test)]
    pub async fn to(server: Server) -> Rc<Self> {
        let server = Arc::new(server);
        Rc::new(Self::read(Arc::new(move || Ok(server.clone()))).await)
    }
}
