//! All typed facts, put together as `Facts::json` has them: for the SDK's own test, and for a component on a real host.

use engine_sdk::{Facts, Value, json};

/// What the typed functions say.
pub fn typed(facts: &Facts) -> Value {
    json!({
        "hostname": facts.hostname(),
        "fqdn": facts.fqdn(),
        "domain": facts.domain(),
        "platform": {
            "name": facts.platform(),
            "family": facts.platform_family(),
            "version": facts.platform_version(),
            "codename": facts.platform_codename(),
        },
        "kernel": {"name": "Linux", "release": facts.kernel_release()},
        "architecture": facts.architecture(),
        "cpu_count": facts.cpu_count(),
        "cpu_model": facts.cpu_model(),
        "cpu_cores": facts.cpu_cores(),
        "cpu_sockets": facts.cpu_sockets(),
        "memory_bytes": facts.memory_bytes(),
        "swap_bytes": facts.swap_bytes(),
        "virtualization": facts.virtualization(),
        "cloud": facts.cloud(),
        "disks": facts.disks(),
        "filesystems": facts.filesystems(),
        "interfaces": facts.interfaces(),
        "ipaddress": facts.ipaddress(),
        "ip6address": facts.ip6address(),
        "default_interface": facts.default_interface(),
        "default_gateway": facts.default_gateway(),
        "default_ip6_gateway": facts.default_ip6_gateway(),
        "init_system": facts.init_system(),
        "package_manager": facts.package_manager(),
        "users": facts.users(),
        "groups": facts.groups(),
        "timezone": facts.timezone(),
        "locale": facts.locale(),
        "selinux": facts.selinux(),
        "boot_time": facts.boot_time(),
        "boot_id": facts.boot_id(),
        "machine_id": facts.machine_id(),
        "user_id": facts.user_id(),
    })
}
