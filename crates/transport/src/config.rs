//! From a destination to the hosts to go through, each with everything that ssh_config says about it.
//!
//! Read: HostName, User, Port, IdentityFile, IdentitiesOnly, IdentityAgent, ProxyJump, UserKnownHostsFile,
//! GlobalKnownHostsFile, StrictHostKeyChecking, HostKeyAlias, HashKnownHosts, ConnectTimeout, Include, Host and Match.
//! Refused, since passing them over would connect elsewhere or trust more than asked: ProxyCommand, RevokedHostKeys,
//! and a true VerifyHostKeyDNS. `StrictHostKeyChecking no` records new keys, and like every other value never accepts
//! a changed one. All else is passed over; algorithms, ciphers and user certificates among it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::destination::{Destination, HostKeyPolicy, SshOptions};
use crate::ssh_config::{ConfigError, ConfigFile, Query, Setting, Settings, evaluate};

/// Which ssh-agent to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityAgent {
    None,
    Environment,
    Socket(PathBuf),
}

/// One host on the way, as it will be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// As it was asked for.
    pub(crate) alias: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// Those that somebody named, and else the usual ones.
    pub(crate) identity_files: Vec<PathBuf>,
    /// Whether somebody named them.
    pub(crate) identities_named: bool,
    pub(crate) identities_only: bool,
    pub(crate) identity_agent: IdentityAgent,
    /// The name to look for in known_hosts when it is not the host.
    pub(crate) host_key_alias: Option<String>,
    /// The user's files and the system's.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// Where new keys go: the first of the user's files, never one of the system's.
    pub(crate) new_host_keys: Option<PathBuf>,
    pub(crate) hash_known_hosts: bool,
    pub(crate) policy: HostKeyPolicy,
    pub(crate) connect_timeout: Duration,
    jumps: Vec<Destination>,
}

impl Hop {
    /// `user@host:port`, for messages.
    pub(crate) fn label(&self) -> String {
        format!("{}@{}:{}", self.user, self.host, self.port)
    }
}

/// Who and where we are.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) home: PathBuf,
    pub(crate) local_user: Option<String>,
}

impl Surroundings {
    pub(crate) fn current() -> Result<Self, ConfigError> {
        let named =
            ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
        let local_user = named.or_else(|| rustix::process::getuid().is_root().then(|| "root".to_owned()));
        Ok(Self { home: std::env::home_dir().ok_or(ConfigError::NoHome)?, local_user })
    }
}

/// All hosts to connect to, one through the other, the destination last.
pub(crate) fn resolve(
    destination: &Destination,
    options: &SshOptions,
    surroundings: &Surroundings,
) -> Result<Vec<Hop>, ConfigError> {
    let mut hops = Vec::new();
    add_hops(destination, options, surroundings, &mut Vec::new(), &mut hops)?;
    Ok(hops)
}

fn add_hops(
    destination: &Destination,
    options: &SshOptions,
    surroundings: &Surroundings,
    on_the_way: &mut Vec<String>,
    hops: &mut Vec<Hop>,
) -> Result<(), ConfigError> {
    let hop = one(destination, options, surroundings)?;
    // The host as typed tells hosts apart, as it does for OpenSSH: two aliases may name one machine.
    let name = format!("{}@{}:{}", hop.user, hop.alias, hop.port);
    on_the_way.push(name.clone());
    let mut jumps = hop.jumps.clone();
    if jumps.len() == 1 && names(&jumps[0], options, surroundings)? == name {
        // `Host *` sends the jump host through itself.
        jumps.clear();
    }
    for (index, jump) in jumps.iter().enumerate() {
        if index == 0 {
            let jump_name = names(jump, options, surroundings)?;
            if on_the_way.contains(&jump_name) {
                on_the_way.push(jump_name);
                return Err(ConfigError::JumpLoop(std::mem::take(on_the_way)));
            }
            add_hops(jump, options, surroundings, on_the_way, hops)?;
        } else {
            // The list says what comes before this one, whatever its own ProxyJump.
            hops.push(one(jump, options, surroundings)?);
        }
    }
    hops.push(hop);
    Ok(())
}

