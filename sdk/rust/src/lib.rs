#![doc = include_str!("../README.md")]

// The macros write paths that begin with `engine_sdk`, in this crate as well.
extern crate self as engine_sdk;

#[macro_use]
mod builder;
mod context;
mod declare;
mod error;
pub mod facts;
#[rustfmt::skip] // Written from the definitions.
pub mod resources;
mod stack;

#[cfg(not(target_arch = "wasm32"))]
#[path = "host_native.rs"]
mod host;
#[cfg(target_arch = "wasm32")]
#[path = "host_wasm.rs"]
mod host;

#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use context::Context;
pub use declare::{Action, Declared, Guard, IntoNames, Target, Timing};
pub use engine_sdk_macros::recipe;
pub use error::{Error, Result};
pub use facts::Facts;
pub use serde_json::{Value, json};
pub use stack::{App, Instance, Layer, Stack};

/// What most cookbooks use: `use engine_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{Action, Context, Declared, Error, Result, Timing, json, recipe};
}

/// The form of a recipe.
pub type RecipeFunction = fn(&mut Context) -> Result<()>;

/// A recipe and its name; [`cookbook!`] makes the list of them.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    /// Its name, as run lists have it after `::`.
    pub name: &'static str,
    /// What it does.
    pub run: RecipeFunction,
}

/// Says which recipes the cookbook has. Write it once, at the root of the crate.
///
/// The names must be those of `cookbook.toml`
/// ([`Harness::check_metadata`](crate::testing::Harness::check_metadata) tests it). The macro makes a
/// `pub static RECIPES` for tests and, when a component is built, what the engine calls.
///
/// ```
/// use engine_sdk::prelude::*;
///
/// engine_sdk::cookbook! { recipes: [default, install] }
///
/// #[recipe]
/// fn default(ctx: &mut Context) -> Result<()> {
///     install(ctx)
/// }
///
/// #[recipe]
/// fn install(ctx: &mut Context) -> Result<()> {
///     ctx.package("nginx").declare()?;
///     Ok(())
/// }
/// # fn main() { assert_eq!(RECIPES[1].name, "install"); }
/// ```
#[macro_export]
macro_rules! cookbook {
    (recipes: [$($recipe:ident),+ $(,)?] $(,)?) => {
        /// The recipes of this cookbook.
        pub static RECIPES: &[$crate::Recipe] =
            &[$($crate::Recipe { name: stringify!($recipe), run: $recipe }),+];

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Cookbook;

            impl $crate::__private::Guest for Cookbook {
                fn run(recipe: String) -> Result<(), $crate::__private::HostError> {
                    $crate::__private::run(RECIPES, &recipe)
                }
            }

            $crate::__private::export_cookbook!(Cookbook with_types_in $crate::__private::bindings);
        };
    };
}

/// For [`cookbook!`] only; nothing here is stable.
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod __private {
    pub use crate::host::{
        bindings::{
            self, engine::cookbook::types::Error as HostError, export_cookbook,
            exports::engine::cookbook::recipes::Guest,
        },
        run,
    };
    pub use wit_bindgen::rt;
}
