//! Where the API server is, and the credentials for it.

/// Asked for anew by every exchange. No `Debug`: nothing of it may get into a message by accident.
#[derive(Clone, Default, PartialEq)]
pub struct Server {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// What stands before every path, without a slash at its end: some servers are behind a gateway.
    pub base_path: String,
    /// Absent for plain HTTP, which only a loopback address may have.
    pub tls: Option<Tls>,
    /// Sent as it is to this server and to nobody else.
    pub bearer_token: Option<String>,
}

impl Server {
    /// Whether a connection that was made for the other one may serve this one too.
    pub fn is_same_peer(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.tls) == (&other.host, other.port, &other.tls)
    }
}

#[derive(Clone, Default, PartialEq)]
pub struct Tls {
    /// The name, or the address, that the server's certificate must be for.
    pub server_name: String,
    /// Certificates to trust, and no others, as PEM.
    pub ca: String,
    pub client: Option<ClientIdentity>,
}

/// A client certificate with its chain, and its private key, as PEM.
#[derive(Clone, PartialEq)]
pub struct ClientIdentity {
    pub cert: String,
    pub key: String,
}
