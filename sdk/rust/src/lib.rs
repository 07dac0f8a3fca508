#![doc = include_str!("../README.md")]

// The macros write paths that begin with `engine_sdk`, in this crate as well.
extern crate self as engine_sdk;

#[macro_use]
mod builder;
mod context;
mod custom;
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
pub use custom::CustomResource;
#[doc(hidden)]
pub use custom::declare as __declare;
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
///
/// With `resources` it offers custom resources: functions that declare what recipes of other cookbooks want of them, with
/// [`Context::custom_resource`]. `cookbook.toml` describes their properties, and the list is `pub static RESOURCES`.
///
/// ```
/// use engine_sdk::prelude::*;
/// use serde::Deserialize;
///
/// engine_sdk::cookbook! { recipes: [install], resources: [site] }
///
/// #[recipe]
/// fn install(ctx: &mut Context) -> Result<()> {
///     ctx.package("nginx").declare()?;
///     Ok(())
/// }
///
/// #[derive(Deserialize)]
/// struct Site {
///     name: String,
///     root: String,
/// }
///
/// fn site(ctx: &mut Context, site: Site) -> Result<()> {
///     ctx.template(format!("/etc/nginx/sites-enabled/{}", site.name))
///         .source("site.conf")
///         .variables(&json!({"root": site.root}))
///         .declare()?;
///     Ok(())
/// }
/// # fn main() { assert_eq!(RESOURCES[0].name, "site"); }
/// ```
#[macro_export]
macro_rules! cookbook {
    (recipes: [$($recipe:ident),+ $(,)?] $(, resources: [$($resource:ident),+ $(,)?])? $(,)?) => {
        /// The recipes of this cookbook.
        pub static RECIPES: &[$crate::Recipe] =
            &[$($crate::Recipe { name: stringify!($recipe), run: $recipe }),+];

        /// The resources of this cookbook's own making.
        pub static RESOURCES: &[$crate::CustomResource] = &[$($($crate::CustomResource {
            name: stringify!($resource),
            declare: |ctx, properties| $crate::__declare(ctx, properties, $resource),
        }),+)?];

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Cookbook;

            impl $crate::__private::Guest for Cookbook {
                fn run(recipe: String) -> Result<(), $crate::__private::HostError> {
                    $crate::__private::run(RECIPES, &recipe)
                }
            }

            $crate::__private::export_cookbook!(Cookbook with_types_in $crate::__private::bindings);

            $crate::__export_resources!($($($resource)+)?);
        };
    };
}

/// For [`cookbook!`] only.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_resources {
    () => {};
    ($($resource:ident)+) => {
        impl $crate::__private::ResourcesGuest for Cookbook {
            fn declare(resource: String, properties: String) -> Result<String, $crate::__private::HostError> {
                $crate::__private::declare(RESOURCES, &resource, &properties)
            }
        }

        $crate::__private::export_custom_resources!(
            Cookbook with_types_in $crate::__private::resource_bindings
        );
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
        declare,
        resource_bindings::{
            self, export_custom_resources,
            exports::engine::cookbook::custom_resources::Guest as ResourcesGuest,
        },
        run,
    };
    pub use wit_bindgen::rt;
}
