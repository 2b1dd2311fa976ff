//! Compiles the modules of the program to bytecode, by the very same engine that will run it.
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{CatchResultExt, Context, Ctx, Error, Module, Result, Runtime};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The text of every module by its name, such as `src/core/program.ts`.
type Sources = BTreeMap<String, String>;

fn main() {
    let folder = Path::new("../dist/native/modules");
    println!("cargo:rerun-if-changed={}", folder.display());
    let sources = read(folder);
    assert!(
        sources.contains_key("src/core/border.ts"),
        "{} has no border.ts: run `npm run build:native`, which makes it",
        folder.display()
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut table = String::from("&[\n");
    for (number, name) in sources.keys().enumerate() {
        let file = out.join(format!("{number}.bytecode"));
        fs::write(&file, compile(&sources, name)).expect("OUT_DIR can be written");
        let _ = writeln!(
            table,
            "    ({name:?}, include_bytes!({:?})),",
            file.display()
        );
    }
    table.push_str("]\n");
    fs::write(out.join("modules.rs"), table).expect("OUT_DIR can be written");
}

fn read(folder: &Path) -> Sources {
    let mut sources = Sources::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path
                .strip_prefix(folder)
                .expect("it is within")
                .to_string_lossy();
            let text = fs::read_to_string(&path).expect("a module can be read");
            sources.insert(name.into_owned(), text);
        }
    }
    sources
}

/// Names of files and lines stay, for errors; the text does not.
fn compile(sources: &Sources, name: &str) -> Vec<u8> {
    let runtime = Runtime::new().expect("an engine");
    let all = FromSources(sources.clone());
    runtime.set_loader(all.clone(), all);
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        let options = WriteOptions {
            strip_source: true,
            ..WriteOptions::default()
        };
        let module = Module::declare(ctx.clone(), name, sources[name].as_str());
        match module.and_then(|module| module.write(options)).catch(&ctx) {
            Ok(bytecode) => bytecode,
            Err(error) => panic!("{name}: {error}"),
        }
    })
}

#[derive(Clone)]
struct FromSources(Sources);

impl Resolver for FromSources {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        Ok(beside(base, name))
    }
}

impl Loader for FromSources {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        let text = self.0.get(name).ok_or_else(|| Error::new_loading(name))?;
        Module::declare(ctx.clone(), name, text.as_str())
    }
}

include!("src/beside.rs");
