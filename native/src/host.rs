//! The native host: the world that carries out the program's orders and reports what happened.
//!
//! It decides nothing. What ends it without the program's order is a fail stop (contract S14): the
//! command's tree is killed, and the lease is left to expire.
use crate::api::{Access, Api};
use crate::command::Command;
use crate::command::guard::Guard;
use crate::engine::{Engine, Failure, Now};
use crate::listener::Listener;
use crate::printer::Printer;
use crate::probe::Prober;
use crate::protocol::{Instant, Order, Report, Reports};
use crate::recorder::Recorder;
use crate::{facts, signals, timer};
use std::collections::HashSet;
use std::ffi::OsString;
use std::rc::Rc;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::spawn_local;

/// EX_SOFTWARE: the watchdog cannot be had, or a bug of ours was found.
const BROKEN: i32 = 70;

/// What only an election needs: not even made without one.
struct Election {
    access: Rc<Access>,
    api: Api,
    listener: Listener,
    guard: Rc<Guard>,
}

struct Host {
    engine: Engine,
    printer: Printer,
    command: Rc<Command>,
    prober: Prober,
    election: Option<Election>,
    recorder: Option<Recorder>,
    reports: UnboundedReceiver<Report>,
    /// The exchanges and probes under way: what is reported of others was abandoned.
    exchanges: HashSet<String>,
    /// As the program knows them.
    secrets: Vec<String>,
    exit: Option<i32>,
}

/// Runs the entry point; returns its exit code, unless it becomes the command.
pub async fn run(argv: Vec<OsString>) -> i32 {
    let printer = Printer::open();
    match open(argv, printer.clone()).await {
        Ok(host) => host.work().await,
        Err(failure) => {
            printer.print(&format!("k8s-await-election: cannot start: {failure}"));
            printer.flush().await;
            BROKEN
        }
    }
}

async fn open(argv: Vec<OsString>, printer: Printer) -> Result<Host, Failure> {
    let engine = Engine::open()?;
    let (sender, reports) = mpsc::unbounded_channel();
    let sender = Reports::new(sender);
    let election = if facts::is_enabled() {
        Some(open_election(&sender).await?)
    } else {
        None
    };
    let guard = election.as_ref().map(|it| it.guard.clone());
    let command = Rc::new(Command::new(argv.clone(), sender.clone(), guard));
    let prober = Prober::new(command.clone(), sender.clone());
    if election.is_some() {
        let reaper = command.clone();
        let watching = signals::watch(sender, move |pid, status| reaper.reaped(pid, status));
        spawn_local(watching.map_err(|error| format!("signals: {error}"))?);
    }
    let file = facts::own("RECORD").filter(|_| election.is_some());
    let recorder = file.map(|file| Recorder::open(file, &engine)).transpose()?;
    let access = election.as_ref().map(|it| it.access.clone());
    let mut host = Host {
        engine,
        printer,
        command,
        prober,
        election,
        recorder,
        reports,
        exchanges: HashSet::new(),
        secrets: Vec::new(),
        exit: None,
    };
    let problem = host.command.problem(access.is_some());
    let facts = facts::gather(&argv, problem, access.as_deref()).map_err(|it| it.to_string())?;
    let orders = host.engine.begin(&facts, Now::read());
    host.follow(orders)?;
    Ok(host)
}

async fn open_election(sender: &Reports) -> Result<Election, Failure> {
    let guard = Guard::start(sender.clone()).map_err(|error| format!("watchdog: {error}"))?;
    spawn_local(timer::open().map_err(|error| format!("timer: {error}"))?);
    let access = Access::open().await;
    Ok(Election {
        api: Api::new(access.clone(), sender.clone()),
        listener: Listener::new(sender.clone()),
        access,
        guard,
    })
}

impl Host {
    /// Works off every report, and sleeps until the deadline in between.
    async fn work(mut self) -> i32 {
        loop {
            if let Some(code) = self.exit {
                return self.leave(code).await;
            }
            if let Err(failure) = self.turn().await {
                return self.fail_stop(&failure).await;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        let report = self.next(self.engine.wake_at()?).await;
        if !self.is_wanted(&report) {
            return Ok(());
        }
        self.learn_secrets()?;
        let orders = self.engine.step(&report, Now::read());
        self.follow(orders)
    }

    async fn next(&mut self, wake_at: Option<Instant>) -> Report {
        if let Ok(report) = self.reports.try_recv() {
            return report;
        }
        let next = timer::until(wake_at.unwrap_or(f64::INFINITY), self.reports.recv()).await;
        next.flatten().unwrap_or(Report::Tick)
    }

    fn is_wanted(&mut self, report: &Report) -> bool {
        match report.exchange() {
            None => true,
            Some(id) if report.is_last() => self.exchanges.remove(id),
            Some(id) => self.exchanges.contains(id),
        }
    }

    fn learn_secrets(&mut self) -> Result<(), Failure> {
        let Some(election) = &self.election else {
            return Ok(());
        };
        let secrets = election.access.secrets();
        if secrets != self.secrets {
            self.engine.keep(&secrets)?;
            self.secrets = secrets;
        }
        Ok(())
    }

    /// What is thrown is recorded too.
    fn follow(&mut self, orders: Result<Vec<Order>, Failure>) -> Result<(), Failure> {
        if let Some(recorder) = &mut self.recorder {
            recorder.take(&self.engine, &self.printer)?;
        }
        orders?
            .into_iter()
            .try_for_each(|order| self.carry_out(order))
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Print { line } => self.printer.print(&line),
            Order::Exit { code } => self.exit = Some(code),
            Order::Start { add_env } => self.command.start(&add_env)?,
            Order::Signal { signal } => self.command.signal(&signal),
            Order::Kill => self.command.kill(),
            Order::Become => self.command.r#become(),
            Order::Probe(order) => {
                self.exchanges.insert(order.id.clone());
                self.prober.probe(order);
            }
            order => {
                if let Order::Abandon { id } = &order {
                    self.prober.abandon(id);
                }
                let election = self
                    .election
                    .as_ref()
                    .ok_or("an order that needs an election")?;
                election.carry_out(order, &mut self.exchanges);
            }
        }
        Ok(())
    }

    /// Nothing that the program holds true can be trusted any more.
    async fn fail_stop(mut self, failure: &str) -> i32 {
        let said = self
            .engine
            .told(failure)
            .unwrap_or_else(|_| "no text".into());
        self.printer.print(&format!(
            "k8s-await-election: stopping, for this is a bug: {said}"
        ));
        self.command.kill();
        while self.reports.recv().await != Some(Report::Emptied) {}
        self.leave(BROKEN).await
    }

    async fn leave(self, code: i32) -> i32 {
        self.command.end_helper();
        self.printer.flush().await;
        if let Some(recorder) = self.recorder {
            recorder.end().await;
        }
        code
    }
}

impl Election {
    fn carry_out(&self, order: Order, exchanges: &mut HashSet<String>) {
        match order {
            Order::Request(order) => {
                exchanges.insert(order.id.clone());
                self.api.request(order);
            }
            Order::Watch(order) => {
                exchanges.insert(order.id.clone());
                self.api.watch(order);
            }
            Order::Abandon { id } => {
                exchanges.remove(&id);
                self.api.abandon(&id);
            }
            Order::Guard { at } => self.guard.arm(at),
            Order::Listen(order) => self.listener.listen(order),
            Order::Reply(order) => self.listener.reply(order),
            // Those of the host itself.
            _ => unreachable!(),
        }
    }
}
