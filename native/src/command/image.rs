//! Lays out what is executed: every byte as the host was given it.
use crate::sys::{self, Image};
use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The command with its words, and the host's variables with `add_env` in place of those of its names.
///
/// # Errors
/// For a zero byte, which only `add_env` can have.
pub fn lay_out(
    file: &Path,
    argv: &[OsString],
    add_env: &BTreeMap<String, String>,
) -> Result<Image, NulError> {
    let file = CString::new(file.as_os_str().as_bytes())?;
    let words: Result<Vec<_>, _> = argv.iter().map(|it| CString::new(it.as_bytes())).collect();
    let words = words?;
    let shell = [c"/bin/sh".to_owned(), file.clone()];
    let shell_words = shell
        .into_iter()
        .chain(words.iter().skip(1).cloned())
        .collect();
    let mut variables = sys::environment();
    variables.retain(|it| !add_env.keys().any(|name| is_named(it.as_bytes(), name)));
    for (name, value) in add_env {
        variables.push(CString::new(format!("{name}={value}"))?);
    }
    Ok(Image {
        file,
        words,
        shell_words,
        variables,
    })
}

fn is_named(variable: &[u8], name: &str) -> bool {
    variable
        .strip_prefix(name.as_bytes())
        .is_some_and(|it| it.starts_with(b"="))
}
