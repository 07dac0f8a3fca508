//! Services, units and what runs at set times.

use serde::{Deserialize, Serialize};

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Name without `.service`.
    pub name: String,
}

/// A unit of systemd.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemdUnitSpec {
    /// Name with its kind, such as `app.service`.
    pub name: String,
    /// The unit file.
    pub content: Option<String>,
    /// Let `systemd-analyze verify` look at it before it is put in place.
    pub verify: bool,
}

/// A line in `/etc/cron.d`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronSpec {
    /// Name of the file below `/etc/cron.d`.
    pub name: String,
    /// The five fields, or a word such as `@daily`.
    pub schedule: String,
    /// User that it runs as.
    pub user: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment variables, in order.
    pub environment: Vec<(String, String)>,
    /// Where output is mailed to.
    pub mailto: Option<String>,
}

/// A timer of systemd and the service that it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerSpec {
    /// Name of both, without extension.
    pub name: String,
    /// When, as in systemd.time(7).
    pub on_calendar: Option<String>,
    /// Seconds after boot.
    pub on_boot_seconds: Option<u32>,
    /// Seconds between two starts.
    pub interval_seconds: Option<u32>,
    /// Seconds that a start is delayed by at random, at the most.
    pub randomized_delay_seconds: u32,
    /// Make up for a start that was missed while the node was off.
    pub persistent: bool,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment variables, in order.
    pub environment: Vec<(String, String)>,
    /// User that it runs as.
    pub user: Option<String>,
}