fn names(
    jump: &Destination,
    options: &SshOptions,
    surroundings: &Surroundings,
) -> Result<String, ConfigError> {
    let hop = one(jump, options, surroundings)?;
    Ok(format!("{}@{}:{}", hop.user, hop.alias, hop.port))
}

fn files(options: &SshOptions, home: &Path) -> Vec<ConfigFile> {
    let user_base = home.join(".ssh");
    match &options.config_file {
        Some(path) if path.as_os_str() == "none" => Vec::new(),
        Some(path) => vec![ConfigFile { path: path.clone(), include_base: user_base, optional: false }],
        None => vec![
            ConfigFile { path: user_base.join("config"), include_base: user_base, optional: true },
            ConfigFile {
                path: "/etc/ssh/ssh_config".into(),
                include_base: "/etc/ssh".into(),
                optional: true,
            },
        ],
    }
}

fn one(
    destination: &Destination,
    options: &SshOptions,
    surroundings: &Surroundings,
) -> Result<Hop, ConfigError> {
    let home = surroundings.home.as_path();
    let query = Query {
        host: &destination.host,
        user: destination.user.as_deref(),
        local_user: surroundings.local_user.as_deref().unwrap_or_default(),
        home,
    };
    let settings = evaluate(&files(options, home), &query)?;
    refuse_unsupported(&settings)?;

    let alias = destination.host.clone();
    let value = |message: String| ConfigError::Value { host: alias.clone(), message };
    let host = match settings.get("hostname") {
        None => alias.clone(),
        Some(setting) => expand(setting.first(), &[('h', &alias), ('n', &alias)]).map_err(value)?,
    };
    let port = match (destination.port, settings.get("port")) {
        (Some(port), _) => port,
        (None, None) => 22,
        (None, Some(setting)) => match setting.first().parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(setting.syntax(format!("`{}` is no port", setting.first()))),
        },
    };
    let user = destination
        .user
        .clone()
        .or_else(|| settings.get("user").map(|setting| setting.first().to_owned()))
        .or_else(|| surroundings.local_user.clone())
        .ok_or_else(|| ConfigError::NoUser(alias.clone()))?;

    let port_text = port.to_string();
    let local_user = surroundings.local_user.clone().unwrap_or_default();
    let home_text = home.to_string_lossy().into_owned();
    let tokens: [(char, &str); 6] =
        [('h', &host), ('n', &alias), ('r', &user), ('p', &port_text), ('d', &home_text), ('u', &local_user)];
    let path = |text: &str| -> Result<PathBuf, ConfigError> {
        let text = expand(&variables(text).map_err(value)?, &tokens).map_err(value)?;
        in_home(&text, home).map_err(value)
    };

    let mut identity_files = destination.identity_files.clone();
    let mut identities_named = !identity_files.is_empty();
    for setting in &settings.identity_files {
        identities_named = true;
        if !setting.first().eq_ignore_ascii_case("none") {
            let path = path(setting.first())?;
            if !identity_files.contains(&path) {
                identity_files.push(path);
            }
        }
    }
    if !identities_named {
        identity_files =
            ["id_ed25519", "id_ecdsa", "id_rsa"].iter().map(|name| home.join(".ssh").join(name)).collect();
    }

    let identity_agent = match settings.get("identityagent").map(Setting::first) {
        _ if !options.use_ssh_agent => IdentityAgent::None,
        None | Some("SSH_AUTH_SOCK") => IdentityAgent::Environment,
        Some(text) if text.eq_ignore_ascii_case("none") => IdentityAgent::None,
        Some(text) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => IdentityAgent::Socket(std::env::var_os(name).unwrap_or_default().into()),
            None => IdentityAgent::Socket(path(text)?),
        },
    };

    let (known_hosts, new_host_keys) = if let Some(path) = &options.known_hosts {
        (vec![path.clone()], Some(path.clone()))
    } else {
        let named = |keyword: &str, usual: [&str; 2]| -> Result<Vec<PathBuf>, ConfigError> {
            match settings.get(keyword) {
                None => usual.iter().map(|text| path(text)).collect(),
                Some(setting) if setting.first().eq_ignore_ascii_case("none") => Ok(Vec::new()),
                Some(setting) => setting.arguments.iter().map(|text| path(text)).collect(),
            }
        };
        let mut paths = named("userknownhostsfile", ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"])?;
        let new = paths.first().cloned();
        paths.extend(named(
            "globalknownhostsfile",
            ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"],
        )?);
        (paths, new)
    };

    let policy = match (options.host_key_policy, settings.get("stricthostkeychecking")) {
        (Some(policy), _) => policy,
        (None, None) => HostKeyPolicy::Strict,
        (None, Some(setting)) => match setting.first().to_lowercase().as_str() {
            "yes" | "true" | "ask" => HostKeyPolicy::Strict,
            "accept-new" | "no" | "off" | "false" => HostKeyPolicy::AcceptNew,
            other => return Err(setting.syntax(format!("StrictHostKeyChecking cannot be `{other}`"))),
        },
    };

    let connect_timeout = match (options.connect_timeout, settings.unless_none("connecttimeout")) {
        (Some(timeout), _) => timeout,
        (None, None) => Duration::from_secs(10),
        (None, Some(setting)) => duration(setting.first())
            .ok_or_else(|| setting.syntax(format!("`{}` is no time", setting.first())))?,
    };

    let mut jumps = Vec::new();
    if let Some(setting) = settings.unless_none("proxyjump") {
        for text in setting.arguments.join("").split(',') {
            let text = expand(text, &[('h', &host), ('n', &alias), ('r', &user), ('p', &port_text)])
                .map_err(value)?;
            jumps.push(
                Destination::parse_jump(&text).ok_or_else(|| {
                    setting.syntax(format!("ProxyJump: `{text}` is not [user@]host[:port]"))
                })?,
            );
        }
    }

    Ok(Hop {
        host_key_alias: settings.get("hostkeyalias").map(|setting| setting.first().to_owned()),
        hash_known_hosts: yes(&settings, "hashknownhosts"),
        identities_only: yes(&settings, "identitiesonly"),
        alias: destination.host.clone(),
        host,
        port,
        user,
        identity_files,
        identities_named,
        identity_agent,
        known_hosts,
        new_host_keys,
        policy,
        connect_timeout,
        jumps,
    })
}

