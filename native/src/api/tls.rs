//! TLS towards the API server: only the CA that was given, TLS 1.2 or 1.3.
use super::error_text::Trouble;
use super::server::{ClientIdentity, Tls};
use rustls::client::Resumption;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, InconsistentKeys, RootCertStore};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Sessions kept for a shorter handshake: a request and a watch, for two addresses each.
const MAX_SESSIONS: usize = 4;

/// What is needed to shake hands; made once for as long as nothing about it changes.
pub struct TlsClient {
    made_for: Tls,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl TlsClient {
    fn new(tls: &Tls) -> Result<Self, Trouble> {
        let name = ServerName::try_from(tls.server_name.clone())
            .map_err(|_| Trouble::plain(format!("\"{}\" is no host name", tls.server_name)))?;
        let connector = TlsConnector::from(Arc::new(config_of(tls)?));
        Ok(Self {
            made_for: tls.clone(),
            name,
            connector,
        })
    }

    pub async fn connect(&self, socket: TcpStream) -> Result<TlsStream<TcpStream>, Trouble> {
        Ok(self.connector.connect(self.name.clone(), socket).await?)
    }
}

#[derive(Default)]
pub struct TlsClients(RefCell<Option<Rc<TlsClient>>>);

impl TlsClients {
    /// The one from before unless the CA, the client certificate or the name has changed. Fails
    /// when there is something in the PEM texts that cannot be used.
    pub fn of(&self, tls: &Tls) -> Result<Rc<TlsClient>, Trouble> {
        let mut last = self.0.borrow_mut();
        if let Some(client) = last.as_ref().filter(|client| client.made_for == *tls) {
            return Ok(client.clone());
        }
        let client = Rc::new(TlsClient::new(tls)?);
        *last = Some(client.clone());
        Ok(client)
    }
}

fn config_of(tls: &Tls) -> Result<ClientConfig, Trouble> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Trouble::plain(error.to_string()))?
        .with_root_certificates(roots_of(&tls.ca)?);
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(certified(identity)?)),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
    Ok(config)
}

/// Whether the certificate is any good is for the server to say: it takes version 1, for example,
/// which `with_client_auth_cert` does not. That the key belongs to it is checked where possible.
fn certified(ClientIdentity { cert, key }: &ClientIdentity) -> Result<SingleCertAndKey, Trouble> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(cert.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| unusable("certificate", "it is not PEM"))?;
    if chain.is_empty() {
        return Err(unusable("certificate", "it holds no PEM certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| unusable("key", "it holds no PEM private key without a passphrase"))?;
    let key = any_supported_type(&key).map_err(|_| {
        unusable(
            "key",
            "it is neither RSA nor ECDSA (P-256, P-384) nor Ed25519",
        )
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(unusable("key", "it is not that of the client certificate"))
        }
        _ => Ok(certified.into()),
    }
}

/// A bundle may hold what is none of ours, as long as there is one certificate to trust.
fn roots_of(ca: &str) -> Result<RootCertStore, Trouble> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(ca.as_bytes()).filter_map(Result::ok);
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(Trouble::plain(
            "Cannot use the CA: it holds no certificate that can be read",
        ));
    }
    Ok(roots)
}

fn unusable(what: &str, why: &str) -> Trouble {
    Trouble::plain(format!("Cannot use the client {what}: {why}"))
}
