//! The reaction: online instances configure, all with one view of who is online.
//!
//! Whoever enters or leaves the online instances meanwhile makes that view old, so all react once more; the configure
//! before is superseded. As in OpsWorks a burst is one configure: all that happened before it began is in its view.

use std::sync::Arc;

use engine_model::Command;
use engine_protocol::Mode;

use crate::{
    event::RunEvent,
    health,
    rolling::{Job, Turn, roll_out},
    rollout::Group,
    shared::Shared,
    work::{Part, Progress, reaction},
};

/// How often a view may become old before the rest is left to the next run.
const ROUNDS: usize = 3;

/// Lets nodes react until their view is true, or for so long as makes sense. `groups` is how they go.
pub(crate) async fn react(shared: &Arc<Shared>, mut nodes: Vec<Progress>, groups: &[Group]) -> Vec<Progress> {
    let mut supersedes = None;
    for attempt in 0..ROUNDS {
        let (phase, online) = shared.online_at_reaction(shared.online_without(&[]), attempt == 0).await;
        let parts: Vec<Option<Part>> = nodes
            .iter()
            .map(|node| {
                let reacts = node.result.is_none() && online.contains(&node.instance.name);
                node.reaction.clone().filter(|_| reacts)
            })
            .collect();
        if parts.iter().all(Option::is_none) {
            break;
        }
        let begun = match &shared.writes {
            Some(writes) => shared.keep(writes.begin_configure(&online).await),
            None => None,
        };
        let generation = begun.map(|begun| begun.generation);
        shared.emit(RunEvent::ConfigureStarted { generation, online: online.clone(), supersedes });
        let once = parts.iter().flatten().any(|part| matches!(part, Part::Saved(_)));
        let jobs = nodes.into_iter().zip(parts).map(|(mut node, part)| {
            let (shared, online) = (Arc::clone(shared), online.clone());
            let name = node.instance.name.clone();
            let job: Job = Box::new(move |turn| {
                Box::pin(async move {
                    match (part, turn) {
                        (Some(part), Turn::Now { health, .. }) => {
                            reaction(&shared, &mut node, &part, phase, &online, generation).await;
                            if let (None, Some(health), Some(connected)) =
                                (&node.result, health, &mut node.connected)
                            {
                                connected.generation = None;
                                node.result =
                                    health::check(connected, Command::Configure, &health).await.err();
                            }
                        }
                        (Some(_), Turn::Never(result)) => node.result = Some(result),
                        (None, _) => {}
                    }
                    node
                })
            });
            (name, job)
        });
        nodes = roll_out(shared, groups.to_vec(), jobs.collect()).await;
        if shared.mode == Mode::Plan || shared.stop.is_set() || once {
            break;
        }
        let now = shared.online_without(&[]);
        if now == online {
            let did = |node: &&Progress| node.reaction.is_some() && node.result.is_none();
            let all =
                now.iter().all(|name| nodes.iter().any(|node| did(&node) && node.instance.name == *name));
            if let (true, Some(begun), Some(writes)) = (all, begun, &shared.writes) {
                shared.keep(writes.end_configure(begun).await);
            }
            break;
        }
        supersedes = generation;
    }
    nodes
}
