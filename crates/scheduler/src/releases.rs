//! What a node's part of a run does with releases: what is sent of them, and what becomes of those that fail.

use std::collections::{BTreeSet, HashMap};

use engine_model::{Command, Name};
use engine_protocol::{
    Action, Collection, Mode, Outcome, Piece, Resource, ResourceId, Spec, Status, ToAgent,
    resource::{ReleaseContent, ReleaseSpec, ReleaseStep},
};

use crate::{
    app_steps::{AppStage, Stage, resource},
    deployments::amount,
    event::{NodeResult, ResourceLabel, RunEvent},
    node_run::NodeRun,
    plan::Step,
};

/// The releases of a node in a run.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    /// Apps whose release turned out to be the current one.
    over: BTreeSet<Name>,
    /// Apps whose release was put by an attempt that is not the first one.
    anew: BTreeSet<Name>,
    /// What became of the release that was to be put last.
    put: Option<(ResourceId, Status)>,
    /// The release that is not settled yet: the app's directory and its name.
    unsettled: Option<(String, String)>,
    /// How big those are that the agent has been told of.
    sizes: HashMap<ResourceId, (u64, u64)>,
    sent: (u64, u64),
}

/// What was sent of a release.
pub(crate) struct Sent {
    sent: (u64, u64),
    of: (u64, u64),
}

impl Sent {
    pub(crate) fn event(&self, instance: Name, resource: ResourceLabel) -> RunEvent {
        let ((files, bytes), (of_files, of_bytes)) = (self.sent, self.of);
        RunEvent::ContentSent { instance, resource, files, bytes, of_files, of_bytes }
    }
}

impl Releases {
    /// The apps whose release turned out to be the current one.
    pub(crate) fn over(&self) -> &BTreeSet<Name> {
        &self.over
    }

    /// Whether there is nothing left to do in a stage.
    pub(crate) fn is_over(&self, step: &Step) -> bool {
        step.stage.as_ref().is_some_and(|stage| stage.stage.follows_put() && self.over.contains(&stage.app))
    }

    /// Whether a step that was done by an earlier attempt, or in part, goes on from there.
    pub(crate) fn keeps_place(&self, step: &Step) -> bool {
        let Some(AppStage { app, stage }) = &step.stage else { return true };
        *stage != Stage::Put && !(stage.follows_put() && self.anew.contains(app))
    }

    /// Ends a stage: a release that need not be put is deployed already.
    pub(crate) fn end(&mut self, step: &Step, again: bool) {
        let Some(AppStage { app, stage }) = &step.stage else { return };
        match (stage, self.put.take().map(|(_, status)| status)) {
            (Stage::Put, Some(Status::UpToDate)) => {
                self.over.insert(app.clone());
                self.unsettled = None;
            }
            (Stage::Put, Some(Status::Changed)) if again => {
                self.anew.insert(app.clone());
            }
            (Stage::Settle, _) => self.unsettled = None,
            _ => {}
        }
    }

    /// What the agent is about to be given.
    pub(crate) fn declare(&mut self, resource: &Resource, mode: Mode) {
        let Spec::Release(ReleaseSpec { path, step }) = &resource.spec else { return };
        match step {
            ReleaseStep::Put(new) => {
                self.put = Some((resource.id, Status::UpToDate));
                if let ReleaseContent::Tree(entries) = &new.content {
                    self.sizes.insert(resource.id, amount(entries));
                }
                self.sent = (0, 0);
                if mode == Mode::Apply {
                    self.unsettled = Some((path.clone(), new.name.clone()));
                }
            }
            ReleaseStep::Settle { .. } => self.unsettled = None,
            _ => {}
        }
    }

    /// Counts what the agent asks for.
    pub(crate) fn count(&mut self, pieces: &[Piece]) {
        let (files, bytes) = &mut self.sent;
        *files += pieces.iter().filter(|piece| piece.offset == 0).count() as u64;
        *bytes += pieces.iter().map(|piece| u64::from(piece.length)).sum::<u64>();
    }

    /// What became of a release; what was sent of it, if it is there now.
    pub(crate) fn hear(&mut self, outcome: &Outcome, mode: Mode) -> Option<Sent> {
        if let Some((id, status)) = &mut self.put
            && *id == outcome.resource
        {
            status.clone_from(&outcome.status);
        }
        let of = self.sizes.remove(&outcome.resource)?;
        let put = mode == Mode::Apply && outcome.status == Status::Changed;
        put.then_some(Sent { sent: self.sent, of })
    }
}

impl NodeRun {
    /// Takes away what a deployment that failed has put on the node, unless it serves already. Where the node cannot
    /// be told, or the operator wants to stop, the next deployment does it.
    pub(crate) async fn discard(&mut self, failed: &NodeResult) {
        let Some((path, release)) = self.releases.unsettled.take() else { return };
        if !matches!(failed, NodeResult::Failed { .. } | NodeResult::EvaluationFailed { .. }) {
            return;
        }
        let name = format!("{path} {release}");
        let spec = ReleaseSpec { path, step: ReleaseStep::Discard { release } };
        let resource = resource(ResourceId(0), name, Action::Delete, spec);
        let collection = Collection { resources: vec![resource], grants: Vec::new() };
        if self.begin(Command::Deploy, Mode::Apply).await.is_ok() && self.apply(collection).await.is_ok() {
            // The node's part has failed already; that is what is told.
            let _ = self.send(ToAgent::Finish).await;
            let _ = self.listen().await;
        }
    }
}
