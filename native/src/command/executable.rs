//! Finds the file that a command names, as execvp(3) does, and what the kernel would refuse in it.
//!
//! The check exists because of what execvp does with a file that the kernel cannot execute: it is
//! handed to `/bin/sh`, which reads a foreign machine's program as if it were a script.
use super::errno;
use crate::protocol::StartProblem;
use crate::sys;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What is known at once to be wrong with a command; `None` when it can be started.
pub fn find_command(argv0: &OsStr) -> Option<StartProblem> {
    look_up(argv0, std::env::var_os("PATH").as_deref()).err()
}

/// The executable that a command's first word means; `path` is the variable.
pub fn look_up(argv0: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, StartProblem> {
    if argv0.as_bytes().contains(&b'/') {
        return check(argv0, PathBuf::from(argv0));
    }
    let mut refused = None;
    if !argv0.is_empty() {
        // The default is that of the C library.
        let folders = path.map_or(&b"/bin:/usr/bin"[..], OsStrExt::as_bytes);
        for folder in folders.split(|it| *it == b':') {
            match check(argv0, file_in(folder, argv0)) {
                // Another folder may hold the right one, and a refusal is told only if none does.
                Err(problem) if problem.errno == "EACCES" => {
                    refused.get_or_insert(problem);
                }
                Err(problem) if problem.errno != "ENOEXEC" => {}
                found => return found,
            }
        }
    }
    Err(refused.unwrap_or_else(|| problem_of(argv0, "ENOENT", None)))
}

fn file_in(folder: &[u8], argv0: &OsStr) -> PathBuf {
    let folder = if folder.is_empty() { b"." } else { folder };
    PathBuf::from(OsString::from_vec(
        [folder, b"/", argv0.as_bytes()].concat(),
    ))
}

/// Words a failure; of the command's words only the first is quoted, for others may be secret.
pub fn problem_of(argv0: &OsStr, errno: &str, detail: Option<&str>) -> StartProblem {
    let reason = detail.unwrap_or(match errno {
        "E2BIG" => "its arguments and environment are too long",
        "EACCES" => "it is not executable",
        "EISDIR" => "it is a directory",
        "ELOOP" => "too many symbolic links",
        "ENOENT" => "not found",
        "ENOEXEC" => "it is not a program for this machine",
        "ENOTDIR" => "a part of its path is not a directory",
        _ => "the system refused",
    });
    StartProblem {
        errno: errno.into(),
        message: format!("Cannot start \"{}\": {reason} ({errno})", argv0.display()),
    }
}

fn check(argv0: &OsStr, file: PathBuf) -> Result<PathBuf, StartProblem> {
    let is_folder =
        check_access(&file).map_err(|error| problem_of(argv0, &errno::name_of(&error), None))?;
    if is_folder {
        return Err(problem_of(argv0, "EISDIR", None));
    }
    let head = read_head(&file);
    if head.starts_with(b"\x7fELF") && !is_for_this_machine(&head) {
        return Err(problem_of(argv0, "ENOEXEC", None));
    }
    Ok(file)
}

/// Whether it is a folder; those may always be entered or are refused as well.
fn check_access(file: &Path) -> io::Result<bool> {
    if fs::metadata(file)?.is_dir() {
        return Ok(true);
    }
    sys::check_executable(&CString::new(file.as_os_str().as_bytes())?)?;
    Ok(false)
}

/// The beginning of a file; nothing where it may be executed but not read.
fn read_head(file: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|it| it.take(64).read_to_end(&mut head));
    if read.is_err() {
        head.clear();
    }
    head
}

/// Compares with the host's own program; 32-bit kin and registered foreign formats pass as well.
fn is_for_this_machine(head: &[u8]) -> bool {
    let Some(machine) = machine_of(head) else {
        return false;
    };
    let kin = match std::env::consts::ARCH {
        "x86_64" => Some([1, 3, 0]),
        "aarch64" => Some([1, 40, 0]),
        _ => None,
    };
    let own = machine_of(&read_head(Path::new("/proc/self/exe")));
    Some(machine) == own || Some(machine) == kin || has_foreign_formats()
}

/// Byte order and machine of an ELF head.
fn machine_of(head: &[u8]) -> Option<[u8; 3]> {
    (head.len() >= 52).then(|| [head[5], head[18], head[19]])
}

fn has_foreign_formats() -> bool {
    let Ok(mut entries) = fs::read_dir("/proc/sys/fs/binfmt_misc") else {
        return false;
    };
    entries.any(|it| it.is_ok_and(|it| it.file_name() != "register" && it.file_name() != "status"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::stage::Folder;
    use std::os::unix::fs::PermissionsExt;

    fn file(folder: &Folder, name: &str, content: &[u8], mode: u32) {
        let path = folder.file(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn errno_of(argv0: &OsStr, path: &str) -> Option<String> {
        let problem = look_up(argv0, Some(OsStr::new(path))).err()?;
        assert!(
            problem
                .message
                .starts_with(&format!("Cannot start \"{}\": ", argv0.display()))
        );
        assert!(problem.message.ends_with(&format!(" ({})", problem.errno)));
        Some(problem.errno)
    }

    #[test]
    fn p7_names_what_cannot_be_started() {
        let folder = Folder::new();
        let mut foreign = [0; 64];
        foreign[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        foreign[18] = 0xf7;
        file(&folder, "plain", b"echo", 0o644);
        file(&folder, "bad", b"\x7fELF, but not really", 0o755);
        file(&folder, "foreign", &foreign, 0o755);
        file(&folder, "script", b"echo", 0o755);
        fs::create_dir(folder.file("directory")).unwrap();
        let path = format!("{}:/bin:/usr/bin", folder.path().display());
        let absolute = |name: &str| folder.file(name).into_os_string();
        let cases = [
            ("no-such-command".into(), Some("ENOENT")),
            ("".into(), Some("ENOENT")),
            (absolute("missing"), Some("ENOENT")),
            (absolute(""), Some("EISDIR")),
            ("directory".into(), Some("ENOENT")),
            ("plain".into(), Some("EACCES")),
            (absolute("plain"), Some("EACCES")),
            (absolute("plain/below"), Some("ENOTDIR")),
            ("bad".into(), Some("ENOEXEC")),
            ("script".into(), None),
            ("sh".into(), None),
        ];
        for (argv0, errno) in cases {
            assert_eq!(
                errno_of(&argv0, &path).as_deref(),
                errno,
                "{}",
                argv0.display()
            );
        }
        let foreign = errno_of(OsStr::new("foreign"), &path);
        assert_eq!(foreign.is_none(), has_foreign_formats());
    }

    #[test]
    fn looks_as_execvp_does() {
        let folder = Folder::new();
        file(&folder, "sh", b"", 0o644);
        let here = folder.path().display().to_string();
        let sh = OsStr::new("sh");
        assert_eq!(errno_of(sh, &format!("{here}:/nowhere:/bin")), None);
        assert_eq!(errno_of(sh, &here).as_deref(), Some("EACCES"));
        assert_eq!(errno_of(sh, "/bin/sh:/nowhere").as_deref(), Some("ENOENT"));
        assert!(look_up(sh, None).is_ok());
    }

    #[test]
    fn knows_the_head_of_its_own_program() {
        assert!(is_for_this_machine(&read_head(Path::new("/proc/self/exe"))));
        assert!(!is_for_this_machine(b"\x7fELF\x02\x01\x01"));
    }
}
