//! What good recipes give.

mod support;

use engine_protocol::{Spec, resource::Timing};
use engine_scheduler::ports::LogLevel;
use serde_json::json;
use support::*;

#[test]
fn a_file_notifies_a_service_by_name() {
    let guest = Guest::new("web").recipe("default", |g| {
        g.file("/etc/motd", "hello")
            + &g.set("file.mode", "0640")
            + "(local.set $d (call $file.declaration (local.get $h)))"
            + &{
                let (action, target) = (g.s("restart"), g.s("service[nginx]"));
                attempt("notifies", &format!("(local.get $d) {action} {target} (i32.const 2)"))
            }
            + &g.declare("service", "nginx")
            + "(i32.const 0)"
    });
    let collection = evaluate(&guest).unwrap();
    let [file, service] = collection.resources.as_slice() else { panic!("{collection:?}") };
    assert_eq!((file.to_string(), service.to_string()), ("file[/etc/motd]".into(), "service[nginx]".into()));
    let Spec::File(spec) = &file.spec else { panic!("{file:?}") };
    assert_eq!(spec.content.as_ref().unwrap().0, b"hello");
    assert_eq!(spec.access.mode, Some(0o640));
    assert_eq!(file.common.notifies[0].target, service.id);
    assert_eq!(file.common.notifies[0].timing, Timing::Delayed);
    assert_eq!(file.origin.to_string(), "web::default");
}

#[test]
fn facts_and_attributes_are_read() {
    let guest = Guest::new("web")
        .attributes(json!({"motd": {"type": "string", "default": "nothing"}, "other": {"type": "string", "default": "standard"}}))
        .recipe("default", |g| {
            let mut text = format!("(call $hostname {RET})") + &Guest::log_at(64);
            for name in ["motd", "other"] {
                let name = g.s(name);
                text += &attempt("attribute-text", &name);
                text += &Guest::log_at(72);
            }
            text + "(i32.const 0)"
        });
    let observed = Observed::default();
    kitchen(limits(), &[&guest]).evaluate_with(&["web"], &observed).unwrap();
    assert_eq!(observed.messages(), ["node-1", "set", "standard"]);
    assert_eq!(observed.logs.lock().unwrap()[0].0, "web::default");
    assert_eq!(observed.logs.lock().unwrap()[0].1, LogLevel::Info);
}

#[test]
fn the_same_gives_the_same_bytes() {
    let guest = Guest::new("web").recipe("default", |g| {
        g.file("/a", "1") + &g.file("/b", "2") + &g.declare("service", "x") + "(i32.const 0)"
    });
    let kitchen = kitchen(limits(), &[&guest]);
    let first = postcard::to_stdvec(&kitchen.evaluate(&["web"]).unwrap()).unwrap();
    let second = postcard::to_stdvec(&kitchen.evaluate(&["web"]).unwrap()).unwrap();
    assert_eq!(first, second);
}

fn template(variables: &str) -> Guest {
    Guest::new("web").bundled("templates/motd", "{{ greeting }}, {{ node.hostname }}\n").recipe(
        "default",
        |g| {
            g.declare("template", "/etc/motd")
                + &g.set("template.source", "motd")
                + &g.set("template.variables", variables)
                + "(i32.const 0)"
        },
    )
}

