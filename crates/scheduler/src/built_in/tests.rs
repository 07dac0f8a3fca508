use engine_model::{BuiltInSettings, Connection, Layer, User};
use engine_protocol::facts;

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJRm2x4kVJp4tHqMlwsfFI9XoWDiGtf5MsxLUP/hkgFr alice";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn instance(text: &str, layers: &[&str]) -> Instance {
    Instance {
        name: name(text),
        layers: layers.iter().map(|layer| name(layer)).collect(),
        connection: Connection::Ssh { host: text.to_owned(), user: None, port: None, identity_file: None },
        address: text.to_owned(),
        hostname: text.to_owned(),
        registered: false,
    }
}

fn stack() -> Stack {
    Stack {
        built_in: BuiltInSettings::NONE,
        layers: vec![Layer::new(name("lb")), Layer::new(name("app"))],
        instances: vec![instance("lb-1", &["lb"]), instance("both", &["lb", "app"])],
        ..Stack::new(name("demo"))
    }
}

/// What updates are, a reboot with them where it is allowed.
const UPDATES: &str = "updates: package_update\n\
    updates: reboot[updates] reason=packages need it if_needed=true -> request_reboot";

/// What is declared, a line each, for reading.
fn script(stack: &Stack, instance: &str, command: Command, online: &[&str], facts: &Facts) -> String {
    let online: Vec<Name> = online.iter().map(|text| name(text)).collect();
    let instance = stack.instance(&name(instance)).unwrap();
    let lines: Vec<String> =
        resources(&Situation { stack, instance, command, online: &online, facts, allow_reboot: true })
            .into_iter()
            .map(|resource| {
                let mut words = vec![format!("{}: {resource}", resource.recipe)];
                words.extend(
                    resource.properties.iter().map(|(name, value)| format!("{name}={}", said(value))),
                );
                words.extend(resource.only_if.iter().map(|guard| format!("only_if={}", condition(guard))));
                words.extend(resource.not_if.iter().map(|guard| format!("not_if={}", condition(guard))));
                words.extend(resource.actions.iter().map(|action| format!("-> {}", action.name())));
                words.join(" ")
            })
            .collect();
    lines.join("\n")
}

fn said(value: &Value) -> String {
    match value {
        Value::Text(text) if text.contains('\n') => format!("{text:?}"),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::TextList(texts) => texts.join(", "),
        other => format!("{other:?}"),
    }
}

fn condition(guard: &Guard) -> String {
    match guard {
        Guard::Command { argv } => argv.join(" "),
        Guard::PackageInstalled { name } => format!("installed:{name}"),
        Guard::PathExists { path } => path.clone(),
        other => format!("{other:?}"),
    }
}

/// A Debian machine as a cloud gives it.
fn debian() -> Facts {
    Facts {
        platform: facts::Platform { name: "debian".into(), family: "debian".into(), ..Default::default() },
        virtualization: "kvm".into(),
        init_system: "systemd".into(),
        package_manager: "apt".into(),
        ..Facts::default()
    }
}

/// The same with these accounts, the marked ones made by engine.
fn with_accounts(accounts: &[(&str, bool)]) -> Facts {
    let user = |uid: u32, name: &str| facts::User {
        name: name.to_owned(),
        uid,
        gid: uid,
        home: format!("/home/{name}"),
        shell: "/bin/zsh".to_owned(),
    };
    let ours = accounts.iter().filter(|(_, ours)| *ours).map(|(name, _)| (*name).to_owned());
    let group = facts::Group { name: "engine".into(), gid: 999, members: ours.collect() };
    let users = (1000..).zip(accounts).map(|(uid, (name, _))| user(uid, name)).collect();
    Facts { users, groups: vec![group], ..debian() }
}

fn with_users(users: Vec<User>) -> Stack {
    let built_in = BuiltInSettings { users: true, ..BuiltInSettings::NONE };
    Stack { users, built_in, update_on_setup: false, ..stack() }
}

fn alice() -> User {
    User { ssh_keys: vec![KEY.to_owned()], ..User::new(name("alice")) }
}

#[test]
fn updates_are_installed_at_setup_unless_a_layer_says_otherwise() {
    let mut stack = stack();
    let on = |stack: &Stack, instance, command| script(stack, instance, command, &[], &Facts::default());
    assert_eq!(on(&stack, "both", Command::Setup), "updates: package_update");
    assert_eq!(on(&stack, "both", Command::UpdateDependencies), UPDATES);
    assert_eq!(on(&stack, "both", Command::Deploy), "");
    stack.layers[1].update_on_setup = Some(false);
    assert_eq!(on(&stack, "lb-1", Command::Setup), "updates: package_update");
    assert_eq!(on(&stack, "both", Command::Setup), "");
    stack.update_on_setup = false;
    assert_eq!(on(&stack, "lb-1", Command::Setup), "");
    assert_eq!(on(&stack, "both", Command::UpdateDependencies), UPDATES);
}

