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
        Guard::new(self.session.exists(path.as_ref()))
    }

    /// Holds if the command (program and arguments) exits with 0. It is run in a plan as well, so it must
    /// change nothing.
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
        Guard::new(self.session.succeeds(&argv))
    }

    /// Holds if the package is installed.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.package("php-fpm").only_if(ctx.package_installed("nginx")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn package_installed(&self, name: impl AsRef<str>) -> Guard {
        Guard::new(self.session.installed(name.as_ref()))
    }

    /// Holds if the service runs.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.execute(["app", "flush-cache"]).only_if(ctx.service_running("app")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn service_running(&self, name: impl AsRef<str>) -> Guard {
        Guard::new(self.session.running(name.as_ref()))
    }

    /// Holds if the service starts at boot.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.service("apache2").action(Action::Disable).only_if(ctx.service_enabled("nginx")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn service_enabled(&self, name: impl AsRef<str>) -> Guard {
        Guard::new(self.session.enabled(name.as_ref()))
    }

    /// Holds if the user exists.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.file("/srv/deploy").owner("deploy").only_if(ctx.user_exists("deploy")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn user_exists(&self, name: impl AsRef<str>) -> Guard {
        Guard::new(self.session.user_exists(name.as_ref()))
    }

    /// Holds if the group exists.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.file("/srv/deploy").group("deploy").only_if(ctx.group_exists("deploy")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn group_exists(&self, name: impl AsRef<str>) -> Guard {
        Guard::new(self.session.group_exists(name.as_ref()))
    }

    /// Holds if `host:port` accepts a TCP connection within 5 seconds.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.service("cache").action(Action::Start).only_if(ctx.port_open("127.0.0.1:5432")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn port_open(&self, address: impl AsRef<str>) -> Guard {
        Guard::new(self.session.port_open(address.as_ref()))
    }

    /// Holds if a GET of the URL is answered with a status from 200 to 299 within 10 seconds.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.execute(["app", "register"]).only_if(ctx.url_answers("http://127.0.0.1:8080/health")).declare()?;
    /// # Ok(()) }
    /// ```
    pub fn url_answers(&self, url: impl AsRef<str>) -> Guard {
        Guard::new(self.session.url_answers(url.as_ref()))
    }

    /// What stands for a secret of the operator's: a text that can be put into content of files, into variables of
    /// templates, into environment variables, scripts and headers. The node gets the value in its place; no recipe, log or
    /// plan does. Needs a grant of `secrets`.
    ///
    /// The file must not be readable for everybody, and the text must stay as it is: encoded, cut or in upper case it
    /// stands for nothing, and is refused.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// let password = ctx.secret("db-password")?;
    /// ctx.template("/etc/app/db.conf")
    ///     .source("db.conf")
    ///     .variables(&json!({"password": password}))
    ///     .mode("0600")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    pub fn secret(&self, name: impl AsRef<str>) -> Result<String> {
        self.session.secret(name.as_ref())
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

    /// Has another cookbook declare a resource of its own making, `cookbook::resource`, here and under that cookbook's
    /// own grants. What it answers is its own; most answer nothing, which is `()`.
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.custom_resource::<()>("nginx::site", &json!({"name": "shop", "root": "/srv/www/shop/current"}))?;
    /// # Ok(()) }
    /// ```
    pub fn custom_resource<T: DeserializeOwned>(
        &mut self,
        name: &str,
        properties: &serde_json::Value,
    ) -> Result<T> {
        let answer = self.session.custom_resource(name, &properties.to_string())?;
        serde_json::from_str(&answer).map_err(|error| Error::new("invalid-value", error.to_string()).of(name))
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
