//! Facts, attributes and a stack in, the collection out.

use engine_sdk::{
    json,
    testing::{Harness, StackView, app, debian, instance},
};
use nginx::RECIPES;

fn harness() -> Harness {
    let this = instance("app-1", "192.0.2.21", &["app"]);
    Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES).stack(StackView {
        name: "demo".into(),
        event: "deploy".into(),
        this_instance: this.clone(),
        layers: vec!["lb".into(), "app".into()],
        instances: vec![instance("lb-1", "192.0.2.11", &["lb"]), this],
        apps: vec![
            app("site", &["app"], json!({"title": "Tom & Jerry", "port": 8080})),
            app("blog", &["app"], json!({"server_name": "blog.example.org"})),
        ],
    })
}

#[test]
fn the_metadata_is_of_this_cookbook() {
    harness().check_metadata();
}

#[test]
fn install() {
    insta::assert_snapshot!(harness().run("install").unwrap());
}

#[test]
fn install_takes_another_package() {
    let evaluation =
        harness().attributes(json!({"nginx": {"package": "nginx-full"}})).run("install").unwrap();
    assert_eq!(evaluation.collection.resources[0].to_string(), "package[nginx-full]");
}

#[test]
fn site_serves_each_app_with_the_servers_own_name() {
    insta::assert_snapshot!(harness().run("site").unwrap());
}

#[test]
fn remove_deletes_what_site_made() {
    insta::assert_snapshot!(harness().run("remove").unwrap());
}

#[test]
fn a_server_name_cannot_end_its_directive() {
    let stack = StackView {
        apps: vec![app("site", &[], json!({"server_name": "x; include /etc/shadow"}))],
        ..StackView::default()
    };
    insta::assert_snapshot!(harness().stack(stack).run("site").unwrap_err());
}

#[test]
fn other_distributions_are_refused() {
    let mut facts = debian();
    facts.platform.family = "rhel".into();
    insta::assert_snapshot!(harness().facts(facts).run("install").unwrap_err());
}

#[test]
fn without_a_grant_nothing_is_declared() {
    let mut grants = harness().metadata().capabilities.clone();
    grants.files = vec!["/etc/nginx/**".into()];
    insta::assert_snapshot!(harness().grants(grants).run("site").unwrap_err());
}
