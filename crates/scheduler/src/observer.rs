//! What recipes say while they are evaluated, on its way from their thread to the task of their node.

use engine_model::RecipeName;
use engine_protocol::Collection;
use tokio::sync::{mpsc, oneshot};

use crate::ports::{Checkpoint, EvaluationObserver, LogLevel};

/// What a recipe says.
pub(crate) enum FromRecipe {
    /// Something for the operator.
    Log(RecipeName, LogLevel, String),
    /// It goes on when these resources are on the node, and waits for the answer.
    Checkpoint(Collection, oneshot::Sender<Checkpoint>),
}

/// Carries it.
pub(crate) struct ChannelObserver(pub(crate) mpsc::UnboundedSender<FromRecipe>);

impl EvaluationObserver for ChannelObserver {
    fn log(&mut self, recipe: &RecipeName, level: LogLevel, message: &str) {
        // Nobody listens only if the run is gone.
        let _ = self.0.send(FromRecipe::Log(recipe.clone(), level, message.to_owned()));
    }

    fn checkpoint(&mut self, batch: Collection) -> Checkpoint {
        let (reply, answer) = oneshot::channel();
        if self.0.send(FromRecipe::Checkpoint(batch, reply)).is_err() {
            return Checkpoint::Stopped;
        }
        answer.blocking_recv().unwrap_or(Checkpoint::Stopped)
    }
}
