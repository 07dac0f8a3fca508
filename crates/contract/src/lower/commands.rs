//! Commands, scripts and waiting.

use engine_protocol::{
    Spec,
    resource::{Content, ExecuteSpec, ProcessSpec, ScriptSpec, WaitForSpec},
};

use super::{Declared, Lowered, arguments, checks, invalid, missing};
use crate::collector::Sources;

fn process(declared: &Declared<'_>) -> Lowered<ProcessSpec> {
    let returns = declared.numbers("returns")?;
    Ok(ProcessSpec {
        creates: declared.absolute("creates")?,
        cwd: declared.absolute("cwd")?,
        environment: declared.environment("environment")?,
        user: declared.plain("user")?,
        group: declared.plain("group")?,
        returns: if returns.is_empty() { vec![0] } else { returns },
        live_stream: declared.boolean("live_stream"),
    })
}

pub(super) fn execute(declared: &Declared<'_>) -> Lowered<Spec> {
    let argv = declared.identity_texts();
    arguments(&argv)?;
    Ok(Spec::Execute(ExecuteSpec { argv, process: process(declared)? }))
}

pub(super) fn script(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    let interpreter = declared.texts("interpreter");
    let interpreter = if interpreter.is_empty() { vec!["bash".to_owned()] } else { interpreter };
    checks::arguments_of("interpreter", &interpreter)?;
    let code = match (declared.text("code"), declared.text("source")) {
        (Some(_), Some(_)) => return Err(missing("code", "set `code` or `source`, not both")),
        (Some(text), None) => text.into_bytes(),
        (None, Some(path)) => sources.file(&path)?,
        (None, None) => return Err(missing("code", "say what shall be run")),
    };
    Ok(Spec::Script(ScriptSpec {
        name: declared.title()?,
        interpreter,
        code: Content(code),
        process: process(declared)?,
    }))
}

pub(super) fn wait_for(declared: &Declared<'_>) -> Lowered<Spec> {
    let (address, url) = (declared.text("address"), declared.text("url"));
    if let Some(address) = &address {
        checks::address("address", address)?;
    }
    if let Some(url) = &url {
        checks::url("url", url)?;
    }
    let path = declared.absolute("path")?;
    if address.is_none() && url.is_none() && path.is_none() {
        return Err(missing("address", "set `address`, `url` or `path`"));
    }
    let statuses = declared.numbers("statuses")?;
    if statuses.iter().any(|status| !(100..600).contains(status)) {
        return Err(invalid("statuses", "a status of HTTP is from 100 to 599"));
    }
    Ok(Spec::WaitFor(WaitForSpec {
        name: declared.title()?,
        address,
        url,
        statuses,
        path,
        absent: declared.boolean("absent"),
    }))
}
