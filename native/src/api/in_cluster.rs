//! The service account that Kubernetes mounts into a pod. The kubelet replaces the token and the CA
//! by the same means, so both files are read again together.
use super::error_text::code_of;
use super::server::{Server, Tls};
use super::small_file::{FileTrouble, is_one_word, read_text};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use std::io;
use std::path::Path;

pub const TOKEN_LIMIT_BYTES: usize = 64 * 1024;
pub const CA_LIMIT_BYTES: usize = 1024 * 1024;

const NOT_MOUNTED: &str = "ENOENT, no service account is mounted; set \
                           automountServiceAccountToken to true, or \
                           K8S_AWAIT_ELECTION_KUBECONFIG to a kubeconfig file";

pub struct ServiceAccount {
    /// `KUBERNETES_SERVICE_HOST`, where IPv6 may stand in brackets.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: String,
    /// Where `token` and `ca.crt` are.
    pub folder: String,
}

impl ServiceAccount {
    /// Fails with a text for the user. May block for as long as the file system likes.
    pub fn read(&self) -> Result<Server, String> {
        let Self {
            host,
            port: text,
            folder,
        } = self;
        let port = text
            .trim()
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| {
                format!(
                    "Cannot find the API server: KUBERNETES_SERVICE_PORT is \"{text}\", not a port."
                )
            })?;
        let host = host
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .unwrap_or(host);
        let token = read_file(&format!("{folder}/token"), TOKEN_LIMIT_BYTES)?;
        let ca = read_file(&format!("{folder}/ca.crt"), CA_LIMIT_BYTES)?;
        if !is_one_word(&token) {
            return Err(format!(
                "Cannot use {folder}/token: it is not one word of ASCII text."
            ));
        }
        if !ca.contains("-----BEGIN CERTIFICATE-----") {
            return Err(format!(
                "Cannot use {folder}/ca.crt: it holds no PEM certificate."
            ));
        }
        Ok(Server {
            host: host.to_owned(),
            port,
            base_path: String::new(),
            tls: Some(Tls {
                server_name: host.to_owned(),
                ca,
                client: None,
            }),
            bearer_token: Some(token),
        })
    }
}

fn read_file(path: &str, limit_bytes: usize) -> Result<String, String> {
    read_text(Path::new(path), limit_bytes).map_err(|trouble| match trouble {
        FileTrouble::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("Cannot read {path}: {NOT_MOUNTED}.")
        }
        FileTrouble::Io(error) => format!("Cannot read {path}: {}.", code_of(&error)),
        FileTrouble::NotRegular { .. } => {
            format!("Cannot read {path}: it is not a regular file.")
        }
        FileTrouble::TooLong { limit_bytes } => {
            format!("Cannot use {path}: it is longer than {limit_bytes} bytes.")
        }
        FileTrouble::Empty => format!("Cannot use {path}: it is empty."),
    })
}

/// UID and name of the pod that a bound token was issued for; nothing for a token of another kind.
/// The claims are read, not verified: they only tell us who we are, and the server checks them.
pub fn pod_of(token: &str) -> (Option<String>, Option<String>) {
    let claims = claims_of(token).unwrap_or_default();
    let pod = &claims["kubernetes.io"]["pod"];
    let text = |name: &str| {
        pod[name]
            .as_str()
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
    };
    (text("uid"), text("name"))
}

fn claims_of(token: &str) -> Option<Value> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let payload = token.split('.').nth(1)?;
    let bytes = GeneralPurpose::new(&URL_SAFE, config)
        .decode(payload)
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, token_of};
    use super::*;
    use serde_json::json;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn account(folder: &Path) -> ServiceAccount {
        fs::write(folder.join("token"), "t\n").unwrap();
        fs::write(folder.join("ca.crt"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        let folder = folder.to_str().unwrap().to_owned();
        ServiceAccount {
            host: "[fd00::1]".into(),
            port: "443".into(),
            folder,
        }
    }

    #[test]
    fn read_takes_server_token_and_ca() {
        let folder = folder();
        let Ok(server) = account(&folder).read() else {
            panic!()
        };
        assert_eq!((server.host.as_str(), server.port), ("fd00::1", 443));
        assert_eq!(server.bearer_token.as_deref(), Some("t"));
        let tls = server.tls.unwrap();
        assert_eq!(
            (tls.server_name.as_str(), tls.ca.lines().count()),
            ("fd00::1", 1)
        );
    }

    #[test]
    fn read_refuses_a_port_that_is_none() {
        let folder = folder();
        for port in ["https", "0", "65536", "-1", " ", "1e1", "443a"] {
            let account = ServiceAccount {
                port: port.into(),
                ..account(&folder)
            };
            let problem = account.read().err().unwrap();
            assert!(
                problem.contains(&format!("PORT is \"{port}\", not a port")),
                "{problem}"
            );
        }
    }

    #[test]
    fn f5_read_names_a_file_that_cannot_be_used() {
        type Harm = fn(&Path);
        let harms: [(Harm, &str); 7] = [
            (|_| (), "ENOENT, no service account is mounted"),
            (|file| fs::write(file, " \n").unwrap(), "it is empty."),
            (
                |file| fs::File::create(file).unwrap().set_len(1 << 30).unwrap(),
                "it is longer than ",
            ),
            (
                |file| fs::create_dir(file).unwrap(),
                "it is not a regular file.",
            ),
            (
                |file| symlink("/dev/zero", file).unwrap(),
                "it is not a regular file.",
            ),
            (|file| symlink(file, file).unwrap(), "ELOOP."),
            (|file| fs::write(file, "two words").unwrap(), "it "),
        ];
        for name in ["token", "ca.crt"] {
            for (harm, expected) in harms {
                let folder = folder();
                let account = account(&folder);
                let file = folder.join(name);
                fs::remove_file(&file).unwrap();
                harm(&file);
                let problem = account.read().err().unwrap();
                assert!(
                    problem.contains(&format!("{}: {expected}", file.display())),
                    "{problem}"
                );
            }
        }
    }

    #[test]
    fn pod_of_takes_the_pod_of_a_bound_token_only() {
        let token = token_of(&json!({ "kubernetes.io": { "pod": { "name": "n", "uid": "u" } } }));
        assert_eq!(pod_of(&token), (Some("u".into()), Some("n".into())));
        let nameless = json!({ "kubernetes.io": { "pod": { "name": "", "uid": 7 } } });
        for token in [
            "opaque",
            "a.b.c",
            "",
            &token_of(&json!(null)),
            &token_of(&nameless),
        ] {
            assert_eq!(pod_of(token), (None, None), "{token}");
        }
    }
}
