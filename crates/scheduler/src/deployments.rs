//! The sources of a run's apps: fetched once, before any host is connected to.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use engine_model::{App, Fetch, Name, Stack};
use engine_protocol::resource::TreeEntry;

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
        stop: &StopSignal,
    ) -> Result<Self, SourceFailure> {
        let mut deployments =
            Deployments { release: release_name(SystemTime::now()), ..Deployments::default() };
        for app in stack.apps.iter().filter(|app| deploys(work, app)) {
            let mut stop = stop.clone();
            let revision = tokio::select! {
                revision = sources.fetch(app) => revision?,
                () = stop.wait() => {
                    return Err(SourceFailure {
                        message: format!("stopped while the source of app `{}` was fetched", app.name),
                        hint: None,
                    });
                }
            };
            deployments.revisions.insert(app.name.clone(), revision);
        }
        Ok(deployments)
    }

    /// What is told of it.
    pub(crate) fn events(&self) -> impl Iterator<Item = RunEvent> {
        self.revisions.iter().map(|(app, revision)| {
            let (files, bytes) = revision.size();
            RunEvent::SourceFetched { app: app.clone(), revision: revision.revision.clone(), files, bytes }
        })
    }
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
