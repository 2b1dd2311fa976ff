use super::*;
use crate::command::stage::{Folder, run};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn open(folder: &Folder, max_bytes: u64) -> Tape {
    Tape::with_limits(&folder.file("record"), max_bytes, MAX_WAITING_BYTES)
}

#[test]
fn leaves_the_writing_to_a_thread_and_end_waits_for_it() {
    run(async || {
        let folder = Folder::new();
        let tape = Tape::open(folder.file("record"));
        let lines: Vec<String> = (0..1000).map(|it| format!("line {it}")).collect();
        lines.iter().for_each(|it| tape.append(it.clone()));
        assert!(tape.end().await);
        assert_eq!(folder.read("record"), lines.join("\n") + "\n");
        let mode = fs::metadata(folder.file("record"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(tape.failure(), None);
    });
}

#[test]
fn goes_on_in_a_file_that_is_there_apart_from_a_line_that_was_cut() {
    run(async || {
        let folder = Folder::new();
        fs::write(folder.file("record"), "{\"cut\":").unwrap();
        let tape = open(&folder, 11);
        tape.append("new".into());
        assert!(tape.end().await);
        assert!(tape.is_full());
        assert_eq!(folder.read("record"), "{\"cut\":\nnew\n");
    });
}

#[test]
fn turn_keeps_the_file_before_and_no_more_than_that() {
    run(async || {
        let folder = Folder::new();
        let tape = open(&folder, 20);
        for text in ["first", "second", "third"] {
            assert_eq!(tape.is_full(), text != "first");
            if tape.is_full() {
                tape.turn(format!("state {text}"));
            }
            tape.append(format!("{text} {}", "x".repeat(20)));
        }
        assert!(tape.end().await);
        let padding = "x".repeat(20);
        assert_eq!(
            folder.read("record.1"),
            format!("state second\nsecond {padding}\n")
        );
        assert_eq!(
            folder.read("record"),
            format!("state third\nthird {padding}\n")
        );
    });
}

#[test]
fn is_off_where_there_is_no_fit_file() {
    run(async || {
        let folder = Folder::new();
        let fifo = folder.file("fifo");
        assert!(
            Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let cases = [
            (fifo.clone(), "ENXIO"),
            (folder.file(""), "EISDIR"),
            (folder.file("no/file"), "ENOENT"),
            (PathBuf::from("/dev/full"), "it is not a regular file"),
        ];
        for (file, problem) in cases {
            let tape = Tape::with_limits(&file, 1, MAX_WAITING_BYTES);
            tape.append("line".into());
            assert!(tape.end().await, "{}", file.display());
            assert_eq!(tape.failure().as_deref(), Some(problem));
            tape.append("line".into());
            assert!(!tape.is_full());
        }
    });
}

#[test]
fn is_off_where_the_file_cannot_be_renamed() {
    run(async || {
        let folder = Folder::new();
        fs::create_dir(folder.file("record.1")).unwrap();
        let tape = open(&folder, MAX_BYTES);
        tape.append("one".into());
        tape.turn("state".into());
        assert!(tape.end().await);
        assert_eq!(tape.failure().as_deref(), Some("EISDIR"));
        assert_eq!(folder.read("record"), "one\n");
    });
}

#[test]
fn lets_only_so_much_wait_for_the_disk() {
    run(async || {
        let folder = Folder::new();
        let tape = Tape::with_limits(&folder.file("record"), MAX_BYTES, 100);
        tape.append("x".repeat(100));
        assert_eq!(tape.failure().as_deref(), Some("the disk does not keep up"));
        assert!(tape.end().await);
        tape.append("y".into());
        assert!(tape.end().await);
    });
}
