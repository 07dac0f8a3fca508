//! What services have in common, whichever manager keeps them.

use engine_protocol::Action;

use super::ServiceError;

/// What a service is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activity {
    /// Nothing, or it is about to.
    #[default]
    Stopped,
    /// It runs or is on its way to.
    Running,
    /// It fails and is started again and again.
    Failing,
}

/// What its manager knows of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct State {
    /// Its own name, whichever alias was asked for.
    pub id: String,
    /// Whether there is such a service.
    pub exists: bool,
    /// What it is doing.
    pub activity: Activity,
    /// Whether it starts at boot.
    pub enabled: bool,
    /// Whether enabling it has a meaning; some services only ever start because others want them.
    pub can_be_enabled: bool,
    /// Whether it can read its configuration again without a restart.
    pub can_reload: bool,
    /// Whether another manager made it up from an init script.
    pub from_script: bool,
    /// The link that makes it impossible to start.
    pub mask: Option<String>,
    /// Whether its files are newer than what the manager has read.
    pub stale: bool,
}

impl State {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.activity == Activity::Running
    }

    /// Whether the action has nothing to do. An error says that it cannot be done at all.
    pub fn is_up_to_date(&self, name: &str, action: Action) -> Result<bool, ServiceError> {
        let name = || name.to_owned();
        Ok(match action {
            Action::Stop => self.activity == Activity::Stopped,
            Action::Disable => !self.enabled,
            Action::Mask => self.mask.as_ref().is_some_and(|link| link.starts_with("/etc/")),
            Action::Unmask => self.mask.is_none(),
            _ if self.mask.is_some() => return Err(ServiceError::Masked { name: name() }),
            _ if !self.exists => return Err(ServiceError::NotFound { name: name() }),
            Action::Start => self.is_running(),
            Action::Enable => self.enabled || !self.can_be_enabled,
            // As in Chef: what does not run reads its configuration when it starts.
            Action::Reload if !self.is_running() => true,
            Action::Reload if !self.can_reload => return Err(ServiceError::CannotReload { name: name() }),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> State {
        State { exists: true, activity: Activity::Running, can_be_enabled: true, ..State::default() }
    }

    fn says(state: &State, action: Action) -> String {
        match state.is_up_to_date("app", action) {
            Ok(true) => "up to date".to_owned(),
            Ok(false) => "differs".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_as_it_shall_be_is_left_alone() {
        for (action, said) in [
            (Action::Start, "up to date"),
            (Action::Stop, "differs"),
            (Action::Restart, "differs"),
            (Action::Enable, "differs"),
            (Action::Disable, "up to date"),
            (Action::Mask, "differs"),
            (Action::Unmask, "up to date"),
        ] {
            assert_eq!(says(&running(), action), said, "{action}");
        }
        let fixed = State { can_be_enabled: false, ..running() };
        assert_eq!(says(&fixed, Action::Enable), "up to date");
        let failing = State { activity: Activity::Failing, ..running() };
        assert_eq!(says(&failing, Action::Start), "differs");
        assert_eq!(says(&failing, Action::Stop), "differs");
    }

    #[test]
    fn what_is_missing_can_be_stopped_but_not_started() {
        let missing = State::default();
        assert_eq!(says(&missing, Action::Stop), "up to date");
        assert_eq!(says(&missing, Action::Disable), "up to date");
        for action in [Action::Start, Action::Restart, Action::Reload, Action::Enable] {
            assert!(says(&missing, action).contains("does not exist"), "{action}");
        }
        // Its file was deleted under it.
        let orphan = State { activity: Activity::Running, ..State::default() };
        assert_eq!(says(&orphan, Action::Stop), "differs");
    }

    #[test]
    fn what_is_masked_can_be_stopped_but_not_started() {
        let masked = State { mask: Some("/etc/systemd/system/app.service".to_owned()), ..running() };
        assert_eq!(says(&masked, Action::Mask), "up to date");
        assert_eq!(says(&masked, Action::Unmask), "differs");
        assert_eq!(says(&masked, Action::Stop), "differs");
        for action in [Action::Start, Action::Restart, Action::Reload, Action::Enable] {
            assert!(says(&masked, action).contains("is masked"), "{action}");
        }
        let until_boot = State { mask: Some("/run/systemd/system/app.service".to_owned()), ..running() };
        assert_eq!(says(&until_boot, Action::Mask), "differs");
    }

    #[test]
    fn what_does_not_run_needs_no_reload() {
        assert!(says(&running(), Action::Reload).contains("cannot be reloaded"));
        assert_eq!(says(&State { can_reload: true, ..running() }, Action::Reload), "differs");
        assert_eq!(says(&State { activity: Activity::Stopped, ..running() }, Action::Reload), "up to date");
    }
}
