use super::super::testing::{Authority, folder};
use super::*;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A kubeconfig with one context; JSON is YAML too.
fn write(folder: &Path, cluster: Value, user: Value) -> PathBuf {
    let config = json!({
        "current-context": "c",
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    let file = folder.join("config");
    fs::write(&file, config.to_string()).unwrap();
    file
}

fn read_config(cluster: Value, user: Value) -> Result<Server, String> {
    read(write(&folder(), cluster, user).to_str().unwrap())
}

fn cluster_of(authority: &Authority) -> Value {
    let ca = STANDARD.encode(authority.pem());
    json!({ "server": "https://10.0.0.1:6443", "certificate-authority-data": ca })
}

#[test]
fn read_takes_server_ca_name_and_token() {
    let authority = Authority::new();
    let mut cluster = cluster_of(&authority);
    cluster["server"] = json!("https://rancher.example/k8s/clusters/c-1/");
    cluster["tls-server-name"] = json!("other.example");
    let server = read_config(cluster, json!({ "token": "t" })).ok().unwrap();
    assert_eq!(
        (server.host.as_str(), server.port),
        ("rancher.example", 443)
    );
    assert_eq!(server.base_path, "/k8s/clusters/c-1");
    assert_eq!(server.bearer_token.as_deref(), Some("t"));
    let tls = server.tls.unwrap();
    assert_eq!(
        (tls.server_name.as_str(), tls.ca),
        ("other.example", authority.pem())
    );
}

#[test]
fn read_takes_a_client_certificate_and_paths_beside_the_kubeconfig() {
    let (folder, authority) = (folder(), Authority::new());
    let issued = authority.issue(&["client"]);
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("key.pem"), &issued.key_pem).unwrap();
    fs::write(folder.join("token"), "from-file\n").unwrap();
    let cluster = json!({ "server": "https://[::1]:6443", "certificate-authority": "ca.pem" });
    let user = json!({
        "client-certificate-data": STANDARD.encode(&issued.cert_pem),
        "client-key": folder.join("key.pem"),
        "token": "in-itself",
        "tokenFile": "token",
    });
    let server = read(write(&folder, cluster, user).to_str().unwrap())
        .ok()
        .unwrap();
    assert_eq!(server.host, "::1");
    assert_eq!(server.bearer_token.as_deref(), Some("from-file"));
    let client = server.tls.unwrap().client.unwrap();
    assert_eq!(
        (client.cert, client.key),
        (issued.cert_pem, issued.key_pem.trim().to_owned())
    );
}

#[test]
fn read_allows_plain_http_on_loopback_addresses_only() {
    for (url, port) in [("http://127.0.0.1:8001", 8001), ("http://[::1]", 80)] {
        let server = read_config(json!({ "server": url }), json!({ "token": "t" }))
            .ok()
            .unwrap();
        assert!(server.tls.is_none());
        assert_eq!(server.port, port);
    }
    for url in [
        "http://10.0.0.1",
        "http://localhost:1",
        "http://127.evil.example",
        "ftp://::1",
    ] {
        let problem = read_config(json!({ "server": url }), json!({}))
            .err()
            .unwrap();
        let right = "it must be https://, or http:// with a loopback address";
        assert!(
            problem.starts_with("cluster \"c\" has ") && problem.ends_with(right),
            "{problem}"
        );
    }
}

#[test]
fn read_refuses_what_it_does_not_support_and_names_it() {
    let authority = Authority::new();
    let good = cluster_of(&authority);
    let with = |name: &str, value: Value| {
        let mut cluster = good.clone();
        cluster[name] = value;
        cluster
    };
    for (cluster, expected) in [
        (
            with("insecure-skip-tls-verify", json!(true)),
            "cluster \"c\" has insecure-skip-tls-verify, which is refused; \
             give its certificate-authority",
        ),
        (
            with("proxy-url", json!("socks5://x")),
            "has a proxy-url, which is not supported",
        ),
        (
            with("server", json!("https://a:b@10.0.0.1")),
            "has a server that is no URL",
        ),
        (
            with("server", json!("https://10.0.0.1:99999")),
            "has a server that is no URL",
        ),
        (with("server", json!(null)), "has a server that is no URL"),
        (
            with("certificate-authority-data", json!("")),
            "has no certificate-authority",
        ),
        (
            with("certificate-authority-data", json!("?")),
            "-data that is no base64",
        ),
        (
            with("certificate-authority-data", json!("eA==")),
            "Cannot use the CA",
        ),
    ] {
        let problem = read_config(cluster, json!({ "token": "t" })).err().unwrap();
        assert!(problem.contains(expected), "{problem}");
    }
    for (user, expected) in [
        (
            json!({ "exec": { "command": "x" } }),
            "user \"u\" has exec, which is not supported",
        ),
        (
            json!({ "auth-provider": {} }),
            "has auth-provider, which is not supported",
        ),
        (
            json!({ "username": "n", "password": "p" }),
            "has username, which is not supported",
        ),
        (
            json!({ "as": "x" }),
            "has as, which is not supported by the native host; use the Node",
        ),
        (
            json!({ "as-groups": ["x"] }),
            "has as-groups, which is not supported",
        ),
        (
            json!({ "token": "a b" }),
            "has a token that is not one word",
        ),
        (
            json!({ "tokenFile": "absent" }),
            "has a tokenFile that cannot be used: ENOENT: ",
        ),
        (
            json!({ "client-key": "absent" }),
            "has a client-key that cannot be used: ENOENT: ",
        ),
        (
            json!({ "client-key-data": "eA==" }),
            "has a client-key without a client-certificate",
        ),
        (
            json!({
                "client-certificate-data": STANDARD.encode(authority.issue(&["a"]).cert_pem),
                "client-key-data": STANDARD.encode(authority.issue(&["a"]).key_pem),
            }),
            "Cannot use the client key: it is not that of the client certificate",
        ),
    ] {
        let problem = read_config(good.clone(), user).err().unwrap();
        assert!(problem.contains(expected), "{problem}");
    }
    assert!(read_config(with("insecure-skip-tls-verify", json!(false)), json!({})).is_ok());
}

#[test]
fn read_joins_several_files_and_the_first_wins() {
    let (first, second) = (folder(), folder());
    let cluster = cluster_of(&Authority::new());
    let one = write(
        &first,
        json!({ "server": "http://127.0.0.1:1" }),
        json!({ "token": "one" }),
    );
    let two = write(&second, cluster, json!({ "token": "two" }));
    let server = read(&format!("{}::{}", one.display(), two.display()))
        .ok()
        .unwrap();
    assert_eq!(
        (server.port, server.bearer_token.as_deref()),
        (1, Some("one"))
    );
    fs::write(
        &one,
        "current-context: ''\nusers: [{ name: u, user: { token: one } }]",
    )
    .unwrap();
    let server = read(&format!("{}:{}", one.display(), two.display()))
        .ok()
        .unwrap();
    assert_eq!(
        (server.port, server.bearer_token.as_deref()),
        (6443, Some("one"))
    );
}

#[test]
fn read_names_a_file_that_is_missing_or_unclear_and_quotes_nothing() {
    let problem = read("/nowhere/config").err().unwrap();
    assert_eq!(problem, "ENOENT: cannot read /nowhere/config");
    let folder = folder();
    assert!(
        read(folder.to_str().unwrap())
            .err()
            .unwrap()
            .starts_with("EISDIR: ")
    );
    let file = folder.join("config");
    fs::write(&file, "users:\n- token: *secret\n").unwrap();
    assert_eq!(
        read(file.to_str().unwrap()).err().unwrap(),
        "it is no YAML at line 2"
    );
    fs::write(&file, "current-context: absent").unwrap();
    let problem = read(file.to_str().unwrap()).err().unwrap();
    assert_eq!(
        problem,
        "the current context is \"absent\", which has no cluster"
    );
    let problem = read(":").err().unwrap();
    assert_eq!(problem, "the current context is \"\", which has no cluster");
}
