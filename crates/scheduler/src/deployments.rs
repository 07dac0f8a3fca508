//! The sources of a run's apps: fetched once, before any host is connected to.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use engine_model::{App, Fetch, Name, Source, Stack};
use engine_protocol::resource::TreeEntry;
use serde::{Deserialize, Serialize};

use crate::{
    app_steps::Stage,
    event::RunEvent,
    ports::{AppSources, SourceFailure},
    stop::StopSignal,
    work::{Part, Work},
};

/// What a run deploys.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    /// The name of its releases, the same on all instances: its time.
    pub(crate) release: String,
    /// What the controller fetched.
    pub(crate) revisions: BTreeMap<Name, Revision>,
}

/// What a run deploys, as an attempt to take it up again has to know it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploying {
    /// The name of its releases.
    pub release: String,
    /// What each source was.
    pub revisions: BTreeMap<Name, String>,
}

/// A source at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// A commit, a checksum, or a digest.
    pub revision: String,
    /// What is in it; directories before what is in them.
    pub entries: Vec<TreeEntry>,
}

impl Revision {
    /// How many files there are, and bytes in them.
    pub(crate) fn size(&self) -> (u64, u64) {
        amount(&self.entries)
    }
}

/// How many files are in a tree, and bytes in them.
pub(crate) fn amount(entries: &[TreeEntry]) -> (u64, u64) {
    entries.iter().fold((0, 0), |(files, bytes), entry| match entry {
        TreeEntry::File { size, .. } => (files + 1, bytes + size),
        _ => (files, bytes),
    })
}

impl Deployments {
    /// Fetches what the steps of a run deploy.
    pub(crate) async fn fetch(
        stack: &Stack,
        work: &Work,
        sources: &dyn AppSources,
        before: Option<&Deploying>,
        stop: &StopSignal,
    ) -> Result<Self, SourceFailure> {
        let release = before.map_or_else(|| release_name(SystemTime::now()), |before| before.release.clone());
        let mut deployments = Deployments { release, ..Deployments::default() };
        for app in stack.apps.iter().filter(|app| deploys(work, app)) {
            let mut stop = stop.clone();
            let known = before.and_then(|before| before.revisions.get(&app.name));
            let app = &at(app, known);
            let revision = tokio::select! {
                revision = sources.fetch(app) => revision?,
                () = stop.wait() => {
                    return Err(SourceFailure {
                        message: format!("stopped while the source of app `{}` was fetched", app.name),
                        hint: None,
                    });
                }
            };
            if let Some(known) = known.filter(|known| **known != revision.revision) {
                let found = &revision.revision;
                let message = format!("the source of app `{}` is {found} now, and was {known}", app.name);
                let hint = Some("begin a new run".to_owned());
                return Err(SourceFailure { message, hint });
            }
            deployments.revisions.insert(app.name.clone(), revision);
        }
        Ok(deployments)
    }

    /// What another attempt has to know.
    pub(crate) fn deploying(&self) -> Deploying {
        let revisions = self.revisions.iter().map(|(app, known)| (app.clone(), known.revision.clone()));
        Deploying { release: self.release.clone(), revisions: revisions.collect() }
    }

    /// What is told of it.
    pub(crate) fn events(&self) -> impl Iterator<Item = RunEvent> {
        self.revisions.iter().map(|(app, revision)| {
            let (files, bytes) = revision.size();
            RunEvent::SourceFetched { app: app.clone(), revision: revision.revision.clone(), files, bytes }
        })
    }
}

/// An app at the revision that an earlier attempt found: a branch may have moved on.
fn at(app: &App, known: Option<&String>) -> App {
    let mut app = app.clone();
    if let (Some(known), Some(deployment)) = (known, &mut app.deployment)
        && let Source::Git { revision, .. } = &mut deployment.source
    {
        revision.clone_from(known);
    }
    app
}

fn deploys(work: &Work, app: &App) -> bool {
    let fetched = app.deployment.as_ref().is_some_and(|deployment| deployment.fetch == Fetch::Controller);
    let parts = work.nodes.iter().flat_map(|node| [&node.primary, &node.reaction]).flatten();
    let mut steps = parts.flat_map(|part| match part {
        Part::Evaluate(steps) => steps.as_slice(),
        Part::Saved(_) => &[],
    });
    fetched
        && steps.any(|step| {
            step.stage.as_ref().is_some_and(|stage| stage.stage == Stage::Put && stage.app == app.name)
        })
}

/// Capistrano's and Chef's form, digits of the time in UTC, with milliseconds: two runs have two names, and later
/// releases have greater ones.
fn release_name(time: SystemTime) -> String {
    // Times before 1970 are those of a machine without a clock.
    let time = time.max(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    humantime::format_rfc3339_millis(time).to_string().chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_named_by_their_time() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(release_name(time), "20231114221320000");
    }
}
