//! The provider of units of systemd.

use engine_protocol::{
    Action, Resource,
    resource::{Format, SystemdUnitSpec},
};

use super::{
    ServiceError, check_action,
    manager::Manager,
    state::{Activity, State},
    systemd, unit_file, verify,
};
use crate::{
    files::managed::Managed,
    overlay::Prediction,
    provider::{Check, Context, Error, done},
};

/// Permission bits of a unit file.
const MODE: u32 = 0o644;

/// Checks a unit.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r SystemdUnitSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let name = &spec.name;
    if context.node.facts.init_system != "systemd" {
        let init = context.node.facts.init_system.clone();
        return Err(ServiceError::NeedsSystemd { name: name.clone(), init }.into());
    }
    match action {
        Action::Create => create(spec, context),
        Action::Delete => delete(name, context),
        _ => check_action(resource, name, action, context),
    }
}

/// What is known of a unit; of a template there is nothing to know.
fn look(name: &str, context: &mut Context<'_>) -> Result<State, Error> {
    if systemd::is_template(name) { Ok(State::default()) } else { Manager::Systemd.look(name, context) }
}

fn create<'r>(spec: &'r SystemdUnitSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let (name, path) = (&spec.name, format!("{}/{}", unit_file::OWN, spec.name));
    let content = spec.content.as_deref().unwrap_or_default();
    let state = look(name, context)?;
    if state.mask.as_ref() == Some(&path) {
        return Err(ServiceError::Masked { name: name.clone() }.into());
    }
    let mut file = Managed::present(&path, content, MODE);
    if spec.verify {
        file = file.well_formed(Format::Systemd);
    }
    let (changes, predictions) = match file.compare(context)? {
        Some(parts) => {
            if spec.verify {
                verify::verify(&[(name, content)], context)?;
            }
            parts
        }
        // An earlier run broke between the file and this, or somebody wrote the same by hand.
        None if state.stale => (vec![done("read again by systemd")], Vec::new()),
        None => return Ok(Check::UpToDate),
    };
    Ok(Check::differs(changes, predictions, move |context| {
        file.put(context)?;
        systemd::reload_files(name)?;
        Ok(Vec::new())
    }))
}

/// Deletes a unit's file. What would go on running or starting without one is stopped and disabled before; Chef leaves
/// that to the recipe.
fn delete<'r>(name: &'r str, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let path = format!("{}/{name}", unit_file::OWN);
    let state = look(name, context)?;
    if state.mask.as_ref() == Some(&path) {
        return Err(ServiceError::Masked { name: name.to_owned() }.into());
    }
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    let file = Managed::absent(&path);
    let Some(parts) = file.compare(context)? else {
        return Ok(if state.stale {
            Check::differs(vec![done("read again by systemd")], predictions, move |_| {
                systemd::reload_files(name)?;
                Ok(Vec::new())
            })
        } else {
            Check::UpToDate
        });
    };
    // The system's own unit of that name, which this one stood before, goes on.
    let ends = !unit_file::has_other(name, context)?;
    let stop = ends && state.activity != Activity::Stopped;
    let disable = ends && state.enabled;
    if stop {
        changes.push(done("stopped"));
    }
    if disable {
        changes.push(done("disabled"));
    }
    if ends {
        let id = state.id.clone();
        predictions.push(Prediction::Service { name: id, active: Some(false), enabled: Some(false) });
    }
    changes.extend(parts.0);
    predictions.extend(parts.1);
    Ok(Check::differs(changes, predictions, move |context| {
        if stop {
            systemd::act(name, Action::Stop, &state)?;
        }
        if disable {
            systemd::act(name, Action::Disable, &state)?;
        }
        file.put(context)?;
        systemd::reload_files(name)?;
        if ends {
            systemd::forget_failure(name);
        }
        Ok(Vec::new())
    }))
}
