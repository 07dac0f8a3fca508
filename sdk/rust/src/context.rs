//! What a recipe is given.

use serde::de::DeserializeOwned;

use crate::{
    Error, Facts, Guard, Result, Stack,
    host::{Level, Session},
};

/// Everything a recipe can see and say.
///
/// It reads facts, attributes and the stack, and declares resources; it touches no node itself. What
/// it declares is applied after the recipes of the event have returned.
///
/// ```
/// use engine_sdk::prelude::*;
///
/// #[recipe]
/// fn default(ctx: &mut Context) -> Result<()> {
///     let port: u16 = ctx.require("nginx.port")?;
///     ctx.info(format!("nginx will listen at {port}"));
///     ctx.package("nginx").declare()?;
///     let service = ctx.service("nginx").action([Action::Enable, Action::Start]).declare()?;
///     ctx.template("/etc/nginx/nginx.conf")
///         .source("nginx.conf")
///         .variables(&json!({"port": port}))
///         .notifies(Action::Reload, &service, Timing::Delayed)
///         .declare()?;
///     Ok(())
/// }
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Context {
    session: Session,
}

pub(crate) fn from_text<T: DeserializeOwned>(path: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::new("invalid-attribute", error.to_string()).on(path))
}

impl Context {
    pub(crate) fn new(session: Session) -> Self {
        Context { session }
    }

    #[allow(clippy::clone_on_copy)]
    pub(crate) fn session(&self) -> Session {
        self.session.clone()
    }

    /// What the node is.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let workers = ctx.facts().cpu_count();
    /// # let _ = workers; Ok(()) }
    /// ```
    pub fn facts(&self) -> Facts {
        Facts(self.session())
    }

    /// The stack around the node.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// for instance in ctx.stack().instances() {
    ///     ctx.debug(format!("{} is at {}", instance.name, instance.address));
    /// }
    /// # Ok(()) }
    /// ```
    pub fn stack(&self) -> Stack {
        Stack(self.session())
    }

    /// The attribute at a dotted path, as any type that serde can make; `None` if nobody set it.
    ///
    /// Cookbook defaults come first, then those of stack, layers and run. The empty path gives all.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let port = ctx.attribute::<u16>("nginx.port")?.unwrap_or(80);
    /// # let _ = port; Ok(()) }
    /// ```
    pub fn attribute<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.session.attribute(path) {
            None => Ok(None),
            Some(text) if text == "null" => Ok(None),
            Some(text) => from_text(path, &text).map(Some),
        }
    }

    /// The attribute at a dotted path; an error if nobody set it.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let names: Vec<String> = ctx.require("base.packages")?;
    /// ctx.package(names).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn require<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.attribute(path)?
            .ok_or_else(|| Error::new("missing-attribute", "set this attribute in the stack file").on(path))
    }

    /// Holds if something is at the absolute path; a dangling link counts.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.execute(["mkswap", "/swapfile"]).not_if(ctx.path_exists("/etc/swap-made")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn path_exists(&self, path: impl AsRef<str>) -> Guard {
        Guard::new(self.session.path_exists(path.as_ref()))
    }

    /// Holds if the command (program and arguments) exits with 0.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.service("nginx")
    ///     .action(Action::Start)
    ///     .only_if(ctx.command_succeeds(["nginx", "-t"]))
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    pub fn command_succeeds(&self, argv: impl IntoIterator<Item: Into<String>>) -> Guard {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        Guard::new(self.session.command_succeeds(&argv))
    }

    /// Tells the operator something that is only of use when looking for a mistake.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.session.log(Level::Debug, message.as_ref());
    }

    /// Tells the operator something.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.info("no app is deployed yet");
    /// # Ok(()) }
    /// ```
    pub fn info(&self, message: impl AsRef<str>) {
        self.session.log(Level::Info, message.as_ref());
    }

    /// Tells the operator something that should be looked at.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.session.log(Level::Warn, message.as_ref());
    }

    /// Runs another recipe here, `cookbook::recipe`, under that cookbook's own grants. A recipe that
    /// ran already at this event is not run again.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.include_recipe("base::default")?;
    /// # Ok(()) }
    /// ```
    pub fn include_recipe(&mut self, name: &str) -> Result<()> {
        self.session.include_recipe(name)
    }

    /// Applies what was declared so far, then goes on with fresh facts. Fails if something failed.
    /// When a plan is made, evaluation ends here: what follows cannot be known.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.package("openvswitch-switch").declare()?;
    /// ctx.checkpoint()?;
    /// let addresses = ctx.facts().addresses();
    /// # let _ = addresses; Ok(()) }
    /// ```
    pub fn checkpoint(&mut self) -> Result<()> {
        self.session.checkpoint()
    }
}
