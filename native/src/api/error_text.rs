//! Wording errors for the program: one short line, with the code that people search for. The codes
//! are those of the Node host, so that one search finds both.
use rustls::CertificateError;
use std::error::Error;
use std::io;

const LIMIT_CHARACTERS: usize = 300;

/// What went wrong with an exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Told with the peer's address; without a reason the code says it all.
    Coded {
        code: String,
        reason: Option<String>,
    },
    /// Told as it is.
    Plain(String),
}

impl Trouble {
    pub fn coded(code: &str, reason: impl Into<String>) -> Self {
        Self::Coded {
            code: code.into(),
            reason: Some(reason.into()),
        }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    /// Such as `ECONNREFUSED 10.0.0.1:443`, or with the reason where that says more than the code.
    pub fn describe(&self, peer: &str) -> String {
        one_line(&match self {
            Self::Coded { code, reason: None } => format!("{code} {peer}"),
            Self::Coded {
                code,
                reason: Some(reason),
            } => format!("{code} {peer}: {reason}"),
            Self::Plain(text) => text.clone(),
        })
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return of_tls(tls);
        }
        match error.raw_os_error() {
            Some(_) => Self::Coded {
                code: code_of(&error),
                reason: None,
            },
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::coded("ECONNRESET", "closed before it was usable")
            }
            None => Self::plain(error.to_string()),
        }
    }
}

impl From<hyper::Error> for Trouble {
    fn from(error: hyper::Error) -> Self {
        let cause = error
            .source()
            .and_then(|source| source.downcast_ref::<io::Error>());
        if let Some(cause) = cause.filter(|cause| cause.kind() != io::ErrorKind::UnexpectedEof) {
            return match cause.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(tls) => of_tls(tls),
                None if cause.raw_os_error().is_some() => Self::Coded {
                    code: code_of(cause),
                    reason: None,
                },
                None => Self::coded("EPROTO", format!("{error}: {cause}")),
            };
        }
        if error.is_parse_too_large() {
            Self::coded("HPE_HEADER_OVERFLOW", "the headers are too long")
        } else if error.is_parse() {
            Self::coded("HPE_INVALID_CONSTANT", error.to_string())
        } else {
            Self::coded("ECONNRESET", "closed before the end of an answer")
        }
    }
}

fn of_tls(error: &rustls::Error) -> Trouble {
    match error {
        rustls::Error::InvalidCertificate(problem) => of_certificate(problem),
        other => Trouble::coded("EPROTO", other.to_string()),
    }
}

fn of_certificate(problem: &CertificateError) -> Trouble {
    let foreign = "its certificate is not signed by our CA";
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Trouble::coded("CERT_HAS_EXPIRED", "certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Trouble::coded("CERT_NOT_YET_VALID", "certificate is not yet valid")
        }
        CertificateError::UnknownIssuer => {
            Trouble::coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE", foreign)
        }
        CertificateError::BadSignature => Trouble::coded("CERT_SIGNATURE_FAILURE", foreign),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => Trouble::coded(
            "ERR_TLS_CERT_ALTNAME_INVALID",
            format!(
                "its certificate is not for {} but for {}",
                expected.to_str(),
                presented
                    .iter()
                    .map(|name| bare_name(name))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        ),
        CertificateError::NotValidForName => Trouble::coded(
            "ERR_TLS_CERT_ALTNAME_INVALID",
            "its certificate is for another name",
        ),
        other => Trouble::coded(
            "CERT_REJECTED",
            format!("its certificate is unusable: {other}"),
        ),
    }
}

/// `10.0.0.1` of `IpAddress(10.0.0.1)`, `a.example` of `DnsName("a.example")`.
fn bare_name(presented: &str) -> &str {
    let inner = presented
        .split_once('(')
        .map_or(presented, |(_, rest)| rest);
    inner.trim_end_matches(')').trim_matches('"')
}

/// Without line ends, and cut.
pub fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LIMIT_CHARACTERS).collect()
}

/// The name of a failed system call's error, such as `ECONNREFUSED`.
pub fn code_of(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else {
        return one_line(&error.to_string());
    };
    let known = CODES.iter().find(|(code, _)| *code == number);
    known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).into())
}

/// What sockets and files fail with.
const CODES: [(i32, &str); 33] = [
    (libc::EACCES, "EACCES"),
    (libc::EADDRINUSE, "EADDRINUSE"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ECONNABORTED, "ECONNABORTED"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::ECONNRESET, "ECONNRESET"),
    (libc::EHOSTDOWN, "EHOSTDOWN"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
    (libc::EISDIR, "EISDIR"),
    (libc::ELOOP, "ELOOP"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENETDOWN, "ENETDOWN"),
    (libc::ENETRESET, "ENETRESET"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ENFILE, "ENFILE"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::ENOENT, "ENOENT"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::ENOTCONN, "ENOTCONN"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::ENXIO, "ENXIO"),
    (libc::EPERM, "EPERM"),
    (libc::EPIPE, "EPIPE"),
    (libc::EPROTO, "EPROTO"),
    (libc::ESTALE, "ESTALE"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::ENODEV, "ENODEV"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describe_names_code_peer_and_reason_on_one_short_line() {
        let refused = Trouble::from(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        assert_eq!(refused.describe("[::1]:443"), "ECONNREFUSED [::1]:443");
        let odd = Trouble::coded("EPROTO", format!("a\r\n\tb {}", "x".repeat(400)));
        assert!(
            odd.describe("10.0.0.1:443")
                .starts_with("EPROTO 10.0.0.1:443: a b xxx")
        );
        assert_eq!(odd.describe("10.0.0.1:443").len(), LIMIT_CHARACTERS);
        assert_eq!(Trouble::plain("as it is").describe("p"), "as it is");
    }

    #[test]
    fn of_certificate_tells_which_names_it_is_for() {
        let problem = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap(),
            presented: vec![
                "DnsName(\"a.example\")".into(),
                "IpAddress(10.0.0.1)".into(),
            ],
        };
        assert_eq!(
            of_certificate(&problem).describe("127.0.0.1:443"),
            "ERR_TLS_CERT_ALTNAME_INVALID 127.0.0.1:443: \
             its certificate is not for 127.0.0.1 but for a.example, 10.0.0.1"
        );
    }
}
