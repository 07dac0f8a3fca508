//! What controller and agent say to each other.
//!
//! The agent speaks first ([`FromAgent::Hello`]). Then, as often as the controller likes, one
//! [`ToAgent::Apply`] and its outcomes up to [`FromAgent::Applied`]; [`ToAgent::Finish`] runs the
//! delayed notifications and closes an event with [`FromAgent::Finished`]. End of input ends the agent.

use serde::{Deserialize, Serialize};

use crate::{
    content::Piece,
    facts::Facts,
    outcome::Outcome,
    resource::{Collection, ResourceId},
};

/// Whether the node may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Say what would change; read only.
    Plan,
    /// Change it.
    Apply,
}

/// Seconds between two [`ToAgent::Ping`]s.
pub const PING_SECONDS: u64 = 5;

/// Seconds without a message after which a working agent takes the connection for dead and stops
/// at the next resource. A broken network says nothing by itself for many minutes.
pub const SILENCE_SECONDS: u64 = 20;

/// Where in a run an event stands. An agent that begins at the same place of the same run again goes on where the one
/// before it stopped, by the node's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Random, and the run's alone. What is done is marked in the journal with it, so no mark of another run counts, and
    /// who reads the journal learns nothing from a mark.
    pub key: [u8; 32],
    /// Which event of the run this is on this node: no other one of the run has the same.
    pub step: String,
}

/// From the controller to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// Begin an event. Forgets the resources of the event before it.
    Begin {
        /// Identifies the run in the node's journal.
        run: String,
        /// The event's name, for the journal.
        event: String,
        /// Whether the node may be changed.
        mode: Mode,
        /// Where in the run it stands, if the run can be taken up again after an interruption.
        place: Option<Place>,
    },
    /// Take the node's lock now, and keep it until [`ToAgent::Release`] or the end of the session: what a plan sees
    /// between the two stays so. Answered by [`FromAgent::Locked`].
    Lock,
    /// Let others change the node.
    Release,
    /// What follows in this event is configure of this generation. The agent ends the session if it has seen a later
    /// one of that stack: a controller that was away for long must not take a node back to an old view.
    Configure {
        /// The stack.
        stack: String,
        /// The generation.
        generation: u64,
    },
    /// Check and apply a batch, in order. Ids go on where the batch before it ended.
    Apply(Collection),
    /// No more batches in this event: run the delayed notifications.
    Finish,
    /// End the resource in hand, then stop: no further resource, no delayed notification.
    Stop,
    /// Reboot, as a resource asked for. Only after [`FromAgent::Finished`] said so.
    Reboot,
    /// The pieces that [`FromAgent::Wanted`] asked for, one behind the other, packed with zlib; or why there are none.
    Content(Result<Vec<u8>, String>),
    /// The node can be reached after what was changed, which therefore stays: said over a connection that was made since.
    /// Answered by [`FromAgent::Confirmed`].
    Confirm {
        /// The id of [`FromAgent::Unconfirmed`].
        id: String,
    },
    /// The controller is there. It says so every [`PING_SECONDS`] while the agent works.
    Ping,
}

/// From the agent to the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAgent {
    /// The first message.
    Hello {
        /// The agent's version.
        version: String,
        /// What the node is.
        facts: Box<Facts>,
    },
    /// The agent begins with a resource: said before what may take a while, not before a look at a file.
    Started {
        /// Which.
        resource: ResourceId,
    },
    /// The agent waits for something outside its power, for example another process's package lock.
    Waiting {
        /// On behalf of which resource.
        resource: ResourceId,
        /// For what, and for how long at the most.
        message: String,
    },
    /// An action ended.
    Outcome(Outcome),
    /// A batch ended.
    Applied {
        /// How far the agent came.
        end: End,
        /// What the node is now, for the evaluation that goes on after a checkpoint.
        facts: Box<Facts>,
    },
    /// An event ended, delayed notifications included.
    Finished {
        /// How far the agent came.
        end: End,
        /// Why the node is to be rebooted at the end of the run, if a resource asked for it.
        reboot: Option<String>,
        /// In a plan: the sensitive resources that would change, in order, each with a digest of the changes that are
        /// not shown.
        hidden: Vec<(ResourceId, u64)>,
    },
    /// The lock was taken; or it was not, because the controller said stop.
    Locked {
        /// Whether it is held.
        held: bool,
    },
    /// The node goes down now. Nothing follows but the end of the connection, or [`FromAgent::Fatal`].
    Rebooting,
    /// From here on the node puts back what it replaces, unless that is confirmed in time. Said once an event, before
    /// anything is replaced.
    Unconfirmed {
        /// What to confirm.
        id: String,
        /// The seconds for it; they begin with [`FromAgent::Finished`].
        seconds: u32,
    },
    /// The answer to [`ToAgent::Confirm`].
    Confirmed {
        /// Whether there was still something to be confirmed; otherwise it has been put back.
        stays: bool,
    },
    /// Output of a command that runs, in whole lines; only if the recipe wants it live.
    Output {
        /// Which resource runs it.
        resource: ResourceId,
        /// What it printed since the message before.
        text: String,
    },
    /// The agent needs content that the node does not have. Answered by one [`ToAgent::Content`]; asked for in the
    /// middle of a resource, one question at a time.
    Wanted {
        /// What, together at most [`BATCH_BYTES`](crate::content::BATCH_BYTES).
        pieces: Vec<Piece>,
    },
    /// The agent can't go on, for example because a message made no sense. Nothing follows.
    Fatal {
        /// Why.
        error: String,
    },
}

/// How far the agent came with a batch or an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Everything was tried.
    Complete,
    /// A resource failed; those after it were not tried.
    Failed {
        /// The one that failed.
        resource: ResourceId,
    },
    /// The controller said stop.
    Stopped {
        /// How many resources of the batch were not tried.
        remaining: u32,
    },
}
