//! How an instance's status moves with what happens to it. Pure, so that each case can be read and
//! tested: a wrong status puts a broken server behind the load balancer or takes a good one out.

use engine_model::{Command, InstanceStatus};

use crate::event::NodeResult;

/// The status while an event runs; `None` if the event does not move it.
///
/// As in OpsWorks, setup and shutdown take an instance out of service while they run.
pub(crate) fn during(command: Command) -> Option<InstanceStatus> {
    match command {
        Command::Setup => Some(InstanceStatus::RunningSetup),
        Command::Shutdown => Some(InstanceStatus::ShuttingDown),
        _ => None,
    }
}

/// The status after an event. `before` is the one that the instance had before it; `touched` says
/// whether the node was given anything to apply.
pub(crate) fn after(
    command: Command,
    before: InstanceStatus,
    touched: bool,
    result: &Result<(), NodeResult>,
) -> InstanceStatus {
    use InstanceStatus::{ConnectionLost, Online, SetupFailed, ShuttingDown, Stopped};
    match (command, result) {
        (Command::Setup, Ok(())) => Online,
        // Whatever went wrong, the node is as it was.
        (
            _,
            Err(
                NodeResult::EvaluationFailed { .. } | NodeResult::Stopped { .. } | NodeResult::Refused { .. },
            ),
        ) if !touched => before,
        (Command::Setup, Err(NodeResult::Stopped { .. })) if before == Online => before,
        (Command::Setup, Err(NodeResult::ConnectionLost { .. })) if before == Online => ConnectionLost,
        (Command::Setup, Err(_)) => SetupFailed,
        // Half shut down is not in service, and shutdown can be run again.
        (Command::Shutdown, Err(NodeResult::ConnectionLost { .. } | NodeResult::Stopped { .. })) => {
            ShuttingDown
        }
        // Well or not: as in OpsWorks, it is stopped.
        (Command::Shutdown, _) => Stopped,
        (_, Err(NodeResult::ConnectionLost { .. })) if before == Online => ConnectionLost,
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use Command::{Configure, Setup, Shutdown};
    use InstanceStatus::{ConnectionLost, Online, Pending, RunningSetup, SetupFailed, ShuttingDown, Stopped};

    use super::*;

    fn lost() -> Result<(), NodeResult> {
        Err(NodeResult::ConnectionLost { error: String::new() })
    }

    fn failed() -> Result<(), NodeResult> {
        Err(NodeResult::Failed { error: String::new() })
    }

    fn stopped() -> Result<(), NodeResult> {
        Err(NodeResult::Stopped { position: String::new() })
    }

    fn not_evaluated() -> Result<(), NodeResult> {
        Err(NodeResult::EvaluationFailed { error: String::new() })
    }

    #[test]
    fn only_who_was_set_up_once_is_lost_rather_than_not_set_up() {
        for before in [Pending, RunningSetup, SetupFailed, Stopped] {
            assert_eq!(after(Setup, before, true, &lost()), SetupFailed);
        }
        assert_eq!(after(Setup, Online, true, &lost()), ConnectionLost);
        assert_eq!(after(Configure, Online, true, &lost()), ConnectionLost);
    }

    #[test]
    fn a_stop_takes_nobody_out_of_service() {
        assert_eq!(after(Setup, Online, true, &stopped()), Online);
        assert_eq!(after(Setup, Pending, false, &stopped()), Pending);
        assert_eq!(after(Setup, Pending, true, &stopped()), SetupFailed);
        assert_eq!(after(Shutdown, Online, false, &stopped()), Online);
    }

    #[test]
    fn a_recipe_that_cannot_be_evaluated_leaves_what_it_did_not_touch() {
        assert_eq!(after(Setup, Online, false, &not_evaluated()), Online);
        assert_eq!(after(Setup, Online, true, &not_evaluated()), SetupFailed);
        assert_eq!(after(Setup, Pending, false, &not_evaluated()), Pending);
    }

    #[test]
    fn half_shut_down_is_not_online_again() {
        assert_eq!(after(Shutdown, Online, true, &lost()), ShuttingDown);
        assert_eq!(after(Shutdown, Online, true, &stopped()), ShuttingDown);
        assert_eq!(after(Shutdown, Online, true, &failed()), Stopped);
        assert_eq!(after(Shutdown, Online, true, &Ok(())), Stopped);
    }

    #[test]
    fn a_failed_setup_is_out_of_service_and_a_good_one_in() {
        assert_eq!(after(Setup, Online, true, &failed()), SetupFailed);
        assert_eq!(after(Setup, SetupFailed, true, &Ok(())), Online);
        assert_eq!(after(Configure, Online, true, &failed()), Online);
    }
}
