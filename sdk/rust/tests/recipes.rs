//! Recipes that use all of the SDK, evaluated natively.

use std::{collections::HashMap, path::Path};

use engine_sdk::{
    Value,
    prelude::*,
    testing::{Grants, Harness, StackView, app, instance},
};

engine_sdk::cookbook! { recipes: [everything, common, seen, stages, wrong] }

/// Every type, and every property of it.
#[recipe]
fn everything(ctx: &mut Context) -> Result<()> {
    ctx.package(["nginx", "curl"]).action(Action::Upgrade).declare()?;
    ctx.package("git").version("1:2.39").declare()?;
    ctx.package_update().declare()?;
    ctx.file("/srv/text").content("one\ntwo").owner("root").group("0").mode("0600").declare()?;
    ctx.file("/srv/bytes").content_bytes([0, 159]).declare()?;
    ctx.file("/srv/empty").action(Action::CreateIfMissing).declare()?;
    ctx.template("/srv/conf")
        .source("conf")
        .variables(&json!({"greeting": "hi"}))
        .owner("www-data")
        .group("www-data")
        .mode("0640")
        .declare()?;
    ctx.cookbook_file("/srv/blob").source("blob").owner("root").group("root").mode("0644").declare()?;
    ctx.directory("/srv/tree").recursive(true).owner("root").group("root").mode("01777").declare()?;
    ctx.link("/srv/link").to("text").declare()?;
    ctx.service("nginx").action([Action::Enable, Action::Start]).declare()?;
    ctx.user("alice")
        .uid(1000)
        .group("users")
        .groups(["sudo", "adm"])
        .comment("Alice")
        .home("/srv/alice")
        .shell("/bin/sh")
        .manage_home(true)
        .system(false)
        .declare()?;
    ctx.group("team").gid(2000).members(vec!["alice".to_owned()]).system(true).declare()?;
    ctx.execute(["make", "install"])
        .creates("/srv/made")
        .cwd("/srv")
        .environment([("A", "1"), ("B", "2")])
        .user("nobody")
        .timeout(60)
        .returns([0, 3])
        .declare()?;
    Ok(())
}

/// What all resources have.
#[recipe]
fn common(ctx: &mut Context) -> Result<()> {
    let service = ctx.service("nginx").declare()?;
    let file = ctx
        .file("/srv/a")
        .notifies(Action::Restart, &service, Timing::Delayed)
        .notifies(Action::Run, "execute[make all]", Timing::Immediately)
        .only_if(ctx.path_exists("/srv/present"))
        .not_if(ctx.command_succeeds(["true"]))
        .retries(3)
        .retry_delay(10)
        .sensitive(true)
        .ignore_failure(true)
        .declare()?;
    ctx.execute(["make", "all"])
        .action(Action::Nothing)
        .subscribes(Action::Run, &file, Timing::Before)
        .subscribes(Action::Run, "file[/srv/a]", Timing::Delayed)
        .declare()?;
    Ok(())
}

/// What a recipe can see, said as log messages.
#[recipe]
fn seen(ctx: &mut Context) -> Result<()> {
    let facts = ctx.facts();
    ctx.info(format!(
        "{} {} {} {} {} {} {} {} {} {} {} {:?}",
        facts.hostname(),
        facts.fqdn(),
        facts.platform(),
        facts.platform_family(),
        facts.platform_version(),
        facts.kernel_release(),
        facts.architecture(),
        facts.cpu_count(),
        facts.memory_bytes(),
        facts.init_system(),
        facts.package_manager(),
        facts.addresses(),
    ));
    assert!(facts.json().contains("\"codename\":\"bookworm\""));

    let port: u16 = ctx.require("sample.port")?;
    let names: Vec<String> = ctx.require("sample.names")?;
    let absent: Option<bool> = ctx.attribute("sample.absent")?;
    let all: Value = ctx.require("")?;
    ctx.info(format!("{port} {names:?} {absent:?} {all}"));

    let stack = ctx.stack();
    ctx.warn(format!("{} {} {}", stack.name(), stack.event(), stack.this_instance().address));
    for layer in stack.layers() {
        let names: Vec<_> = layer.instances.iter().map(|instance| instance.name.as_str()).collect();
        ctx.debug(format!("{}: {names:?}", layer.name));
    }
    assert_eq!(stack.layer("app").map(|layer| layer.instances.len()), Some(1));
    assert_eq!(stack.layer("nobody"), None);
    assert_eq!(stack.instances().len(), 2);
    for app in stack.apps() {
        let port: Option<u16> = app.attribute("http.port")?;
        let other: Option<String> = app.attribute("http.name")?;
        ctx.debug(format!("{} {:?} {port:?} {other:?}", app.name, app.layers));
    }
    ctx.include_recipe("sample::stages")?;
    ctx.include_recipe("sample::stages")?;
    ctx.include_recipe("base")?;
    Ok(())
}

/// Two batches.
#[recipe]
fn stages(ctx: &mut Context) -> Result<()> {
    ctx.file("/srv/first").declare()?;
    ctx.checkpoint()?;
    ctx.file("/srv/second").declare()?;
    Ok(())
}