#[test]
fn a_machine_of_the_stack_gets_all_at_setup_in_this_order() {
    let mut stack = stack();
    stack.built_in = BuiltInSettings::default();
    stack.instances[0].address = "10.0.0.1".to_owned();
    stack.packages = vec!["git".parse().unwrap()];
    stack.users = vec![User { sudo: true, ..alice() }];
    insta::assert_snapshot!(script(&stack, "lb-1", Command::Setup, &[], &debian()));
}

#[test]
fn a_machine_that_was_handed_over_gets_only_what_is_asked_for() {
    let mut stack = stack();
    stack.update_on_setup = false;
    stack.built_in = BuiltInSettings::default();
    stack.instances[0].address = "10.0.0.1".to_owned();
    let on = |stack: &Stack, facts: &Facts| script(stack, "lb-1", Command::Setup, &[], facts);
    assert_eq!(on(&stack, &debian()).lines().count(), 4);
    let not_root = Facts { user_id: 1000, ..debian() };
    assert_eq!(on(&stack, &not_root), "");
    stack.instances[0].registered = true;
    assert_eq!(on(&stack, &debian()), "");
    (stack.instances[0].registered, stack.instances[0].connection) = (false, Connection::Local);
    assert_eq!(on(&stack, &debian()), "");
    stack.built_in.hostname = Some(true);
    assert_eq!(on(&stack, &debian()), "hostname: hostname[lb-1]");
}

#[test]
fn containers_keep_what_is_not_theirs_to_change() {
    let mut stack = stack();
    stack.update_on_setup = false;
    stack.built_in = BuiltInSettings::default();
    stack.instances[0].address = "10.0.0.1".to_owned();
    let on = |stack: &Stack, virtualization: &str| {
        let facts = Facts { virtualization: virtualization.to_owned(), ..debian() };
        let text = script(stack, "lb-1", Command::Setup, &[], &facts);
        let mut topics: Vec<String> =
            text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect();
        topics.dedup();
        topics.join(", ")
    };
    assert_eq!(on(&stack, "none"), "hostname, hosts, time_sync");
    assert_eq!(on(&stack, "systemd-nspawn"), "hostname, hosts");
    assert_eq!(on(&stack, "docker"), "");
    stack.built_in.time_sync = Some(true);
    assert_eq!(on(&stack, "docker"), "time_sync");
}

