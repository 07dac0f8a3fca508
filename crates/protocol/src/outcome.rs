//! What became of a resource.

use serde::{Deserialize, Serialize};

use crate::resource::{Action, ResourceId};

/// What became of one action of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The resource.
    pub resource: ResourceId,
    /// The action.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// What was changed, or would be; empty unless the status is `Changed`.
    pub changes: Vec<Change>,
    /// The resource whose notification caused this action, if one did.
    pub notified_by: Option<ResourceId>,
    /// Wall time in microseconds, guards and retries included.
    pub duration_us: u64,
    /// What an earlier attempt of the same run came to with it.
    #[serde(default)]
    pub earlier: Earlier,
}

/// What an earlier attempt of the same run, which was interrupted, came to with an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Earlier {
    /// Nothing, or there was no earlier attempt.
    #[default]
    Nothing,
    /// It was begun, and how it ended is not known: it was checked and, where it was not as it shall be, done again.
    Begun,
    /// It was done, so it was neither checked nor done again.
    Done,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing was to do.
    UpToDate,
    /// It was changed; in plan mode, it would be.
    Changed,
    /// A guard, or `creates`, said no.
    Skipped {
        /// Which.
        reason: String,
    },
    /// It could not be brought to the wanted state.
    Failed {
        /// What went wrong, and on what.
        error: String,
        /// Whether the recipe said that the run shall go on regardless.
        ignored: bool,
    },
    /// It depends on a change that is not made yet, so nobody can know. Plan mode only.
    Unknown {
        /// On what it depends.
        because: String,
    },
}

/// One difference between what was and what is wanted. A sensitive resource has only
/// [`Change::Hidden`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A property went from one value to another.
    Property {
        /// Its name, for example `mode`.
        name: String,
        /// The value before; `None` if there was nothing.
        old: Option<String>,
        /// The value after; `None` if there is nothing.
        new: Option<String>,
    },
    /// Text content, as a unified diff without file headers.
    Diff {
        /// The diff.
        unified: String,
        /// Whether it was cut because it was too long.
        truncated: bool,
    },
    /// Content that is not text.
    Binary {
        /// Size in bytes and BLAKE3 or length description before; `None` if there was nothing.
        old: Option<String>,
        /// The same after.
        new: Option<String>,
    },
    /// Something was done that has no before and after, for example a service restarted.
    Done {
        /// What, in the past tense of the resource's action: `restarted`.
        what: String,
    },
    /// Output of a command, its end if it was long.
    Output {
        /// Standard output and standard error, as they came.
        text: String,
    },
    /// It changed; what, is not to be shown.
    Hidden,
}
