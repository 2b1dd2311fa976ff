//! A kubeconfig, for development and for processes outside a pod: a server, its CA, and a token or a
//! client certificate. Whatever else it may hold is refused rather than passed over in silence.
use super::error_text::Trouble;
use super::in_cluster::{CA_LIMIT_BYTES, TOKEN_LIMIT_BYTES};
use super::kubeconfig_files::{Entry, Files, explain};
use super::server::{ClientIdentity, Server, Tls};
use super::small_file::{is_one_word, read_text};
use super::tls::TlsClients;
use super::yaml::Node;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use std::net::IpAddr;

const OF_THE_USER: [&str; 8] = [
    "exec",
    "auth-provider",
    "username",
    "password",
    "as",
    "as-uid",
    "as-groups",
    "as-user-extra",
];

/// Where the server is, before anything is known of certificates.
#[derive(Debug, PartialEq)]
struct Target {
    host: String,
    port: u16,
    base_path: String,
    is_secure: bool,
}

/// The paths have colons between them. Fails with a text for the user that quotes no secret. May
/// block for as long as the file system likes.
pub fn read(paths: &str) -> Result<Server, String> {
    let files = Files::read(paths)?;
    let current = &files.current_context;
    let context = files
        .context(current)
        .map_or(&Node::Null, |entry| &entry.value);
    let name = context.text("cluster").unwrap_or_default();
    let cluster = files
        .cluster(name)
        .ok_or_else(|| format!("the current context is \"{current}\", which has no cluster"))?;
    let Target {
        host,
        port,
        base_path,
        is_secure,
    } = target_of(name, &cluster.value)?;
    let (client, bearer_token) = match context.text("user") {
        None => (None, None),
        Some(name) => {
            let user = files.user(name).ok_or_else(|| {
                format!("the current context is \"{current}\", and its user \"{name}\" is missing")
            })?;
            credentials_of(&Owner {
                kind: "user",
                name,
                entry: user,
            })?
        }
    };
    let tls = if is_secure {
        let ca = ca_of(&Owner {
            kind: "cluster",
            name,
            entry: cluster,
        })?;
        let server_name = cluster
            .value
            .text("tls-server-name")
            .unwrap_or(&host)
            .to_owned();
        let tls = Tls {
            server_name,
            ca,
            client,
        };
        TlsClients::default()
            .of(&tls)
            .map_err(|trouble: Trouble| trouble.describe(&host))?;
        Some(tls)
    } else {
        None
    };
    Ok(Server {
        host,
        port,
        base_path,
        tls,
        bearer_token,
    })
}

