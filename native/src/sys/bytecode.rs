//! From bytecode to a module of the engine.
use rquickjs::module::Declared;
use rquickjs::{Ctx, Module, Result};

/// A module of this build.
pub fn load_module<'js>(ctx: &Ctx<'js>, bytecode: &'static [u8]) -> Result<Module<'js, Declared>> {
    // SAFETY: `build.rs` made it with the same version and features of the engine, and it is in the
    // executable, where nobody can change it.
    unsafe { Module::load(ctx.clone(), bytecode) }
}
