//! A node's part of a saved plan: planned again, and applied only if nothing has moved.
//!
//! The node's lock is held from the one to the other, so nobody else who asks for it can move the node in between.

use engine_model::Name;
use engine_protocol::{Mode, ToAgent, message::End};

use crate::{
    confirm,
    event::{NodeResult, RunEvent},
    node_run::NodeRun,
    saved::{SavedNode, SavedStep},
};

/// Plans all steps again, in the order in which they were planned; changes nothing. Holds the node's lock when it is
/// through. `online` are the instances that the first part begins with.
pub(crate) async fn verify(node: &mut NodeRun, saved: &SavedNode, online: &[Name]) -> Result<(), NodeResult> {
    if let Some(misfit) = saved.misfit(&node.shared.stack) {
        return Err(NodeResult::Refused { error: misfit });
    }
    let first = if saved.primary.is_some() { &saved.primary } else { &saved.reaction };
    for step in first.iter().flatten() {
        check_online(step, online)?;
    }
    let mut locked = false;
    for step in saved.steps() {
        node.begin(step.event, Mode::Plan).await?;
        if !locked {
            stopped(&node.lock().await?)?;
            locked = true;
        }
        node.quiet = true;
        let end = hand_over(node, step).await;
        node.quiet = false;
        stopped(&end?)?;
        if let Some(moved) = step.moved(&node.record.outcomes, &node.record.hidden) {
            let error = format!("the node has changed since the plan was made, so nothing is done: {moved}");
            return Err(NodeResult::Refused { error });
        }
    }
    Ok(())
}

fn stopped(end: &End) -> Result<(), NodeResult> {
    match end {
        End::Stopped { .. } => {
            Err(NodeResult::Stopped { position: "before anything was changed".to_owned() })
        }
        End::Complete | End::Failed { .. } => Ok(()),
    }
}

/// Applies one step, if the instances that are online are those that its recipes saw.
pub(crate) async fn apply(node: &mut NodeRun, step: &SavedStep, online: &[Name]) -> Result<(), NodeResult> {
    check_online(step, online)?;
    let (instance, event) = (node.instance.name.clone(), step.event);
    node.shared.emit(RunEvent::EventStarted { instance, event });
    node.begin(event, Mode::Apply).await?;
    let result = match hand_over(node, step).await {
        Ok(end) => node.result_of(&end),
        Err(failed) => Err(failed),
    };
    confirm::confirm(node, result).await
}

fn check_online(step: &SavedStep, online: &[Name]) -> Result<(), NodeResult> {
    if step.online == online {
        return Ok(());
    }
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
    Err(NodeResult::Refused { error })
}

async fn hand_over(node: &mut NodeRun, step: &SavedStep) -> Result<End, NodeResult> {
    let collection = step.collection_for(&node.shared.stack);
    let end = node.apply(collection).await?;
    if matches!(end, End::Stopped { .. }) {
        return Ok(end);
    }
    node.send(ToAgent::Finish).await?;
    let finish = node.listen().await?;
    Ok(if matches!(end, End::Complete) { finish } else { end })
}