/// Refuses what would send credentials where nobody has proved to be the API server.
fn target_of(name: &str, cluster: &Node) -> Result<Target, String> {
    if cluster
        .text("insecure-skip-tls-verify")
        .is_some_and(|it| !it.eq_ignore_ascii_case("false"))
    {
        return Err(format!(
            "cluster \"{name}\" has insecure-skip-tls-verify, which is refused; \
             give its certificate-authority"
        ));
    }
    if cluster.text("proxy-url").is_some() {
        return Err(format!(
            "cluster \"{name}\" has a proxy-url, which is not supported"
        ));
    }
    let right = "it must be https://, or http:// with a loopback address";
    let uri = cluster
        .text("server")
        .and_then(|server| server.parse::<Uri>().ok());
    let Some((uri, host, port)) = uri.as_ref().and_then(|uri| {
        let (host, port) = host_and_port_of(uri)?;
        Some((uri, host, port))
    }) else {
        return Err(format!(
            "cluster \"{name}\" has a server that is no URL; {right}"
        ));
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    let is_secure = scheme == "https";
    // `localhost` is a name: what it means is up to a resolver, so only addresses count.
    let is_loopback = host
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    let is_safe = is_secure || (scheme == "http" && is_loopback);
    if !is_safe {
        return Err(format!(
            "cluster \"{name}\" has the server \"{scheme}://{}\"; {right}",
            uri.authority().map_or("", |authority| authority.as_str())
        ));
    }
    let port = port.unwrap_or(if is_secure { 443 } else { 80 });
    let base_path = uri.path().trim_end_matches('/').to_owned();
    Ok(Target {
        host,
        port,
        base_path,
        is_secure,
    })
}

/// The host without brackets, and the port where there is one; nothing with a name and password.
fn host_and_port_of(uri: &Uri) -> Option<(String, Option<u16>)> {
    let authority = uri.authority()?;
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host)?.strip_prefix(':') {
        None | Some("") => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(host);
    if bare.is_empty() {
        None
    } else {
        Some((bare.to_owned(), port))
    }
}

fn ca_of(cluster: &Owner<'_>) -> Result<String, String> {
    cluster.pem("certificate-authority")?.ok_or_else(|| {
        format!(
            "cluster \"{}\" has no certificate-authority, and the native host trusts no others; \
             give it, or certificate-authority-data",
            cluster.name
        )
    })
}

type Credentials = (Option<ClientIdentity>, Option<String>);

fn credentials_of(user: &Owner<'_>) -> Result<Credentials, String> {
    let name = user.name;
    if let Some(field) = OF_THE_USER.iter().find(|it| user.has(it)) {
        return Err(format!(
            "user \"{name}\" has {field}, which is not supported by the native host; \
             use the Node package, a token or a client certificate"
        ));
    }
    let client = match (user.pem("client-certificate")?, user.pem("client-key")?) {
        (Some(cert), Some(key)) => Some(ClientIdentity { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            return Err(format!(
                "user \"{name}\" has a client-certificate without a client-key"
            ));
        }
        (None, Some(_)) => {
            return Err(format!(
                "user \"{name}\" has a client-key without a client-certificate"
            ));
        }
    };
    let token = token_of(user)?;
    if token.as_deref().is_some_and(|token| !is_one_word(token)) {
        return Err(format!(
            "user \"{name}\" has a token that is not one word of ASCII text"
        ));
    }
    Ok((client, token))
}

/// The file wins, because its content changes, as long as it can be read.
fn token_of(user: &Owner<'_>) -> Result<Option<String>, String> {
    let written = user
        .entry
        .value
        .text("token")
        .map(|token| token.trim().to_owned());
    match (user.file("tokenFile", TOKEN_LIMIT_BYTES), written) {
        (Some(Ok(read)), _) => Ok(Some(read)),
        (Some(Err(problem)), None) => Err(problem),
        (_, written) => Ok(written),
    }
}

/// A cluster or user whose fields are read.
struct Owner<'a> {
    kind: &'static str,
    name: &'a str,
    entry: &'a Entry,
}

impl Owner<'_> {
    fn has(&self, field: &str) -> bool {
        match self.entry.value.field(field) {
            Node::Null => false,
            Node::Text(text) => !text.is_empty(),
            Node::List(items) => !items.is_empty(),
            Node::Map(_) => true,
        }
    }

    /// What stands in the kubeconfig itself wins over a file, as with kubectl.
    fn pem(&self, field: &str) -> Result<Option<String>, String> {
        let in_itself = format!("{field}-data");
        let Some(data) = self.entry.value.text(&in_itself) else {
            return self.file(field, CA_LIMIT_BYTES).transpose();
        };
        let packed: String = data.split_whitespace().collect();
        let text = STANDARD
            .decode(packed)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Self { kind, name, .. } = self;
        text.map(Some)
            .ok_or_else(|| format!("{kind} \"{name}\" has {in_itself} that is no base64"))
    }

    fn file(&self, field: &str, limit_bytes: usize) -> Option<Result<String, String>> {
        let path = self.entry.folder.join(self.entry.value.text(field)?);
        let Self { kind, name, .. } = self;
        Some(read_text(&path, limit_bytes).map_err(|trouble| {
            let why = explain(&trouble, &path.display().to_string());
            format!("{kind} \"{name}\" has a {field} that cannot be used: {why}")
        }))
    }
}

#[cfg(test)]
mod tests;
