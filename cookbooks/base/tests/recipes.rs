//! Facts, attributes and a stack in, the collection out.

use base::RECIPES;
use engine_sdk::{
    json,
    testing::{Harness, StackView, instance},
};

fn harness() -> Harness {
    let app = instance("app-1", "192.0.2.21", &["app"]);
    Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES).stack(StackView {
        name: "demo".into(),
        event: "configure".into(),
        this_instance: app.clone(),
        layers: vec!["lb".into(), "app".into()],
        instances: vec![
            instance("lb-1", "192.0.2.11", &["lb"]),
            app,
            instance("legacy", "legacy.example.org", &["app"]),
        ],
        apps: vec![],
    })
}

#[test]
fn the_metadata_is_of_this_cookbook() {
    harness().check_metadata();
}

#[test]
fn without_attributes_there_is_only_the_message_of_the_day() {
    insta::assert_snapshot!(harness().run("default").unwrap());
}

#[test]
fn packages_and_users_come_from_attributes() {
    let attributes = json!({"base": {
        "packages": ["curl", "vim"],
        "motd": "Be careful.\n",
        "users": [
            {"name": "alice", "comment": "Alice", "shell": "/bin/bash", "groups": ["sudo"],
             "ssh_keys": ["ssh-ed25519 AAAA alice@one", "ssh-ed25519 BBBB alice@two\n"]},
            {"name": "bob", "home": "/home/b/bob", "group": "users", "ssh_keys": ["ssh-ed25519 CCCC"]},
            {"name": "carol"},
        ],
    }});
    insta::assert_snapshot!(harness().attributes(attributes).run("default").unwrap());
}

#[test]
fn a_misspelt_key_of_a_user_is_an_error() {
    let attributes = json!({"base": {"users": [{"name": "alice", "keys": []}]}});
    insta::assert_snapshot!(harness().attributes(attributes).run("default").unwrap_err());
}

#[test]
fn hosts_lists_all_online_instances() {
    insta::assert_snapshot!(harness().run("hosts").unwrap());
}

#[test]
fn an_instance_that_is_not_online_yet_knows_itself() {
    let harness = Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES);
    insta::assert_snapshot!(
        harness.attributes(json!({"base": {"domain": "example.org"}})).run("hosts").unwrap()
    );
}

#[test]
fn without_an_address_the_own_name_is_at_loopback() {
    let harness = Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES).stack(StackView {
        name: "demo".into(),
        event: "configure".into(),
        this_instance: instance("legacy", "legacy.example.org", &[]),
        ..StackView::default()
    });
    insta::assert_snapshot!(harness.run("hosts").unwrap());
}