fn refuse_unsupported(settings: &Settings) -> Result<(), ConfigError> {
    for keyword in ["ProxyCommand", "RevokedHostKeys"] {
        if let Some(setting) = settings.unless_none(&keyword.to_lowercase()) {
            return Err(setting.unsupported(keyword));
        }
    }
    match settings.get("verifyhostkeydns") {
        Some(setting) if setting.first().eq_ignore_ascii_case("yes") => {
            Err(setting.unsupported("VerifyHostKeyDNS"))
        }
        _ => Ok(()),
    }
}

fn yes(settings: &Settings, keyword: &str) -> bool {
    settings
        .get(keyword)
        .is_some_and(|setting| matches!(setting.first().to_lowercase().as_str(), "yes" | "true"))
}

/// Puts in the `%` tokens.
fn expand(text: &str, tokens: &[(char, &str)]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('%') => out.push('%'),
            Some(token) => match tokens.iter().find(|(name, _)| *name == token) {
                Some((_, value)) => out.push_str(value),
                None => return Err(format!("`%{token}` in `{text}` is not supported here")),
            },
            None => return Err(format!("`{text}` ends in the middle of a token")),
        }
    }
    Ok(out)
}

/// Puts in `${VARIABLE}`s.
fn variables(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("`{text}`: a brace is not closed"))?;
        out.push_str(before);
        out.push_str(&std::env::var(name).map_err(|_| format!("`{text}`: the variable {name} is not set"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn in_home(text: &str, home: &Path) -> Result<PathBuf, String> {
    match text.strip_prefix('~') {
        None => Ok(PathBuf::from(text)),
        Some("") => Ok(home.to_owned()),
        Some(rest) => match rest.strip_prefix('/') {
            Some(rest) => Ok(home.join(rest)),
            None => Err(format!("`{text}`: other users' home directories are not supported")),
        },
    }
}

/// `30`, `30s`, `1m30s`, as sshd and ssh write times.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0u64;
    let mut number = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            'w' => 604_800,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    if !number.is_empty() {
        seconds = seconds.checked_add(number.parse().ok()?)?;
    }
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
