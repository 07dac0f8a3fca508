//! Who may log in: accounts, SSH keys and sudo, as the stack file says.
//!
//! The node's own group `engine` remembers whose accounts engine made, as OpsWorks had a group of its own. Such an
//! account that the stack file does not have any more, or not for this instance, is locked out: no key, no password, no
//! shell, no sudo. It is not deleted, so its files stay somebody's and its number goes to nobody else.
//!
//! An account that somebody else made gets the keys and sudo that the file says, and is not put into the group. So
//! engine never locks out who was there before, unless it is told to by `remove`.

use engine_contract::Value;
use engine_model::{Command, Connection, User};
use engine_protocol::{Action, Facts, facts, resource::Guard};

use super::{BuiltInResource, Situation};

/// The group of the accounts that engine made.
const GROUP: &str = "engine";

/// Comes with sudo, whatever its package.
const VISUDO: &str = "/usr/sbin/visudo";

/// Where the topic's resources come from.
const RECIPE: &str = "users";

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let concerned = matches!(situation.command, Command::Setup | Command::Configure);
    if !concerned || !situation.stack.built_in.users {
        return Vec::new();
    }
    let node = Accounts { facts: situation.facts };
    let users = &situation.stack.users;
    let (here, elsewhere): (Vec<&User>, Vec<&User>) =
        users.iter().partition(|user| user.belongs_on(&situation.instance.layers));
    let mut resources = Vec::new();
    if here.iter().any(|user| node.is_made_by_engine(user.name.as_str())) {
        resources
            .push(BuiltInResource::new(RECIPE, "group").named(GROUP).with("system", Value::Boolean(true)));
    }
    if here.iter().any(|user| user.sudo) && situation.facts.package_manager != "unknown" {
        let sudo = BuiltInResource::new(RECIPE, "package").listing(vec!["sudo".to_owned()]);
        // It may be there by another package, which this one would replace.
        resources.push(sudo.not_if(Guard::PathExists { path: VISUDO.to_owned() }));
    }
    resources.extend(here.iter().flat_map(|user| present(user, &node)));
    let told = elsewhere.iter().filter(|user| user.remove).map(|user| user.name.as_str());
    let mut unwanted: Vec<&str> = told.chain(node.made_by_engine()).collect();
    unwanted.sort_unstable();
    unwanted.dedup();
    let unwanted = unwanted.into_iter().filter(|name| here.iter().all(|user| user.name.as_str() != *name));
    // Nobody locks out engine itself.
    let unwanted = unwanted.filter(|name| login(situation) != Some(name));
    let accounts = unwanted.filter_map(|name| node.account(name)).filter(|account| account.uid != 0);
    resources.extend(accounts.flat_map(|account| locked_out(account, situation.facts)));
    resources
}

/// Whom engine logs in as, where the stack file says it.
fn login<'a>(situation: &Situation<'a>) -> Option<&'a str> {
    let user = match &situation.instance.connection {
        Connection::Ssh { user, .. } => user.as_ref(),
        Connection::Local => None,
    };
    user.or(situation.stack.ssh.user.as_ref()).map(String::as_str)
}

/// The accounts of the node.
struct Accounts<'a> {
    facts: &'a Facts,
}

impl<'a> Accounts<'a> {
    fn account(&self, name: &str) -> Option<&'a facts::User> {
        self.facts.users.iter().find(|account| account.name == name)
    }

    /// Those that engine made earlier and that are still there.
    fn made_by_engine(&self) -> impl Iterator<Item = &'a str> {
        let group = self.facts.groups.iter().find(|group| group.name == GROUP);
        let members = group.into_iter().flat_map(|group| &group.members).map(String::as_str);
        let accounts = &self.facts.users;
        members.filter(move |name| accounts.iter().any(|account| account.name == *name))
    }

    /// Whether it is engine that made it, or that will.
    fn is_made_by_engine(&self, name: &str) -> bool {
        self.account(name).is_none() || self.made_by_engine().any(|member| member == name)
    }
}

/// An account with its keys and sudo.
fn present(user: &User, node: &Accounts<'_>) -> Vec<BuiltInResource> {
    let name = user.name.as_str();
    let ours = node.is_made_by_engine(name);
    let mut groups = user.groups.clone();
    if ours {
        groups.push(GROUP.to_owned());
    }
    let mut account =
        BuiltInResource::new(RECIPE, "user").named(name).with("manage_home", Value::Boolean(true));
    if !groups.is_empty() {
        account = account.with("groups", Value::TextList(groups));
    }
    if let Some(uid) = user.uid {
        account = account.with("uid", Value::Integer(uid.into()));
    }
    if let Some(shell) = user.shell.clone().or_else(|| shell_to_give(name, ours, node)) {
        account = account.with("shell", Value::Text(shell));
    }
    let mut resources = vec![account];
    if ours || !user.ssh_keys.is_empty() {
        let keys = Value::TextList(user.ssh_keys.clone());
        let keys = BuiltInResource::new(RECIPE, "authorized_keys").named(name).with("keys", keys);
        // Who was there before keeps the keys that somebody else put there.
        resources.push(keys.with("exclusive", Value::Boolean(ours)));
    }
    resources.push(if user.sudo { sudo(name) } else { no_sudo(name) });
    resources
}

/// The shell of an account that has none yet. Who chose another one by themselves keeps it.
fn shell_to_give(name: &str, ours: bool, node: &Accounts<'_>) -> Option<String> {
    let locked = |account: &facts::User| account.shell == no_shell(node.facts);
    let needed = ours && node.account(name).is_none_or(locked);
    let shell = if node.facts.platform.family == "alpine" { "/bin/ash" } else { "/bin/bash" };
    needed.then(|| shell.to_owned())
}

/// The shell that lets nobody in.
fn no_shell(facts: &Facts) -> &'static str {
    if facts.platform.family == "alpine" { "/sbin/nologin" } else { "/usr/sbin/nologin" }
}

fn sudo(name: &str) -> BuiltInResource {
    BuiltInResource::new(RECIPE, "sudoers")
        .named(&format!("engine-{name}"))
        .with("users", Value::TextList(vec![name.to_owned()]))
        .with("nopasswd", Value::Boolean(true))
}

fn no_sudo(name: &str) -> BuiltInResource {
    BuiltInResource::new(RECIPE, "sudoers").named(&format!("engine-{name}")).action(Action::Delete)
}

/// An account that nobody gets into any more. sudo goes first: what follows may fail.
fn locked_out(account: &facts::User, facts: &Facts) -> [BuiltInResource; 3] {
    let name = account.name.as_str();
    let locked = BuiltInResource::new(RECIPE, "user")
        .named(name)
        .with("shell", Value::Text(no_shell(facts).to_owned()))
        .action(Action::Create)
        .action(Action::Lock);
    let no_keys = BuiltInResource::new(RECIPE, "authorized_keys")
        .named(name)
        .with("keys", Value::TextList(Vec::new()))
        .with("exclusive", Value::Boolean(true))
        .only_if(Guard::PathExists { path: account.home.clone() });
    [no_sudo(name), locked, no_keys]
}