/// Problems, each of its own kind.
#[recipe]
fn wrong(ctx: &mut Context) -> Result<()> {
    ctx.file("/srv/../etc/shadow").mode("0999").declare()?;
    ctx.file("/srv/x").mode("0999").declare()?;
    ctx.file("/etc/passwd").declare()?;
    ctx.file("/srv/y").notifies(Action::Reload, "service[ngnix]", Timing::Delayed).declare()?;
    ctx.service("nginx").declare()?;
    ctx.template("/srv/t").source("cnof").declare()?;
    Ok(())
}

fn harness() -> Harness {
    let this = instance("app-1", "192.0.2.21", &["app"]);
    Harness::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cookbook"), RECIPES).stack(StackView {
        name: "demo".into(),
        event: "deploy".into(),
        this_instance: this.clone(),
        layers: vec!["lb".into(), "app".into()],
        instances: vec![instance("lb-1", "192.0.2.11", &["lb"]), this],
        apps: vec![app("site", &["app"], json!({"http": {"port": 8080}}))],
    })
}

fn evaluate(recipe: engine_sdk::RecipeFunction) -> Result<String, String> {
    // One recipe under the name of another: a static list for each test would say less.
    let recipes = Box::leak(Box::new([engine_sdk::Recipe { name: "wrong", run: recipe }]));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cookbook");
    let harness = Harness::new(directory, recipes);
    harness.run("wrong").map(|evaluation| evaluation.to_string()).map_err(|failure| failure.to_string())
}

#[test]
fn the_metadata_is_of_this_cookbook() {
    harness().check_metadata();
}

#[test]
#[should_panic(expected = "recipes of the cookbook")]
fn a_recipe_without_metadata_is_found() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cookbook");
    Harness::new(directory, &RECIPES[1..]).check_metadata();
}

#[test]
fn every_type_and_property() {
    insta::assert_snapshot!(harness().run("everything").unwrap());
}

#[test]
fn what_all_resources_have() {
    insta::assert_snapshot!(harness().run("common").unwrap());
}

#[test]
fn everything_that_is_to_be_seen() {
    let evaluation = harness().attributes(json!({"sample": {"port": 8080}})).run("seen").unwrap();
    insta::assert_snapshot!(evaluation);
    assert_eq!(evaluation.checkpoints, [1]);
}

#[test]
fn all_problems_are_reported() {
    insta::assert_snapshot!(harness().run("wrong").unwrap_err());
}

#[test]
fn nothing_is_granted_that_is_not_asked_for() {
    insta::assert_snapshot!(harness().grants(Grants::default()).run("stages").unwrap_err());
}

#[test]
fn attributes_have_the_declared_types() {
    let failure = harness().attributes(json!({"sample": {"port": "80"}})).run("seen").unwrap_err();
    insta::assert_snapshot!(failure);
}

#[test]
fn a_recipe_that_does_not_exist_is_an_error() {
    insta::assert_snapshot!(harness().run("evrything").unwrap_err());
}

#[test]
fn an_action_of_another_type_is_an_error_of_the_declaration() {
    insta::assert_snapshot!(
        evaluate(|ctx| ctx.file("/srv/a").action(Action::Restart).declare().map(drop)).unwrap_err()
    );
}

#[test]
fn a_missing_and_a_misfitting_attribute_are_named() {
    insta::assert_snapshot!(evaluate(|ctx| ctx.require::<u16>("sample.none").map(drop)).unwrap_err());
    insta::assert_snapshot!(evaluate(|ctx| ctx.require::<bool>("sample.port").map(drop)).unwrap_err());
}

#[test]
fn a_guard_that_is_not_allowed_fails_where_it_is_used() {
    insta::assert_snapshot!(
        evaluate(|ctx| {
            let guard = ctx.path_exists("relative");
            ctx.file("/srv/a").only_if(guard).declare().map(drop)
        })
        .unwrap_err()
    );
}

#[test]
fn variables_are_the_same_whatever_they_were_kept_in() {
    let names = ["greeting", "z", "y", "x", "w", "v"];
    let variables: HashMap<&str, &str> = names.iter().map(|name| (*name, "x")).collect();
    let rendered = serde_json::to_value(&variables).unwrap().to_string();
    let mut sorted = names;
    sorted.sort_unstable();
    let positions: Vec<_> = sorted.iter().map(|name| rendered.find(&format!("\"{name}\":"))).collect();
    assert!(positions.is_sorted());
    evaluate(|ctx| {
        let variables = HashMap::from([("greeting", "hi"), ("more", "x")]);
        ctx.template("/srv/t").source("conf").variables(&variables).declare().map(drop)
    })
    .unwrap();
}

#[test]
fn what_serde_cannot_serialize_is_an_error_of_the_declaration() {
    let error = evaluate(|ctx| {
        let keys_that_json_has_not = std::collections::BTreeMap::from([(vec![1], 1)]);
        ctx.template("/srv/t").source("conf").variables(&keys_that_json_has_not).declare().map(drop)
    });
    insta::assert_snapshot!(error.unwrap_err());
}
