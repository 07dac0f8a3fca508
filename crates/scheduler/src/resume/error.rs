//! Why a run is not taken up again.

use engine_model::{Name, RunId, RunState};

/// Why a run is not taken up again.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There was none.
    #[error("stack `{stack}` has had no run, so none can be taken up")]
    NoRun {
        /// The stack.
        stack: Name,
    },
    /// There is no such run.
    #[error("there is no run {run} of stack `{stack}`")]
    Unknown {
        /// The run.
        run: RunId,
        /// The stack.
        stack: Name,
    },
    /// It has come to its end.
    #[error("run {run} came to its end on every host: it is {state}, and nothing is left to take up")]
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        state: RunState,
    },
    /// Another run came after it.
    #[error(
        "run {newer} came after run {run}, so nobody knows what is left of run {run}; run the command again"
    )]
    Newer {
        /// The run.
        run: RunId,
        /// The one after it.
        newer: RunId,
    },
    /// It keeps no journal.
    #[error("run {run} applied a saved plan, which is not taken up again; make a new plan")]
    SavedPlan {
        /// The run.
        run: RunId,
    },
    /// Another version of engine began it.
    #[error(
        "run {run} was begun by engine {began}, and this is {this}; take it up with that, or run the command again"
    )]
    Version {
        /// The run.
        run: RunId,
        /// The version then.
        began: String,
        /// The version now.
        this: String,
    },
    /// Cookbooks are others now.
    #[error(
        "since run {run} began these cookbooks have changed: {}; put them back as they were, or run the command again",
        .cookbooks.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )]
    Cookbooks {
        /// The run.
        run: RunId,
        /// Their names.
        cookbooks: Vec<String>,
    },
    /// The stack file says something else now.
    #[error(
        "since run {run} began the stack file has changed in `{what}`; put that back as it was, or run the command again"
    )]
    Stack {
        /// The run.
        run: RunId,
        /// Where.
        what: String,
    },
}
