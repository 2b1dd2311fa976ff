//! `--install PATH`: the executable copies itself, so that an init container can put it into a volume
//! where the image of the command has neither a shell nor `cp`.
use crate::command::errno;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const NAME: &str = "k8s-await-election";

/// Installs the executable and says so; a folder gets it under its own name. Returns the exit code.
pub fn install(path: &OsStr) -> u8 {
    let target = target_of(path);
    let shown = target.display();
    // Where nobody listens nobody needs to be told.
    match copy_to(&target) {
        Ok(()) => {
            writeln!(io::stdout(), "{NAME}: installed {shown}").ok();
            0
        }
        Err(error) => {
            let problem = errno::explain(&error);
            writeln!(
                io::stderr(),
                "{NAME}: Cannot install \"{shown}\": {problem}"
            )
            .ok();
            1
        }
    }
}

fn target_of(path: &OsStr) -> PathBuf {
    let target = PathBuf::from(path);
    if path.as_bytes().ends_with(b"/") || target.is_dir() {
        target.join(NAME)
    } else {
        target
    }
}

/// Whoever looks meanwhile finds the file before or the whole new one.
fn copy_to(target: &Path) -> io::Result<()> {
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".{NAME}.{}", std::process::id()));
    let renamed = write_to(&temporary).and_then(|()| fs::rename(&temporary, target));
    if renamed.is_err() {
        // What matters is told by the first error.
        fs::remove_file(&temporary).ok();
    }
    renamed?;
    File::open(folder)?.sync_all()
}

fn write_to(temporary: &Path) -> io::Result<()> {
    let mut source = File::open("/proc/self/exe")?;
    // One of the same number was left by a process that has ended: each container counts from 1.
    fs::remove_file(temporary).ok();
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(temporary)?;
    io::copy(&mut source, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(0o755))?;
    copy.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_a_whole_copy_in_place_of_what_is_there() {
        let folder = std::env::temp_dir().join(format!("install-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(NAME);
        fs::write(&file, "old").unwrap();
        assert_eq!(install(folder.as_os_str()), 0);
        assert_eq!(
            fs::read(&file).unwrap(),
            fs::read("/proc/self/exe").unwrap()
        );
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o7777,
            0o755
        );
        let other = folder.join("other");
        assert_eq!(install(other.as_os_str()), 0);
        assert!(other.exists());
        assert_eq!(install(folder.join("no/").as_os_str()), 1);
        assert_eq!(install(file.join("below").as_os_str()), 1);
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            2,
            "nothing is left behind"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
