//! What an operator can ask of a stack.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::lifecycle::LifecycleEvent;

/// What an operator asks of a stack, and what is in hand on an instance. The five lifecycle events are commands too;
/// the others are those of AWS OpsWorks Stacks (`install_dependencies` and so on), and trigger no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// The event of that name.
    Setup,
    /// The event of that name.
    Configure,
    /// The event of that name.
    Deploy,
    /// The event of that name.
    Undeploy,
    /// The event of that name.
    Shutdown,
    /// An app goes back to a release before its current one.
    Rollback,
    /// An app's processes are started.
    Start,
    /// They are stopped.
    Stop,
    /// They are stopped and started.
    Restart,
    /// Recipes that the operator names run once.
    ExecuteRecipes,
    /// The packages that the layers name are installed.
    InstallDependencies,
    /// All pending updates are installed, with the packages that the layers name.
    UpdateDependencies,
}

impl Command {
    /// All commands, the lifecycle events first.
    pub const ALL: [Command; 12] = [
        Command::Setup,
        Command::Configure,
        Command::Deploy,
        Command::Undeploy,
        Command::Shutdown,
        Command::Rollback,
        Command::Start,
        Command::Stop,
        Command::Restart,
        Command::ExecuteRecipes,
        Command::InstallDependencies,
        Command::UpdateDependencies,
    ];

    /// The lifecycle event whose recipes it runs; none for what triggers no event.
    pub const fn event(self) -> Option<LifecycleEvent> {
        match self {
            Command::Setup => Some(LifecycleEvent::Setup),
            Command::Configure => Some(LifecycleEvent::Configure),
            Command::Deploy => Some(LifecycleEvent::Deploy),
            Command::Undeploy => Some(LifecycleEvent::Undeploy),
            Command::Shutdown => Some(LifecycleEvent::Shutdown),
            _ => None,
        }
    }

    /// Whether it is about apps, so that it can be asked for some of them alone.
    pub const fn is_about_apps(self) -> bool {
        matches!(
            self,
            Command::Deploy
                | Command::Undeploy
                | Command::Rollback
                | Command::Start
                | Command::Stop
                | Command::Restart
        )
    }

    /// The command's name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Command::Setup => "setup",
            Command::Configure => "configure",
            Command::Deploy => "deploy",
            Command::Undeploy => "undeploy",
            Command::Shutdown => "shutdown",
            Command::Rollback => "rollback",
            Command::Start => "start",
            Command::Stop => "stop",
            Command::Restart => "restart",
            Command::ExecuteRecipes => "execute-recipes",
            Command::InstallDependencies => "install-dependencies",
            Command::UpdateDependencies => "update-dependencies",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a lifecycle event nor another command of a stack")]
pub struct CommandError(pub String);

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Command::ALL
            .into_iter()
            .find(|command| command.name() == text)
            .ok_or_else(|| CommandError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for command in Command::ALL {
            assert_eq!(command.name().parse(), Ok(command));
            assert_eq!(serde_json::to_value(command).unwrap(), command.name());
        }
        assert_eq!("reboot".parse::<Command>(), Err(CommandError("reboot".to_owned())));
    }

    #[test]
    fn every_event_is_a_command_of_its_name() {
        for event in LifecycleEvent::ALL {
            let command: Command = event.name().parse().unwrap();
            assert_eq!(command.event(), Some(event));
        }
    }
}