#[test]
fn hosts_are_those_online_and_the_machine_itself() {
    let mut stack = stack();
    stack.built_in.hosts = Some(true);
    stack.instances.push(instance("far", &["app"]));
    stack.instances.push(instance("here", &["app"]));
    for (index, address) in ["10.0.0.1", "fd00::2", "far.example.net", "127.0.0.1"].iter().enumerate() {
        (*address).clone_into(&mut stack.instances[index].address);
    }
    stack.instances[1].hostname = "both.example.net".to_owned();
    let on = |online: &[&str]| script(&stack, "lb-1", Command::Configure, online, &debian());
    insta::assert_snapshot!(on(&["lb-1", "both", "far", "here"]), @r#"hosts: block_in_file[hosts] path=/etc/hosts content="10.0.0.1 lb-1\nfd00::2 both.example.net both\n""#);
    insta::assert_snapshot!(on(&["lb-1"]), @r#"hosts: block_in_file[hosts] path=/etc/hosts content="10.0.0.1 lb-1\n""#);
    // Whose own address is no literal knows the others alone, and takes the block away when they are gone.
    insta::assert_snapshot!(
        script(&stack, "far", Command::Configure, &["far"], &debian()),
        @"hosts: block_in_file[hosts] path=/etc/hosts -> delete"
    );
    assert_eq!(script(&stack, "lb-1", Command::Deploy, &["lb-1"], &debian()), "");
    // Nobody else is `localhost`.
    "localhost".clone_into(&mut stack.instances[0].hostname);
    let text = script(&stack, "lb-1", Command::Configure, &[], &debian());
    assert!(text.contains("10.0.0.1 lb-1") && !text.contains("localhost"), "{text}");
}

#[test]
fn listed_packages_come_once_and_the_last_word_counts() {
    let mut stack = Stack { update_on_setup: false, ..stack() };
    stack.built_in.packages = true;
    let packages = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    stack.packages = packages(&["git", "curl=1", "jq"]);
    stack.layers[0].packages = packages(&["haproxy", "git=2"]);
    stack.layers[1].packages = packages(&["curl", "git=3"]);
    let on = |stack: &Stack, instance, command| script(stack, instance, command, &[], &debian());
    insta::assert_snapshot!(on(&stack, "lb-1", Command::Setup), @r"
    packages: package[jq, haproxy]
    packages: package[git] version=2
    packages: package[curl] version=1
    ");
    insta::assert_snapshot!(on(&stack, "both", Command::InstallDependencies), @r"
    packages: package[curl, jq, haproxy]
    packages: package[git] version=3
    ");
    assert_eq!(on(&stack, "both", Command::Configure), "");
    stack.built_in.packages = false;
    assert_eq!(on(&stack, "both", Command::Setup), "");
    assert_ne!(on(&stack, "both", Command::InstallDependencies), "");
}

#[test]
fn a_new_account_is_engines_and_stays_it() {
    let stack = with_users(vec![User { uid: Some(3000), groups: vec!["adm".into()], ..alice() }]);
    insta::assert_snapshot!(script(&stack, "lb-1", Command::Setup, &[], &debian()));
    // Once it is there, the user may choose the shell; all else is kept.
    insta::assert_snapshot!(script(
        &stack,
        "lb-1",
        Command::Configure,
        &[],
        &with_accounts(&[("alice", true)])
    ));
    assert_eq!(script(&stack, "lb-1", Command::Deploy, &[], &debian()), "");
}

#[test]
fn an_account_of_somebody_else_gets_keys_and_sudo_and_keeps_its_own() {
    let stack = with_users(vec![User { sudo: true, ..alice() }]);
    insta::assert_snapshot!(script(
        &stack,
        "lb-1",
        Command::Configure,
        &[],
        &with_accounts(&[("alice", false)])
    ));
    let gone = with_users(Vec::new());
    assert_eq!(script(&gone, "lb-1", Command::Configure, &[], &with_accounts(&[("alice", false)])), "");
}

#[test]
fn who_is_taken_off_the_file_is_locked_out() {
    let node = with_accounts(&[("admin", false), ("alice", true), ("bob", true)]);
    let stack = with_users(vec![User { layers: Some(vec![name("app")]), ..alice() }]);
    // alice is of another layer there, bob is not in the file at all.
    insta::assert_snapshot!(script(&stack, "lb-1", Command::Configure, &[], &node));
    let removed = with_users(vec![
        User { remove: true, ..User::new(name("admin")) },
        User { remove: true, ..User::new(name("nobody-knows")) },
    ]);
    let node = with_accounts(&[("admin", false)]);
    let locked = script(&removed, "lb-1", Command::Configure, &[], &node);
    assert!(locked.contains("user[admin] shell=/usr/sbin/nologin -> create -> lock"), "{locked}");
    assert!(!locked.contains("nobody-knows"), "{locked}");
}

#[test]
fn engine_does_not_lock_itself_out() {
    let node = with_accounts(&[("deploy", true), ("root", true)]);
    let mut stack = with_users(vec![User { remove: true, ..User::new(name("deploy")) }]);
    stack.ssh.user = Some("deploy".to_owned());
    let mut root = node.clone();
    root.users[1].uid = 0;
    assert_eq!(script(&stack, "lb-1", Command::Configure, &[], &root), "");
    stack.ssh.user = None;
    assert_ne!(script(&stack, "lb-1", Command::Configure, &[], &root), "");
    stack.built_in.users = false;
    assert_eq!(script(&stack, "lb-1", Command::Configure, &[], &root), "");
}

#[test]
fn the_clock_is_kept_by_what_the_distribution_takes_for_it() {
    let mut stack = Stack { update_on_setup: false, ..stack() };
    stack.built_in.time_sync = Some(true);
    let service = |family: &str, name: &str, version: &str, init_system: &str| {
        let mut facts = Facts { init_system: init_system.to_owned(), ..debian() };
        facts.platform = facts::Platform {
            name: name.to_owned(),
            family: family.to_owned(),
            version: version.to_owned(),
            ..Default::default()
        };
        let text = script(&stack, "lb-1", Command::Setup, &[], &facts);
        let line = text.lines().last().unwrap_or_default().to_owned();
        line.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(service("debian", "debian", "12", "systemd"), "service[systemd-timesyncd]");
    assert_eq!(service("debian", "debian", "12", "sysvinit"), "service[chrony]");
    assert_eq!(service("debian", "ubuntu", "24.04", "systemd"), "service[systemd-timesyncd]");
    assert_eq!(service("debian", "ubuntu", "25.10", "systemd"), "service[chrony]");
    assert_eq!(service("rhel", "amzn", "2023", "systemd"), "service[chronyd]");
    assert_eq!(service("alpine", "alpine", "3.20", "openrc"), "service[chronyd]");
    assert_eq!(service("arch", "arch", "", "systemd"), "service[systemd-timesyncd]");
    assert_eq!(service("void", "void", "", "unknown"), "");
}
