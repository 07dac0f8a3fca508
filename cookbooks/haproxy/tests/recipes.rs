//! Facts, attributes and a stack in, the collection out.

use engine_sdk::{
    json,
    testing::{Harness, StackView, instance},
};
use haproxy::RECIPES;

fn harness(online: &[(&str, &str)]) -> Harness {
    let this = instance("lb-1", "192.0.2.11", &["lb"]);
    let apps = online.iter().map(|(name, address)| instance(name, address, &["app"]));
    Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES).stack(StackView {
        name: "demo".into(),
        event: "configure".into(),
        this_instance: this.clone(),
        layers: vec!["lb".into(), "app".into()],
        instances: std::iter::once(this.clone()).chain(apps).collect(),
        apps: vec![],
    })
}

#[test]
fn the_metadata_is_of_this_cookbook() {
    harness(&[]).check_metadata();
}

#[test]
fn install() {
    insta::assert_snapshot!(harness(&[]).run("install").unwrap());
}

#[test]
fn backends_are_the_online_instances_in_stack_order() {
    let harness = harness(&[("app-2", "192.0.2.22"), ("app-1", "192.0.2.21")]);
    insta::assert_snapshot!(harness.run("backends").unwrap());
}

#[test]
fn ports_and_path_come_from_attributes() {
    let attributes = json!({"haproxy": {"port": 8000, "backend_port": 8080, "check_path": "/healthy"}});
    insta::assert_snapshot!(
        harness(&[("app-1", "192.0.2.21")]).attributes(attributes).run("backends").unwrap()
    );
}

#[test]
fn without_an_online_instance_the_answer_is_503() {
    insta::assert_snapshot!(harness(&[]).run("backends").unwrap());
}

#[test]
fn a_layer_that_does_not_exist_is_an_error() {
    let attributes = json!({"haproxy": {"layer": "ap"}});
    insta::assert_snapshot!(harness(&[]).attributes(attributes).run("backends").unwrap_err());
}

#[test]
fn a_check_path_cannot_end_its_line() {
    let attributes = json!({"haproxy": {"check_path": "/\n    server evil 203.0.113.1:80"}});
    insta::assert_snapshot!(harness(&[]).attributes(attributes).run("backends").unwrap_err());
}