#[test]
fn a_template_is_rendered_from_the_bundle() {
    let collection = evaluate(&template(r#"{"greeting": "Hello"}"#)).unwrap();
    let Spec::File(file) = &collection.resources[0].spec else { panic!("{collection:?}") };
    assert_eq!(file.content.as_ref().unwrap().0, b"Hello, node-1\n");
    insta::assert_snapshot!(evaluate(&template("{}")).unwrap_err(), @"template[/etc/motd]: source: undefined value: `greeting` is undefined (in motd:1)");
}

/// Two cookbooks that declare a file each; the first includes the second.
fn including(grants: engine_protocol::Grants) -> Kitchen {
    let web = Guest::new("web").recipe("default", |g| {
        g.file("/web", "") + &g.include("base::users") + &g.include("base::users") + "(i32.const 0)"
    });
    let base = Guest::new("base").recipe("users", |g| g.file("/base", "") + "(i32.const 0)");
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &web.packed(), files(&["/web"]));
    kitchen.add("base", &base.packed(), grants);
    kitchen.load(None).unwrap();
    kitchen
}

#[test]
fn an_included_recipe_runs_once_under_its_own_grants() {
    let kitchen = including(files(&["/base"]));
    let collection = kitchen.evaluate(&["web", "base::users", "web::default"]).unwrap();
    let origins: Vec<_> =
        collection.resources.iter().map(|resource| format!("{resource} {}", resource.origin)).collect();
    assert_eq!(origins, ["file[/web] web::default", "file[/base] base::users"]);
    assert_eq!(collection.grants_of("web"), Some(&files(&["/web"])));
    assert_eq!(collection.grants_of("base"), Some(&files(&["/base"])));
    let refused = including(files(&["/web"])).evaluate(&["web"]).unwrap_err();
    insta::assert_snapshot!(refused, @"file[/base]: cookbook `base` is not granted files `/base`; if it should be, add it to [cookbooks.base.grants] in the stack file");
}

#[test]
fn recipes_include_one_another_only_so_deep() {
    let mut guest = Guest::new("web");
    for depth in 0..6 {
        let name = if depth == 0 { "default".to_owned() } else { format!("r{depth}") };
        guest = guest.recipe(&name, |g| g.include(&format!("web::r{}", depth + 1)) + "(i32.const 0)");
    }
    let guest = guest.recipe("r6", |_| "(i32.const 0)".to_owned());
    let with = |include_depth| {
        let limits = engine_runtime::EvaluationLimits { include_depth, ..limits() };
        kitchen(limits, &[&guest]).evaluate(&["web"])
    };
    assert!(with(6).is_ok());
    insta::assert_snapshot!(with(5).unwrap_err(), @"recipe `web::default` failed: recipes include one another more than 5 deep");
}

#[test]
fn a_recipe_that_includes_itself_ends() {
    let guest = Guest::new("web")
        .recipe("default", |g| g.include("web::default") + &g.file("/a", "") + "(i32.const 0)");
    assert_eq!(evaluate(&guest).unwrap().resources.len(), 1);
}

#[test]
fn unknown_names_come_with_what_there_is() {
    let kitchen = including(files(&["/base"]));
    insta::assert_snapshot!(kitchen.evaluate(&["nginx"]).unwrap_err(), @"recipe `nginx::default`: the stack has no cookbook `nginx`; it has `base`, `web`");
    insta::assert_snapshot!(kitchen.evaluate(&["web::instal"]).unwrap_err(), @"recipe `web::instal`: cookbook `web` has no recipe `instal`; it has `default`");
    let guest = Guest::new("web").recipe("default", |g| {
        // The first answer is ignored; the second must be the same.
        let name = g.s("web::nope");
        format!("(call $include-recipe {name} {RET})") + &attempt("include-recipe", &name) + "(i32.const 0)"
    });
    insta::assert_snapshot!(evaluate(&guest).unwrap_err(), @"recipe `web::default` failed: cookbook `web` has no recipe `nope`; it has `default`");
    let guest = Guest::new("web").recipe("default", |g| g.include("Not A Name") + "(i32.const 0)");
    insta::assert_snapshot!(evaluate(&guest).unwrap_err(), @"recipe `web::default` failed: `Not A Name` is not a recipe: `Not A Name` is not a name: it must begin with a lower-case letter; write `cookbook::recipe`");
}

#[test]
fn what_an_included_recipe_returns_goes_to_its_includer() {
    let error = |g: &mut Guest| g.declare("file", "/x") + &g.include("nope::nope") + "(i32.const 0)";
    let web = Guest::new("web").recipe("default", |g| {
        let name = g.s("base::default");
        format!("(call $include-recipe {name} {RET})") + &Guest::log_at(92) + "(i32.const 0)"
    });
    let base = Guest::new("base").recipe("default", error);
    let observed = Observed::default();
    let collection = kitchen(limits(), &[&web, &base]).evaluate_with(&["web"], &observed).unwrap();
    assert_eq!(collection.resources.len(), 1);
    assert_eq!(observed.messages(), ["the stack has no cookbook `nope`; it has `base`, `web`"]);
}

fn with_checkpoint() -> Guest {
    Guest::new("web").recipe("default", |g| {
        let log = format!("(call $hostname {RET})") + &Guest::log_at(64);
        g.file("/before", "")
            + &log
            + &attempt("checkpoint", "")
            + &log
            + &g.file("/after", "")
            + "(i32.const 0)"
    })
}

#[test]
fn a_checkpoint_hands_the_batch_over_and_brings_new_facts() {
    let observed = Observed::default();
    let kitchen = kitchen(limits(), &[&with_checkpoint()]);
    let rest = kitchen.evaluate_with(&["web"], &observed).unwrap();
    let batch = observed.batches.lock().unwrap().pop().unwrap();
    assert_eq!(batch.resources[0].to_string(), "file[/before]");
    assert_eq!(rest.resources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["file[/after]"]);
    assert_eq!(rest.resources[0].id.0, 1);
    assert_eq!(observed.messages(), ["node-1", "after"]);
}

#[test]
fn a_checkpoint_that_is_not_passed_ends_evaluation() {
    let web = Guest::new("web")
        .recipe("default", |g| g.include("deep::default") + &g.log("never") + "(i32.const 0)");
    let mut deep = with_checkpoint();
    deep.name = "deep".to_owned();
    let kitchen = kitchen(limits(), &[&web, &deep]);
    for answer in [Answer::Stopped, Answer::Unknown] {
        let observed = Observed { answer, ..Observed::default() };
        let rest = kitchen.evaluate_with(&["web", "deep"], &observed).unwrap();
        assert!(rest.resources.is_empty() && rest.grants.is_empty());
        assert_eq!(observed.batches.lock().unwrap().len(), 1);
        assert_eq!(observed.messages(), ["node-1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_evaluations_run_at_once() {
    use engine_scheduler::ports::Evaluator as _;
    let web = Guest::new("web")
        .recipe("default", |g| g.file("/a", "") + &g.include("base::default") + "(i32.const 0)");
    let base = Guest::new("base")
        .recipe("default", |g| g.file("/b", "") + &attempt("checkpoint", "") + "(i32.const 0)");
    // The pool has room for as many as may run at once, not for all of these.
    let limits = engine_runtime::EvaluationLimits { include_depth: 1, ..limits() };
    let waiting = Observed { delay: std::time::Duration::from_millis(50), ..Observed::default() };
    let kitchen = std::sync::Arc::new(kitchen(limits, &[&web, &base]));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let kitchen = std::sync::Arc::clone(&kitchen);
        let observer = Box::new(waiting.clone());
        tasks.spawn(async move { kitchen.runtime.evaluate(request(&["web"]), observer).await });
    }
    while let Some(collection) = tasks.join_next().await {
        assert_eq!(collection.unwrap(), Ok(engine_protocol::Collection::default()));
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "this is for who looks at it")]
fn fifty_resources_take_so_long() {
    let guest = Guest::new("web").recipe("default", |g| {
        (0..50).map(|n| g.file(&format!("/etc/file-{n}"), "content")).collect::<String>() + "(i32.const 0)"
    });
    let kitchen = kitchen(limits(), &[&guest]);
    for _ in 0..20 {
        kitchen.evaluate(&["web"]).unwrap();
    }
    let begun = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(kitchen.evaluate(&["web"]).unwrap().resources.len(), 50);
    }
    eprintln!("50 resources: {} µs", begun.elapsed().as_micros() / 100);
}
