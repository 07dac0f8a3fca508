//! On which instances engine does by itself what the stack file does not speak of.

use engine_model::Connection;

use super::Situation;

/// Containers of one application: name and `/etc/hosts` are set by who runs them, and are not the container's to change.
const APPLICATION_CONTAINERS: [&str; 6] = ["docker", "podman", "rkt", "wsl", "proot", "pouch"];

/// Further containers; in none of them the clock can be set.
const SYSTEM_CONTAINERS: [&str; 5] = ["container-other", "lxc", "lxc-libvirt", "openvz", "systemd-nspawn"];

impl Situation<'_> {
    /// What a switch says, or else whether the machine may be taken for the stack's own, to be shaped as a whole:
    /// nobody handed it over, it is not where engine runs, and we are root there.
    pub(super) fn wants(&self, switch: Option<bool>) -> bool {
        let instance = self.instance;
        let ours = !instance.registered && instance.connection != Connection::Local;
        switch.unwrap_or(ours && self.facts.user_id == 0)
    }

    /// Whether it is a container of one application.
    pub(super) fn is_application_container(&self) -> bool {
        APPLICATION_CONTAINERS.contains(&self.facts.virtualization.as_str())
    }

    /// Whether it is a container of any kind.
    pub(super) fn is_container(&self) -> bool {
        self.is_application_container() || SYSTEM_CONTAINERS.contains(&self.facts.virtualization.as_str())
    }
}
