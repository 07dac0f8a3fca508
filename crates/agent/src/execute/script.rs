//! The provider of scripts.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::PathBuf,
};

use engine_protocol::{Action, Resource, resource::ScriptSpec};
use rustix::{
    fs::{Uid, fchown},
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
};

use super::{ExecuteError, check_process, run};
use crate::provider::{Check, Context, Error, unsupported};

/// Checks a script.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r ScriptSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Run {
        return Err(unsupported(resource, action));
    }
    Ok(check_process(&spec.process, context, move |context| {
        let text = Text::put(spec, context)?;
        let path = text.path.to_string_lossy().into_owned();
        let argv: Vec<String> = spec.interpreter.iter().cloned().chain([path]).collect();
        Ok(run(resource, &argv, &spec.process, context)?)
    }))
}

/// The script's text in a file that its user can read and nobody else; it goes when this is dropped.
struct Text {
    path: PathBuf,
}

impl Text {
    fn put(spec: &ScriptSpec, context: &mut Context<'_>) -> Result<Self, ExecuteError> {
        let mut random = [0; 8];
        let named = getrandom(&mut random, GetRandomFlags::empty());
        let path = std::env::temp_dir().join(format!("engine-script-{:016x}", u64::from_ne_bytes(random)));
        let failed = |source| ExecuteError::Script { path: path.display().to_string(), source };
        named.map_err(|errno| failed(errno.into()))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        let text = Self { path: path.clone() };
        Self::fill(file, spec, context).map_err(failed)?;
        Ok(text)
    }

    fn fill(mut file: File, spec: &ScriptSpec, context: &mut Context<'_>) -> std::io::Result<()> {
        file.write_all(&spec.code.0)?;
        let owner = spec.process.user.as_ref().and_then(|name| context.node.accounts().user(name));
        if let Some(owner) = owner.filter(|user| user.uid != geteuid().as_raw()) {
            fchown(file.as_fd(), Some(Uid::from_raw(owner.uid)), None)?;
        }
        Ok(())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
