//! What engine does with apps that have a source, in stages: a release that fails on the way never becomes the
//! current one.
//!
//! The stages are those of OpsWorks and of Chef's `deploy`. Each is a step of its own, so its recipes see what the
//! stages before made, and its failure ends the deployment.

use engine_model::{App, Command, Deployment, Name, RecipeName};
use serde::{Deserialize, Serialize};

use crate::plan::Step;

mod resources;

pub(crate) use resources::{Situation, built_in, release, resource, show};

/// A step of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStage {
    /// The app.
    pub app: Name,
    /// The stage.
    pub stage: Stage,
}

/// What is done with an app in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The release is put beside the others, with links to what is shared.
    Put,
    /// A hook's recipes.
    BeforeMigrate,
    /// The command that migrates.
    Migrate,
    /// A hook's recipes.
    BeforeSymlink,
    /// The release becomes the current one.
    Activate,
    /// A hook's recipes.
    BeforeRestart,
    /// The app's processes are restarted.
    Restart,
    /// A hook's recipes.
    AfterRestart,
    /// The release may be gone back to; the oldest go.
    Settle,
    /// An earlier release becomes the current one.
    Rollback {
        /// Which; the one before where `None`.
        to: Option<String>,
    },
    /// The app's processes are started.
    Start,
    /// They are stopped.
    Stop,
    /// All releases are taken away.
    Remove {
        /// With what they share.
        shared: bool,
    },
}

impl Stage {
    /// Whether something is done with releases, besides what the resource library does.
    pub(crate) fn is_about_releases(&self) -> bool {
        matches!(
            self,
            Stage::Put | Stage::Activate | Stage::Settle | Stage::Rollback { .. } | Stage::Remove { .. }
        )
    }

    /// Whether it is part of a deployment that is over when the release turns out to be the current one already.
    pub(crate) fn follows_put(&self) -> bool {
        !matches!(
            self,
            Stage::Put | Stage::Rollback { .. } | Stage::Start | Stage::Stop | Stage::Remove { .. }
        )
    }
}

/// Deploys an app; nothing to do where recipes alone deploy it.
pub fn deploy(app: &App, migrate: bool) -> Vec<Step> {
    let Some(deployment) = &app.deployment else { return Vec::new() };
    let hooks = &deployment.hooks;
    let mut stages = vec![(Stage::Put, &[][..]), (Stage::BeforeMigrate, &hooks.before_migrate)];
    if migrate && !deployment.migrate.is_empty() {
        stages.push((Stage::Migrate, &[]));
    }
    stages.extend([(Stage::BeforeSymlink, hooks.before_symlink.as_slice()), (Stage::Activate, &[])]);
    stages.extend(restarted(deployment));
    stages.push((Stage::Settle, &[]));
    steps(app, Command::Deploy, stages)
}

/// Takes an app back to an earlier release.
pub fn rollback(app: &App, to: Option<&str>) -> Vec<Step> {
    let Some(deployment) = &app.deployment else { return Vec::new() };
    let mut stages = vec![(Stage::Rollback { to: to.map(str::to_owned) }, &[][..])];
    stages.extend(restarted(deployment));
    steps(app, Command::Rollback, stages)
}

/// Takes an app's releases away.
pub fn undeploy(app: &App, shared: bool) -> Vec<Step> {
    match &app.deployment {
        Some(_) => steps(app, Command::Undeploy, vec![(Stage::Remove { shared }, &[])]),
        None => Vec::new(),
    }
}

/// Starts, stops or restarts the processes of an app.
pub fn processes(app: &App, command: Command) -> Vec<Step> {
    let stage = match command {
        Command::Start => Stage::Start,
        Command::Stop => Stage::Stop,
        Command::Restart => Stage::Restart,
        _ => return Vec::new(),
    };
    match &app.deployment {
        Some(_) => steps(app, command, vec![(stage, &[])]),
        None => Vec::new(),
    }
}

fn restarted(deployment: &Deployment) -> [(Stage, &[RecipeName]); 3] {
    let hooks = &deployment.hooks;
    [
        (Stage::BeforeRestart, hooks.before_restart.as_slice()),
        (Stage::Restart, &[]),
        (Stage::AfterRestart, hooks.after_restart.as_slice()),
    ]
}

/// Hooks without recipes are no steps.
fn steps(app: &App, event: Command, stages: Vec<(Stage, &[RecipeName])>) -> Vec<Step> {
    let hook = |stage: &Stage| {
        matches!(
            stage,
            Stage::BeforeMigrate | Stage::BeforeSymlink | Stage::BeforeRestart | Stage::AfterRestart
        )
    };
    let stages = stages.into_iter().filter(|(stage, recipes)| !hook(stage) || !recipes.is_empty());
    let step = |(stage, recipes): (Stage, &[RecipeName])| Step {
        event,
        stage: Some(AppStage { app: app.name.clone(), stage }),
        run_list: recipes.to_vec(),
    };
    stages.map(step).collect()
}

#[cfg(test)]
mod tests;
