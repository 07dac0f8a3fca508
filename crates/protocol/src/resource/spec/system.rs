//! The system as a whole.

use serde::{Deserialize, Serialize};

/// The host's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostnameSpec {
    /// The name.
    pub name: String,
}

/// A line in `/etc/hosts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntrySpec {
    /// The address.
    pub address: String,
    /// The name.
    pub hostname: String,
    /// Further names.
    pub aliases: Vec<String>,
}

/// The time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimezoneSpec {
    /// Its name, such as `Europe/Berlin`.
    pub name: String,
}

/// The locale of the system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocaleSpec {
    /// `LANG`.
    pub lang: String,
    /// Further variables, such as `LC_TIME`, in order.
    pub variables: Vec<(String, String)>,
}

/// A kernel parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlSpec {
    /// Its name with dots.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A kernel module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelModuleSpec {
    /// Its name.
    pub name: String,
    /// Options, such as `numdummies=2`.
    pub options: Vec<String>,
}

/// Limits of the resources of users' sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsSpec {
    /// User, `@group` or `*`.
    pub domain: String,
    /// Soft limits by item, in order.
    pub soft: Vec<(String, String)>,
    /// Hard limits by item, in order.
    pub hard: Vec<(String, String)>,
}

/// A reboot at the end of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebootSpec {
    /// What asks for it.
    pub name: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// Whether it is only for a node whose packages need it.
    pub if_needed: bool,
}
