//! The clock, kept right by what the distribution takes for it. A host that has another program for that keeps it.

use engine_model::Command;
use engine_protocol::{Action, resource::Guard};

use super::{BuiltInResource, Situation};

/// Packages that set the clock. Of some distributions, one takes the place of the other when it is installed.
const PROGRAMS: [&str; 6] = ["chrony", "ntp", "ntpsec", "ntpd", "openntpd", "systemd-timesyncd"];

/// Package and service that keep the clock right; no package where the init system brings it.
struct Program {
    package: Option<&'static str>,
    service: &'static str,
}

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let switch = situation.stack.built_in.time_sync;
    let wanted = situation.wants(switch) && (switch.is_some() || !situation.is_container());
    if situation.command != Command::Setup || !wanted {
        return Vec::new();
    }
    let Some(program) = program(situation) else { return Vec::new() };
    let others = || PROGRAMS.iter().filter(|other| Some(**other) != program.package);
    let unless_another = |resource: BuiltInResource| {
        others().fold(resource, |resource, other| {
            resource.not_if(Guard::PackageInstalled { name: (*other).to_owned() })
        })
    };
    let mut resources = Vec::new();
    if let Some(package) = program.package {
        let install = BuiltInResource::new("time_sync", "package").listing(vec![package.to_owned()]);
        resources.push(unless_another(install));
    }
    let service = BuiltInResource::new("time_sync", "service").named(program.service);
    resources.push(unless_another(service.action(Action::Enable).action(Action::Start)));
    resources
}

/// What the distribution installs by default; nothing where we do not know it.
fn program(situation: &Situation<'_>) -> Option<Program> {
    let facts = situation.facts;
    let with_systemd = facts.init_system == "systemd";
    let (package, service) = match facts.platform.family.as_str() {
        "debian" if with_systemd && !is_ubuntu_with_chrony(&facts.platform.name, &facts.platform.version) => {
            (Some("systemd-timesyncd"), "systemd-timesyncd")
        }
        "debian" => (Some("chrony"), "chrony"),
        "rhel" | "fedora" | "suse" | "alpine" => (Some("chrony"), "chronyd"),
        "arch" if with_systemd => (None, "systemd-timesyncd"),
        _ => return None,
    };
    Some(Program { package, service })
}

/// Ubuntu has chrony since 25.10.
fn is_ubuntu_with_chrony(name: &str, version: &str) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    let mut parts = version.split('.');
    name == "ubuntu" && (number(parts.next()), number(parts.next())) >= (25, 10)
}
