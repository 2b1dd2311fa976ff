//! Errors of system calls by their names, as reports and messages have them.
use std::io;

/// What may come of finding, starting and following programs and of writing files.
const NAMES: [(i32, &str); 33] = [
    (libc::E2BIG, "E2BIG"),
    (libc::EACCES, "EACCES"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::EBADF, "EBADF"),
    (libc::EBUSY, "EBUSY"),
    (libc::EDQUOT, "EDQUOT"),
    (libc::EEXIST, "EEXIST"),
    (libc::EFAULT, "EFAULT"),
    (libc::EFBIG, "EFBIG"),
    (libc::EINTR, "EINTR"),
    (libc::EINVAL, "EINVAL"),
    (libc::EIO, "EIO"),
    (libc::EISDIR, "EISDIR"),
    (libc::ELIBBAD, "ELIBBAD"),
    (libc::ELOOP, "ELOOP"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENFILE, "ENFILE"),
    (libc::ENODEV, "ENODEV"),
    (libc::ENOENT, "ENOENT"),
    (libc::ENOEXEC, "ENOEXEC"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::ENOTEMPTY, "ENOTEMPTY"),
    (libc::ENXIO, "ENXIO"),
    (libc::EPERM, "EPERM"),
    (libc::EROFS, "EROFS"),
    (libc::ESRCH, "ESRCH"),
    (libc::ESTALE, "ESTALE"),
    (libc::ETXTBSY, "ETXTBSY"),
    (libc::EXDEV, "EXDEV"),
];

/// Such as `ENOENT`; `EINVAL` for what is no error of a system call, as a word with a zero byte.
pub fn name_of(error: &io::Error) -> String {
    let number = error.raw_os_error().unwrap_or(libc::EINVAL);
    let found = NAMES.iter().find(|(it, _)| *it == number);
    found.map_or_else(|| format!("E{number}"), |(_, name)| (*name).into())
}

/// What the system says, and the name.
pub fn explain(error: &io::Error) -> String {
    let text = error.to_string();
    let said = text.split(" (os error").next().unwrap_or_default();
    format!("{said} ({})", name_of(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_has_a_name() {
        let missing = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(name_of(&missing), "ENOENT");
        assert_eq!(explain(&missing), "No such file or directory (ENOENT)");
        assert_eq!(name_of(&io::Error::other("zero byte")), "EINVAL");
        assert_eq!(name_of(&io::Error::from_raw_os_error(libc::EXFULL)), "E54");
    }
}
