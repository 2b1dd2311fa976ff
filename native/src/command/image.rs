//! Lays out what is executed: every byte as the host was given it.
use super::errno;
use super::executable::{look_up, problem_of};
use crate::protocol::StartProblem;
use crate::sys::{self, Image};
use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the first of the words means, with the words and variables it gets.
pub fn image_of(
    argv: &[OsString],
    add_env: &BTreeMap<String, String>,
) -> Result<Image, StartProblem> {
    let file = look_up(first_of(argv), std::env::var_os("PATH").as_deref())?;
    lay_out(&file, argv, add_env).map_err(|it| refusal(argv, &it.into()))
}

/// Why what `image_of` found could not be started.
pub fn start_problem(argv: &[OsString], error: &io::Error) -> StartProblem {
    // The file was found before: what is missing now is what the kernel needs to execute it.
    let is_missing = error.raw_os_error() == Some(libc::ENOENT);
    let detail = is_missing.then_some("its interpreter is not found");
    problem_of(first_of(argv), &errno::name_of(error), detail)
}

/// What the system said, and nothing more.
pub fn refusal(argv: &[OsString], error: &io::Error) -> StartProblem {
    problem_of(first_of(argv), &errno::name_of(error), None)
}

fn first_of(argv: &[OsString]) -> &OsStr {
    argv.first().map_or(OsStr::new(""), OsString::as_os_str)
}

/// The command with its words, and the host's variables with `add_env` in place of those of its names.
///
/// # Errors
/// For a zero byte, which only `add_env` can have.
fn lay_out(
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
