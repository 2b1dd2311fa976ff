//! The start lock of a pod for one Lease (contract L8): an abstract Unix socket, which belongs to
//! the network namespace, that is to the pod, and which the kernel frees when its owner is gone.
use ring::digest::{SHA512, digest};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

/// What the address of a socket holds after the zero byte that makes it abstract.
const NAME_BYTES: usize = 107;

/// Binds the lock for life. True only when it is ours and the network namespace is surely not the
/// machine's, in which other processes could stand in the way or stand in for us.
pub fn hold(pod_uid: &str, namespace: &str, lease_name: &str) -> bool {
    has_own_network(Path::new("/proc/sys/net/core"))
        && bind(&lock_name(pod_uid, namespace, lease_name))
}

/// Whether this is another network namespace than the machine's first one. The kernel shows
/// `netdev_max_backlog` and `dev_weight`, which are the machine's, only in the first namespace, and
/// `somaxconn` in every one: its presence says that the folder can be believed.
fn has_own_network(settings: &Path) -> bool {
    let shows = |name: &str| settings.join(name).exists();
    shows("somaxconn") && !shows("netdev_max_backlog") && !shows("dev_weight")
}

/// The name of the Node host: both exclude each other. It fills the address exactly.
fn lock_name(pod_uid: &str, namespace: &str, lease_name: &str) -> String {
    let key = serde_json::json!([pod_uid, namespace, lease_name]).to_string();
    let mut name = "k8s-await-election/".to_owned();
    for byte in digest(&SHA512, key.as_bytes()).as_ref() {
        name.push_str(&format!("{byte:02x}"));
    }
    name.truncate(NAME_BYTES);
    name
}

/// The socket is of the type that Node binds: the kernel keeps the names of each type apart.
fn bind(name: &str) -> bool {
    let bound = SocketAddr::from_abstract_name(name).and_then(|it| UnixListener::bind_addr(&it));
    // Open until the process ends.
    bound.map(std::mem::forget).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn l8_has_the_name_that_node_gives() {
        let name = lock_name("u\"\u{1}\u{e9}", "default", "lock");
        assert_eq!(name.len(), NAME_BYTES);
        // What Node's `crypto.createHash("sha512")` makes of the same JSON.
        let expected = "d677be8d7fc82f84dd960de44a94d1e49e729c7613c6ed4366b8a9eea7d4e531d87049f63f639eb27758bf60";
        assert_eq!(name, format!("k8s-await-election/{expected}"));
    }

    #[test]
    fn l8_is_ours_alone() {
        let name = lock_name(&format!("{}", std::process::id()), "default", "lock");
        assert!(bind(&name));
        assert!(!bind(&name));
        assert!(bind(&lock_name(
            &format!("{}", std::process::id()),
            "other",
            "lock"
        )));
    }

    #[test]
    fn l8_says_no_in_the_machines_namespace_and_where_it_cannot_tell() {
        let folder = std::env::temp_dir().join(format!("start-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(!has_own_network(&folder));
        fs::write(folder.join("somaxconn"), "4096\n").unwrap();
        assert!(has_own_network(&folder));
        fs::write(folder.join("dev_weight"), "64\n").unwrap();
        assert!(!has_own_network(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
