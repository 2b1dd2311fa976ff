use super::*;
use crate::command::stage::{Folder, run};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;

fn shared(target: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let target: &OwnedFd = Box::leak(Box::new(target.into()));
    target.as_fd()
}

fn lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|it| format!("line {it} {}", "x".repeat(100)))
        .collect()
}

/// What arrives when the lines are printed while somebody reads.
async fn printed(printer: &Printer, mut reader: impl Read + Send + 'static) -> Vec<String> {
    let reading = thread::spawn(move || {
        let (mut text, mut piece) = (String::new(), [0; 1024]);
        while !text.contains("line 499 ") || !text.ends_with('\n') {
            let count = reader.read(&mut piece).unwrap();
            text.push_str(std::str::from_utf8(&piece[..count]).unwrap());
        }
        text
    });
    lines(500).iter().for_each(|it| printer.print(it));
    printer.flush().await;
    reading.join().unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn f1_writes_whole_lines_in_order_into_what_is_read() {
    run(async || {
        let (reader, writer) = io::pipe().unwrap();
        let printer = Printer::on(shared(writer));
        assert!(matches!(&printer, Printer::Direct(it) if matches!(it.way, Way::Opened(_))));
        assert_eq!(printed(&printer, reader).await, lines(500));
        let (reader, writer) = UnixStream::pair().unwrap();
        let printer = Printer::on(shared(writer));
        assert!(matches!(&printer, Printer::Direct(it) if matches!(it.way, Way::Socket(_))));
        assert_eq!(printed(&printer, reader).await, lines(500));
        let (reader, writer) = io::pipe().unwrap();
        let threaded = Threaded::start(shared(writer), LineQueue::new(MAX_LINES));
        assert_eq!(
            printed(&Printer::Threaded(threaded), reader).await,
            lines(500)
        );
    });
}

#[test]
fn f1_goes_on_when_nobody_reads_and_says_what_was_dropped() {
    run(async || {
        let (mut reader, writer) = io::pipe().unwrap();
        let target = shared(writer);
        let printer = Printer::on(target);
        let (_socket, writer) = UnixStream::pair().unwrap();
        let (_pipe, blocking) = io::pipe().unwrap();
        let threaded = Threaded::start(shared(blocking), LineQueue::new(MAX_LINES));
        let stuck = [
            Printer::on(shared(writer)),
            Printer::Threaded(threaded),
            printer.clone(),
        ];
        for printer in &stuck {
            let started_at = now();
            lines(5000).iter().for_each(|it| printer.print(it));
            printer.flush().await;
            assert!(now() - started_at < 500.0);
        }
        assert!(
            !sys::is_non_blocking(target),
            "the shared descriptor is as it was"
        );
        let reading = thread::spawn(move || {
            let (mut text, mut piece) = (Vec::new(), [0; 4096]);
            while !text.ends_with(b"\nlast\n") {
                let count = reader.read(&mut piece).unwrap();
                text.extend_from_slice(&piece[..count]);
            }
            String::from_utf8(text).unwrap()
        });
        sleep(300.0).await;
        printer.print("last");
        printer.flush().await;
        let text = reading.join().unwrap();
        let told = "lines were dropped here: standard error was not read\nlast\n";
        assert!(text.ends_with(told), "{:?}", text.lines().last());
    });
}

#[test]
fn f1_survives_a_full_device_and_a_pipe_without_a_reader() {
    run(async || {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        for target in [shared(full), shared(writer)] {
            let printer = Printer::on(target);
            lines(50).iter().for_each(|it| printer.print(it));
            let started_at = now();
            printer.flush().await;
            assert!(now() - started_at < 150.0, "nothing waits");
        }
    });
}

#[test]
fn f1_writes_to_a_file_at_the_offset_it_shares_with_others() {
    run(async || {
        let folder = Folder::new();
        let mut file = File::create(folder.file("log")).unwrap();
        let printer = Printer::on(shared(file.try_clone().unwrap()));
        printer.print("one");
        file.write_all(b"two\n").unwrap();
        printer.print("three");
        assert_eq!(folder.read("log"), "one\ntwo\nthree\n");
    });
}
