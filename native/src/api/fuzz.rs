//! See `crate::fuzz`.
use super::in_cluster::pod_of;
use super::lines::Lines;
use super::{kubeconfig as config, yaml};
use std::fs;

/// A kubeconfig file.
pub fn kubeconfig(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if yaml::parse(text).is_err() {
        return;
    }
    let file = std::env::temp_dir().join(format!("kubeconfig-{}", std::process::id()));
    fs::write(&file, text).expect("the folder for temporary files can be written");
    if let Err(problem) = config::read(file.to_str().expect("a path of ASCII")) {
        assert!(problem.len() < 2000, "{problem}");
    }
}

/// A stream of a watch, whole and cut into pieces.
pub fn lines(data: &[u8]) {
    let (size, data) = data.split_first().unwrap_or((&1, &[]));
    let split = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut lines = Lines::new(64);
        let mut found = Vec::new();
        for mut piece in pieces {
            loop {
                match lines.next(&mut piece) {
                    Ok(Some(line)) => found.push(line),
                    Ok(None) => break,
                    Err(_) => return None,
                }
            }
        }
        Some(found)
    };
    let whole = split(&mut std::iter::once(data));
    assert_eq!(whole, split(&mut data.chunks(1 + usize::from(*size))));
}

/// A token of a service account.
pub fn token(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        pod_of(text);
    }
}
