//! `engine instance register`.

use std::process::ExitCode;

use engine_manifest::Manifest;
use engine_model::{Connection, Instance, InstanceStatus, Name, NameError, hostname::next_hostname};
use engine_protocol::Facts;
use engine_scheduler::{FactsRequest, NotFound};
use serde_json::json;

use super::{check_layers, edited, setup, write};
use crate::{
    arguments::{GlobalOptions, RegisterArguments},
    commands::{self, facts, live},
    errors::{Failure, STOPPED},
};

/// Writes a machine into the stack file, if it can be reached.
pub(super) fn register(global: &GlobalOptions, arguments: &RegisterArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    check_layers(&manifest, &arguments.layer)?;
    let instance = instance(&manifest, arguments)?;
    must_be_new(&manifest, &instance)?;
    let new = edited(&manifest, |edit| edit.add_instance(&instance))?;
    let runs = !arguments.layer.is_empty() && !arguments.no_run;
    // Whatever can be wrong with a run is found before anything is connected to.
    let runtime = if runs { Some(setup::runtime(global, &new, options)?) } else { None };
    let facts = reach(&new, &instance, arguments)?;
    write(&manifest, &new)?;
    // One of the same name that was removed by hand has left its status behind.
    live::forget(&new, options, &instance.name, None)?;
    if instance.layers.is_empty() {
        live::set_status(&new, options, &instance.name, InstanceStatus::Registered, None)?;
    }
    if options.json {
        let name = &instance.name;
        anstream::println!("{}", json!({"type": "instance_registered", "instance": name, "facts": facts}));
    } else {
        anstream::println!("{}: {}", instance.name, facts::text::line(&facts));
        anstream::println!("{} is registered in {}", instance.name, new.path().display());
    }
    match runtime {
        Some(runtime) => setup::set_up(global, &new, runtime, options, &instance.name),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The instance that was described.
fn instance(manifest: &Manifest, arguments: &RegisterArguments) -> Result<Instance, Failure> {
    let name = match (&arguments.instance, arguments.layer.first()) {
        (Some(name), _) => name.clone(),
        (None, Some(layer)) => free_name(manifest, layer)?,
        // The command line has been checked.
        (None, None) => return Err(Failure::usage("name the instance, or a layer to name it after")),
    };
    let (connection, reached_at) = match &arguments.host {
        None => (Connection::Local, "127.0.0.1"),
        Some(host) => {
            // In the stack file a path would start at the file, on the command line it starts here.
            let identity_file = arguments.identity_file.as_ref().map(std::path::absolute).transpose();
            let identity_file = identity_file.map_err(|error| Failure::usage(format!("the key: {error}")))?;
            let (user, port) = (arguments.user.clone(), arguments.port);
            (Connection::Ssh { host: host.clone(), user, port, identity_file }, host.as_str())
        }
    };
    let layers = manifest.stack.layers.iter().map(|layer| &layer.name);
    Ok(Instance {
        layers: layers.filter(|layer| arguments.layer.contains(layer)).cloned().collect(),
        address: arguments.address.clone().unwrap_or_else(|| reached_at.to_owned()),
        hostname: arguments.hostname.clone().unwrap_or_else(|| Instance::default_hostname(&name)),
        registered: true,
        connection,
        name,
    })
}

/// The next name of the stack's theme.
fn free_name(manifest: &Manifest, layer: &Name) -> Result<Name, Failure> {
    let instances = manifest.stack.instances.iter();
    let taken: Vec<&str> =
        instances.flat_map(|instance| [instance.name.as_str(), instance.hostname.as_str()]).collect();
    let name = next_hostname(manifest.stack.hostname_theme, layer.as_str(), &taken);
    name.parse().map_err(|error: NameError| Failure::usage(error).hint("give the instance a name"))
}

/// Two instances on one machine would undo each other's work.
fn must_be_new(manifest: &Manifest, new: &Instance) -> Result<(), Failure> {
    if manifest.stack.instance(&new.name).is_some() {
        return Err(Failure::usage(format!(
            "stack `{}` has an instance `{}` already",
            manifest.stack.name, new.name
        )));
    }
    let place = |connection: &Connection| match connection {
        Connection::Local => None,
        Connection::Ssh { host, port, .. } => Some((host.clone(), port.unwrap_or(22))),
    };
    let same = |other: &&Instance| place(&other.connection) == place(&new.connection);
    let Some(other) = manifest.stack.instances.iter().find(same) else { return Ok(()) };
    let what = match &new.connection {
        Connection::Local => "this machine".to_owned(),
        Connection::Ssh { host, .. } => format!("`{host}`"),
    };
    let message = format!("{what} is instance `{}` of stack `{}` already", other.name, manifest.stack.name);
    Err(Failure::usage(message).hint(format!(
        "`engine instance assign {} --stack {} --layer LAYER` puts it into a further layer",
        other.name, manifest.stack.name
    )))
}

/// Connects once, as a run will.
fn reach(
    manifest: &Manifest,
    instance: &Instance,
    arguments: &RegisterArguments,
) -> Result<Box<Facts>, Failure> {
    let options = &arguments.options;
    let request = FactsRequest { layers: Vec::new(), instances: vec![instance.name.clone()], parallel: 1 };
    let (found, _) =
        facts::look(manifest, &request, options.ssh_config.as_deref(), options.ask_sudo_password)?;
    let Some(found) = found.into_iter().next() else {
        return Err(Failure::failed(format!("nothing is known of `{}`", instance.name)));
    };
    found.facts.map_err(|error| {
        let failure = Failure::failed(format!("{}: {error}; it was not registered", instance.name));
        match (&error, facts::hint(&error)) {
            (NotFound::Stopped, _) => failure.with_code(STOPPED),
            (_, Some(hint)) => failure.hint(hint),
            (_, None) => failure,
        }
    })
}
