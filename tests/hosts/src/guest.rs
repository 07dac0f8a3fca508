//! The kinds of machine a host can be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What kind of machine a host is. All have sshd, sudo and the accounts `root`, `operator` and
/// `nosudo`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guest {
    /// Debian with systemd as process 1, and apt.
    #[default]
    Systemd,
    /// Debian with sysvinit as process 1, and apt.
    Sysvinit,
    /// Debian with systemd as process 1, and dnf: `apt-get` has another name there, and rpm knows
    /// no package of Debian.
    Dnf,
}

impl Guest {
    /// Every kind.
    pub const ALL: &[Self] = &[Self::Systemd, Self::Sysvinit, Self::Dnf];

    /// Its name in words: `systemd`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Sysvinit => "sysvinit",
            Self::Dnf => "dnf",
        }
    }

    /// What brings process 1 and the package manager.
    pub(crate) fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Systemd => &["systemd", "systemd-sysv"],
            Self::Sysvinit => &["orphan-sysvinit-scripts", "sysv-rc", "sysvinit-core"],
            Self::Dnf => &["createrepo-c", "dnf", "dnf-plugins-core", "rpm", "systemd", "systemd-sysv"],
        }
    }

    /// The command by which a host of this kind is told inside to reboot.
    pub(crate) fn reboot(self) -> &'static [&'static str] {
        match self {
            Self::Systemd | Self::Dnf => &["systemctl", "reboot"],
            Self::Sysvinit => &["shutdown", "-r", "now"],
        }
    }

    /// The signal, by number, that tells process 1 of this kind what a power button does.
    pub(crate) fn power_button(self) -> &'static str {
        match self {
            // SIGRTMIN+4: power off.
            Self::Systemd | Self::Dnf => "38",
            // SIGPWR, of which our inittab makes a shutdown.
            Self::Sysvinit => "30",
        }
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guest {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|guest| guest.name() == name).ok_or_else(|| Error::UnknownGuest {
            name: name.to_owned(),
            known: Self::ALL.iter().map(|guest| guest.name()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_kind() {
        for guest in Guest::ALL {
            assert_eq!(guest.name().parse::<Guest>().unwrap(), *guest);
        }
        let error = "windows".parse::<Guest>().unwrap_err().to_string();
        assert_eq!(error, "no kind of guest `windows`: there are systemd, sysvinit, dnf");
    }
}
