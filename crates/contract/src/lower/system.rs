//! The system as a whole.

use std::net::IpAddr;

use engine_protocol::{
    Action, Spec,
    resource::{
        HostnameSpec, HostsEntrySpec, KernelModuleSpec, LimitsSpec, LocaleSpec, RebootSpec, SysctlSpec,
        TimezoneSpec,
    },
};

use super::{Declared, Lowered, checks, invalid, missing};

/// Checks a name of a host (RFC 1123, 2.1).
fn host(property: &str, name: &str) -> Lowered<()> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    Err(invalid(property, format!("`{}` is no name of a host", name.escape_debug())))
}

pub(super) fn hostname(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.identity_text();
    host("name", &name)?;
    if name.len() > 64 {
        return Err(invalid("name", "Linux takes 64 bytes at the most"));
    }
    Ok(Spec::Hostname(HostnameSpec { name }))
}

pub(super) fn hosts_entry(declared: &Declared<'_>) -> Lowered<Spec> {
    let address = declared.identity_text();
    if address.parse::<IpAddr>().is_err() {
        return Err(invalid("address", format!("`{}` is no IP address", address.escape_debug())));
    }
    let hostname = declared.text("hostname").unwrap_or_default();
    if declared.does(&[Action::Create]) || !hostname.is_empty() {
        host("hostname", &hostname)?;
    }
    let aliases = declared.texts("aliases");
    aliases.iter().try_for_each(|alias| host("aliases", alias))?;
    Ok(Spec::HostsEntry(HostsEntrySpec { address, hostname, aliases }))
}

pub(super) fn timezone(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.identity_text();
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-_".contains(&byte))
    };
    if !name.split('/').all(part) {
        return Err(invalid("name", format!("`{}` is no time zone", name.escape_debug())));
    }
    Ok(Spec::Timezone(TimezoneSpec { name }))
}

pub(super) fn locale(declared: &Declared<'_>) -> Lowered<Spec> {
    let word = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
    };
    let lang = declared.identity_text();
    if !word(&lang) {
        return Err(invalid("lang", format!("`{}` is no locale", lang.escape_debug())));
    }
    let variables = declared.pairs("variables");
    for (name, value) in &variables {
        let known = name == "LANGUAGE" || name.strip_prefix("LC_").is_some_and(word);
        let language = |text: &str| text.split(':').all(word);
        if !known || !language(value) {
            return Err(invalid("variables", format!("`{}` is not allowed here", name.escape_debug())));
        }
    }
    Ok(Spec::Locale(LocaleSpec { lang, variables }))
}

pub(super) fn sysctl(declared: &Declared<'_>) -> Lowered<Spec> {
    let key = declared.identity_text();
    // A dot in the name of an interface is written as a slash, as in sysctl.d(5).
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/:".contains(&byte))
            && !part.split('/').any(str::is_empty)
    };
    if !key.contains('.') || !key.split('.').all(part) {
        return Err(invalid("key", "write it with dots, as in `net.ipv4.ip_forward`"));
    }
    let value = declared.line("value")?.unwrap_or_default();
    if value.trim().is_empty() && declared.does(&[Action::Apply]) {
        return Err(missing("value", "say which value"));
    }
    Ok(Spec::Sysctl(SysctlSpec { key, value }))
}

pub(super) fn kernel_module(declared: &Declared<'_>) -> Lowered<Spec> {
    let name = declared.identity_text();
    let good = !name.is_empty()
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if !good {
        return Err(invalid("name", format!("`{}` is no kernel module", name.escape_debug())));
    }
    let options = declared.lines("options")?;
    if options.iter().any(|option| option.contains(char::is_whitespace) || option.starts_with('-')) {
        return Err(invalid("options", "each is a word such as `numdummies=2`"));
    }
    Ok(Spec::KernelModule(KernelModuleSpec { name, options }))
}

pub(super) fn limits(declared: &Declared<'_>) -> Lowered<Spec> {
    const ITEMS: [&str; 18] = [
        "core",
        "data",
        "fsize",
        "memlock",
        "nofile",
        "rss",
        "stack",
        "cpu",
        "nproc",
        "as",
        "maxlogins",
        "maxsyslogins",
        "nonewprivs",
        "priority",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
    ];
    let domain = declared.identity_text();
    if domain != "*" {
        checks::plain("domain", domain.strip_prefix('@').unwrap_or(&domain))?;
    }
    let (soft, hard) = (declared.pairs("soft"), declared.pairs("hard"));
    for (property, pairs) in [("soft", &soft), ("hard", &hard)] {
        for (item, value) in pairs {
            if !ITEMS.contains(&item.as_str()) && item != "rtprio" {
                let item = item.escape_debug();
                return Err(invalid(property, format!("`{item}` is no item of limits.conf(5)")));
            }
            let number = !value.is_empty() && value.strip_prefix('-').unwrap_or(value).parse::<u64>().is_ok();
            if !number && !matches!(value.as_str(), "unlimited" | "infinity") {
                let value = value.escape_debug();
                return Err(invalid(property, format!("`{value}` is no number and not `unlimited`")));
            }
        }
    }
    if soft.is_empty() && hard.is_empty() && declared.does(&[Action::Create]) {
        return Err(missing("soft", "set `soft` or `hard` limits"));
    }
    Ok(Spec::Limits(LimitsSpec { domain, soft, hard }))
}

pub(super) fn reboot(declared: &Declared<'_>) -> Lowered<Spec> {
    Ok(Spec::Reboot(RebootSpec {
        name: declared.title()?,
        reason: declared.line("reason")?,
        if_needed: declared.boolean("if_needed"),
    }))
}
