//! Resources that cookbooks make themselves, and components that were built before there were any.

mod support;

use engine_contract::Bundle;
use serde_json::{Value, json};
use support::*;

/// What can be said of the resource of these tests.
fn properties() -> Value {
    json!({
        "root": {"type": "string", "required": true},
        "port": {"type": "integer", "default": 80},
    })
}

/// A cookbook that has a resource `site`, a file at the path.
fn provider(path: &str) -> Guest {
    Guest::new("nginx").recipe("default", |_| "(i32.const 0)".to_owned()).resource(
        "site",
        properties(),
        |g| g.file(path, "server {}") + &g.answer("{\"notify\":\"service[nginx]\"}"),
    )
}

/// A cookbook that declares it.
fn user(name: &str, properties: &str) -> Guest {
    Guest::new("shop")
        .recipe("default", |g| g.custom(name, properties) + &Guest::log_at(68) + "(i32.const 0)")
}

/// The stack has granted the user nothing, and the provider its own directory.
fn granted(provider: &Guest, user: &Guest) -> Kitchen {
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("nginx", &provider.packed(), files(&["/etc/nginx/**"]));
    kitchen.add("shop", &user.packed(), engine_protocol::Grants::default());
    kitchen.load(None).unwrap_or_else(|errors| panic!("{errors:?}"));
    kitchen
}

fn message(provider: &Guest, user: &Guest) -> String {
    granted(provider, user).evaluate(&["shop"]).unwrap_err().message
}

#[test]
fn a_cookbook_declares_its_resource_for_another_under_its_own_grants() {
    let kitchen = granted(&provider("/etc/nginx/shop"), &user("nginx::site", r#"{"root": "/srv"}"#));
    let observed = Observed::default();
    let collection = kitchen.evaluate_with(&["shop"], &observed).unwrap();
    let [file] = collection.resources.as_slice() else { panic!("{:?}", collection.resources) };
    assert_eq!(
        (file.to_string().as_str(), file.origin.to_string().as_str()),
        ("file[/etc/nginx/shop]", "nginx::site")
    );
    assert_eq!(observed.messages(), ["{\"notify\":\"service[nginx]\"}"]);
    // The agent gets the grants of whoever declared something, and no others.
    let granted: Vec<_> = collection.grants.iter().map(|of| (of.cookbook.as_str(), &of.grants)).collect();
    assert_eq!(granted, [("nginx", &files(&["/etc/nginx/**"]))]);
}

#[test]
fn a_resource_that_goes_beyond_its_cookbooks_grants_is_refused() {
    let refused = message(&provider("/etc/passwd"), &user("nginx::site", r#"{"root": "/srv"}"#));
    insta::assert_snapshot!(refused);
}

#[test]
fn what_is_said_of_a_resource_is_checked_before_its_cookbook_sees_it() {
    let provider = provider("/etc/nginx/shop");
    for (name, properties, problem) in [
        ("nginx::site", "{}", "nginx::site: root: it must be given"),
        ("nginx::site", r#"{"rot": 1}"#, "nginx::site: rot: there is no such property; did you mean `root`?"),
        ("nginx::site", r#"{"root": 1}"#, "nginx::site: root: it is 1, but string is wanted"),
        ("nginx::site", "[]", "nginx::site: the properties are [], but an object is wanted"),
        ("nginx::site", "{", "nginx::site: the properties: EOF while parsing"),
        ("nginx::page", "{}", "nginx::page: cookbook `nginx` has no such resource; it has `site`"),
        ("shop::page", "{}", "shop::page: cookbook `shop` has no custom resources"),
        ("apache::site", "{}", "apache::site: the stack has no cookbook `apache`; it has `nginx`, `shop`"),
        ("site", "{}", "site: a custom resource is named with its cookbook, as in `nginx::site`"),
    ] {
        let message = message(&provider, &user(name, properties));
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn an_answer_that_is_no_json_is_an_error() {
    let provider = Guest::new("nginx").recipe("default", |_| "(i32.const 0)".to_owned()).resource(
        "site",
        properties(),
        |g| g.answer("done!"),
    );
    let message = message(&provider, &user("nginx::site", r#"{"root": "/srv"}"#));
    assert!(
        message.contains("nginx::site: its cookbook answered with something that is no JSON"),
        "{message}"
    );
}

#[test]
fn a_resource_that_declares_itself_comes_to_an_end() {
    let provider = Guest::new("nginx").recipe("default", |_| "(i32.const 0)".to_owned()).resource(
        "site",
        properties(),
        |g| g.custom("nginx::site", r#"{"root": "/"}"#) + &g.answer("null"),
    );
    let message = message(&provider, &user("nginx::site", r#"{"root": "/srv"}"#));
    assert!(message.contains("recipes include one another more than 16 deep"), "{message}");
}

#[test]
fn a_resource_that_traps_ends_the_recipe_that_declared_it() {
    let provider = Guest::new("nginx").recipe("default", |_| "(i32.const 0)".to_owned()).resource(
        "site",
        properties(),
        |g| g.answer("null") + "unreachable",
    );
    let message = message(&provider, &user("nginx::site", r#"{"root": "/srv"}"#));
    assert!(message.contains("resource `nginx::site` was ended: it trapped"), "{message}");
}

#[test]
fn metadata_and_component_agree_on_whether_there_are_resources() {
    let mut silent = provider("/etc/nginx/shop");
    let component = silent.component();
    silent.resource = None;
    let unnamed = engine_contract::package::pack(&component, &silent.metadata(), &Bundle::default());
    assert!(unnamed.unwrap_err().to_string().contains("names none under [resources]"));
    let without = silent.component();
    let named = engine_contract::package::pack(&without, &provider("/x").metadata(), &Bundle::default());
    assert!(
        named.unwrap_err().to_string().contains("does not export `engine:cookbook/custom-resources@0.2.0`")
    );
}

/// Kept as it was built when the contract was 0.1.0, from C.
#[test]
fn a_component_of_an_earlier_version_keeps_working() {
    let mut kitchen = Kitchen::new(engine_runtime::EvaluationLimits::default());
    let bytes = include_bytes!("fixtures/written-for-0.1.0.wasm");
    kitchen.add("hello-c", bytes, files(&["/tmp/engine-local-demo/**"]));
    kitchen.load(None).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(kitchen.runtime.cookbook("hello-c").unwrap().package.wit, "0.1.0");
    let collection = kitchen.evaluate(&["hello-c"]).unwrap();
    insta::assert_snapshot!(engine_contract::render::render(&collection));
}

#[test]
fn an_earlier_version_has_no_custom_resources() {
    let old = user("nginx::site", r#"{"root": "/srv"}"#).version("0.1.0");
    let message = load_message(&old.pack_as("web"), everything());
    assert!(message.contains("custom-resource"), "{message}");
    let good = Guest::new("web").version("0.1.0").recipe("default", |g| g.file("/a", "b") + "(i32.const 0)");
    assert_eq!(evaluate(&good).unwrap().resources.len(), 1);
}
