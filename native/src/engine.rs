//! The program of `src/core` in its engine: text in, text out.
use crate::protocol::{Facts, Instant, Order, Report};
use crate::sys;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{
    CatchResultExt, Context, Ctx, Error, Function, Module, Object, Persistent, Runtime,
};
use std::fmt::Display;
use std::time::{SystemTime, UNIX_EPOCH};

include!("beside.rs");

static MODULES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// The time of a step.
#[derive(Clone, Copy)]
pub struct Now {
    pub instant: Instant,
    pub wall_ms: f64,
}

impl Now {
    pub fn read() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            instant: crate::timer::now(),
            wall_ms: wall.as_millis() as f64,
        }
    }
}

/// What the program threw, with file and line; or what the engine itself failed in.
pub type Failure = String;

pub struct Engine {
    // Dropped before the runtime that it lives in.
    border: Persistent<Object<'static>>,
    context: Context,
}

impl Engine {
    pub fn open() -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(text)?;
        runtime.set_loader(Modules, Modules);
        let context = Context::full(&runtime).map_err(text)?;
        let border = context.with(|ctx| {
            let open = || {
                let border: Object = Module::import(&ctx, "src/core/border.ts")?.finish()?;
                let border: Object = border.get::<_, Function>("openBorder")?.call(())?;
                Ok(Persistent::save(&ctx, border))
            };
            open().catch(&ctx).map_err(text)
        })?;
        Ok(Self { border, context })
    }

    pub fn begin(&self, facts: &Facts, now: Now) -> Result<Vec<Order>, Failure> {
        read(&self.begin_text(&serde_json::to_string(facts).map_err(text)?, now)?)
    }

    pub fn step(&self, report: &Report, now: Now) -> Result<Vec<Order>, Failure> {
        read(&self.step_text(&serde_json::to_string(report).map_err(text)?, now)?)
    }

    /// JSON of the facts → JSON of the orders.
    pub fn begin_text(&self, facts: &str, now: Now) -> Result<String, Failure> {
        self.call("begin", (facts, now.instant, now.wall_ms))
    }

    /// JSON of a report → JSON of the orders.
    pub fn step_text(&self, report: &str, now: Now) -> Result<String, Failure> {
        self.call("step", (report, now.instant, now.wall_ms))
    }

    /// Goes on from a recorded state.
    pub fn resume(&self, program: &str) -> Result<(), Failure> {
        self.call("resume", (program,))
    }

    pub fn wake_at(&self) -> Result<Option<Instant>, Failure> {
        self.call("wakeAt", ())
    }

    /// Keeps these out of everything from here on, the newest first.
    pub fn keep(&self, secrets: &[String]) -> Result<(), Failure> {
        self.call("keep", (serde_json::to_string(secrets).map_err(text)?,))
    }

    /// A text as JSON and without secrets.
    pub fn told(&self, said: &str) -> Result<String, Failure> {
        self.call("told", (said,))
    }

    /// To be called before `begin`.
    pub fn record(&self) -> Result<(), Failure> {
        self.call("record", (env!("CARGO_PKG_VERSION"),))
    }

    /// The lines to record since the last call; `None` before one that begins a new file.
    pub fn tape(&self) -> Result<Vec<Option<String>>, Failure> {
        let lines: String = self.call("tape", ())?;
        serde_json::from_str(&lines).map_err(text)
    }

    /// The file is full: the next step begins a new one.
    pub fn fill_tape(&self) -> Result<(), Failure> {
        self.call("fill", ())
    }

    /// The line of the log for a recording that ended, if it is to be said.
    pub fn recording_ended(&self, file: &str, problem: &str) -> Result<Option<String>, Failure> {
        self.call("recordingEnded", (file, problem, Now::read().wall_ms))
    }

    fn call<A, R>(&self, name: &str, arguments: A) -> Result<R, Failure>
    where
        A: for<'js> rquickjs::function::IntoArgs<'js>,
        R: for<'js> rquickjs::FromJs<'js>,
    {
        self.context.with(|ctx| {
            let call = || {
                let border = self.border.clone().restore(&ctx)?;
                border.get::<_, Function>(name)?.call(arguments)
            };
            call().catch(&ctx).map_err(text)
        })
    }
}

fn read(orders: &str) -> Result<Vec<Order>, Failure> {
    serde_json::from_str(orders).map_err(|error| format!("no orders: {error}: {orders}"))
}

fn text(error: impl Display) -> Failure {
    error.to_string()
}

#[derive(Clone, Copy)]
struct Modules;

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        Ok(if name.starts_with('.') {
            beside(base, name)
        } else {
            name.into()
        })
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let found = MODULES.iter().find(|(known, _)| *known == name);
        let (_, module) = found.ok_or_else(|| Error::new_loading(name))?;
        sys::load_module(ctx, module)
    }
}
