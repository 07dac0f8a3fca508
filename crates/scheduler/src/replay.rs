//! A node's part of a saved plan: planned again, and applied only if nothing has moved.

use engine_model::Name;
use engine_protocol::{Mode, ToAgent, message::End};

use crate::{
    event::{NodeResult, RunEvent},
    node_run::NodeRun,
    saved::{SavedNode, SavedStep},
};

/// Plans all steps again, in the order in which they were planned; changes nothing.
pub(crate) async fn verify(node: &mut NodeRun, saved: &SavedNode) -> Result<(), NodeResult> {
    if let Some(misfit) = saved.misfit(&node.shared.stack) {
        return Err(NodeResult::Refused { error: misfit });
    }
    node.quiet = true;
    for step in saved.steps() {
        node.record.outcomes.clear();
        let end = hand_over(node, step, Mode::Plan).await?;
        if let End::Stopped { .. } = end {
            return Err(NodeResult::Stopped { position: "before anything was changed".to_owned() });
        }
        if let Some(moved) = step.moved(&node.record.outcomes) {
            let error = format!("the node has changed since the plan was made, so nothing is done: {moved}");
            return Err(NodeResult::Refused { error });
        }
    }
    node.quiet = false;
    Ok(())
}

/// Applies one step, if the instances that are online are those that its recipes saw.
pub(crate) async fn apply(node: &mut NodeRun, step: &SavedStep, online: &[Name]) -> Result<(), NodeResult> {
    if step.online != online {
        let names = |names: &[Name]| match names {
            [] => "none".to_owned(),
            names => names.iter().map(Name::as_str).collect::<Vec<_>>().join(", "),
        };
        let error = format!(
            "the plan of {} saw other instances online ({}) than are now ({}); make a new plan",
            step.event,
            names(&step.online),
            names(online)
        );
        return Err(NodeResult::Refused { error });
    }
    let (instance, event) = (node.instance.name.clone(), step.event);
    node.shared.emit(RunEvent::EventStarted { instance, event });
    let end = hand_over(node, step, Mode::Apply).await?;
    node.result_of(&end)
}

async fn hand_over(node: &mut NodeRun, step: &SavedStep, mode: Mode) -> Result<End, NodeResult> {
    node.begin(step.event, mode).await?;
    let collection = step.collection_for(&node.shared.stack);
    let end = node.apply(collection).await?;
    if matches!(end, End::Stopped { .. }) {
        return Ok(end);
    }
    node.send(ToAgent::Finish).await?;
    let finish = node.listen().await?;
    Ok(if matches!(end, End::Complete) { finish } else { end })
}
