//! JSON as the values that builders take.

use engine_sdk::{Guard, prelude::*};
use serde_json::{Map, Value};

/// A resource in a test's words.
pub(crate) struct Wanted {
    /// Its type, or `checkpoint`.
    pub(crate) resource: String,
    left: Map<String, Value>,
}

fn bad(message: impl Into<String>) -> Error {
    Error::new("invalid-attribute", message.into())
}

pub(crate) fn parse(text: &str) -> Result<Vec<Wanted>> {
    let objects: Vec<Map<String, Value>> = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let wanted = |mut left: Map<String, Value>| match left.remove("resource") {
        Some(Value::String(resource)) => Ok(Wanted { resource, left }),
        _ => Err(bad("an object without `resource`")),
    };
    objects.into_iter().map(wanted).collect()
}

macro_rules! readers {
    ($($name:ident: $type:ty,)*) => {
        impl Wanted {
            $(pub(crate) fn $name(&mut self, property: &str) -> Result<Option<$type>> {
                let value = self.left.remove(property).map(serde_json::from_value);
                value.transpose().map_err(|error| bad(format!("`{property}`: {error}")))
            })*
        }
    };
}

readers! {
    text: String,
    json: Value,
    bytes: Vec<u8>,
    integer: i64,
    boolean: bool,
    text_list: Vec<String>,
    integer_list: Vec<i64>,
    number: u32,
    triples: Vec<(String, String, String)>,
    pairs: Vec<(String, Value)>,
}

impl Wanted {
    /// Pairs of an array, which has an order.
    pub(crate) fn text_map(&mut self, property: &str) -> Result<Option<Vec<(String, String)>>> {
        let value = self.left.remove(property).map(serde_json::from_value);
        value.transpose().map_err(|error| bad(format!("`{property}`: {error}")))
    }

    pub(crate) fn name(&mut self) -> Result<String> {
        self.text("name")?.ok_or_else(|| bad(format!("`{}` has no name", self.resource)))
    }

    pub(crate) fn names(&mut self) -> Result<Vec<String>> {
        match self.text_list("names")? {
            Some(names) => Ok(names),
            None => Ok(vec![self.name()?]),
        }
    }

    pub(crate) fn unknown(&self, resource: &str) -> Error {
        bad(format!("there is no resource `{resource}`"))
    }

    pub(crate) fn nothing_left(&self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => Err(bad(format!("`{}` has no property `{key}`", self.resource))),
        }
    }
}

/// What all resources have.
pub(crate) struct Common {
    pub(crate) actions: Option<Vec<Action>>,
    pub(crate) notifies: Vec<(Action, String, Timing)>,
    pub(crate) subscribes: Vec<(Action, String, Timing)>,
    pub(crate) only_if: Vec<Guard>,
    pub(crate) not_if: Vec<Guard>,
    pub(crate) retries: Option<u32>,
    pub(crate) retry_delay: Option<u32>,
    pub(crate) timeout: Option<u32>,
    pub(crate) umask: Option<String>,
    pub(crate) sensitive: Option<bool>,
    pub(crate) ignore_failure: Option<bool>,
    pub(crate) confirm: Option<bool>,
}

impl Common {
    pub(crate) fn take(ctx: &Context, wanted: &mut Wanted) -> Result<Self> {
        let actions = wanted.text_list("action")?;
        let actions = actions.map(|names| names.iter().map(|name| action(name)).collect::<Result<_>>());
        Ok(Self {
            actions: actions.transpose()?,
            notifies: notifications(wanted.triples("notifies")?)?,
            subscribes: notifications(wanted.triples("subscribes")?)?,
            only_if: guards(ctx, wanted.pairs("only_if")?)?,
            not_if: guards(ctx, wanted.pairs("not_if")?)?,
            retries: wanted.number("retries")?,
            retry_delay: wanted.number("retry_delay")?,
            timeout: wanted.number("timeout")?,
            umask: wanted.text("umask")?,
            sensitive: wanted.boolean("sensitive")?,
            ignore_failure: wanted.boolean("ignore_failure")?,
            confirm: wanted.boolean("confirm")?,
        })
    }
}

/// Gives a builder what all resources have. Builders share no trait, so this is no function.
macro_rules! common {
    ($builder:expr, $common:expr) => {{
        let (mut builder, common) = ($builder, $common);
        if let Some(actions) = common.actions {
            builder = builder.action(actions);
        }
        for (action, target, timing) in common.notifies {
            builder = builder.notifies(action, target, timing);
        }
        for (action, source, timing) in common.subscribes {
            builder = builder.subscribes(action, source, timing);
        }
        for guard in common.only_if {
            builder = builder.only_if(guard);
        }
        for guard in common.not_if {
            builder = builder.not_if(guard);
        }
        if let Some(times) = common.retries {
            builder = builder.retries(times);
        }
        if let Some(seconds) = common.retry_delay {
            builder = builder.retry_delay(seconds);
        }
        if let Some(seconds) = common.timeout {
            builder = builder.timeout(seconds);
        }
        if let Some(confirm) = common.confirm {
            builder = builder.confirm(confirm);
        }
        if let Some(mask) = common.umask {
            builder = builder.umask(mask);
        }
        if let Some(sensitive) = common.sensitive {
            builder = builder.sensitive(sensitive);
        }
        if let Some(ignore) = common.ignore_failure {
            builder = builder.ignore_failure(ignore);
        }
        builder
    }};
}

fn action(name: &str) -> Result<Action> {
    Action::parse(name).ok_or_else(|| bad(format!("there is no action `{name}`")))
}

fn notifications(given: Option<Vec<(String, String, String)>>) -> Result<Vec<(Action, String, Timing)>> {
    let timing = |name: &str| match name {
        "before" => Ok(Timing::Before),
        "immediately" => Ok(Timing::Immediately),
        "delayed" => Ok(Timing::Delayed),
        other => Err(bad(format!("there is no timing `{other}`"))),
    };
    let one = |(name, target, when): (String, String, String)| Ok((action(&name)?, target, timing(&when)?));
    given.unwrap_or_default().into_iter().map(one).collect()
}

fn guards(ctx: &Context, given: Option<Vec<(String, Value)>>) -> Result<Vec<Guard>> {
    let guard = |(name, value): (String, Value)| {
        let text = value.as_str().unwrap_or_default();
        Ok(match name.as_str() {
            "exists" => ctx.path_exists(text),
            "succeeds" => {
                let argv: Vec<String> = serde_json::from_value(value).map_err(|error| bad(error.to_string()))?;
                ctx.command_succeeds(argv)
            }
            "installed" => ctx.package_installed(text),
            "running" => ctx.service_running(text),
            "enabled" => ctx.service_enabled(text),
            "user_exists" => ctx.user_exists(text),
            "group_exists" => ctx.group_exists(text),
            "port_open" => ctx.port_open(text),
            "url_answers" => ctx.url_answers(text),
            other => return Err(bad(format!("there is no guard `{other}`"))),
        })
    };
    given.unwrap_or_default().into_iter().map(guard).collect()
}
