use engine_model::{Hooks, Processes, Source};

use super::*;

fn app() -> App {
    let name: Name = "shop".parse().unwrap();
    let recipes = |recipe: &str| vec![recipe.parse().unwrap()];
    let source = Source::Git { url: "u".to_owned(), revision: "main".to_owned() };
    let deployment = Deployment {
        migrate: vec!["bin/migrate".to_owned()],
        hooks: Hooks {
            before_migrate: recipes("shop::bundle"),
            after_restart: recipes("shop::warm"),
            ..Hooks::default()
        },
        processes: Processes { services: vec!["shop".to_owned()], ..Processes::default() },
        ..Deployment::new(&name, source)
    };
    App { deployment: Some(deployment), ..App::new(name, Vec::new()) }
}

fn script(steps: &[Step]) -> Vec<String> {
    let recipes =
        |step: &Step| -> Vec<String> { step.run_list.iter().map(|recipe| format!(" {recipe}")).collect() };
    let stage =
        |step: &Step| step.stage.as_ref().map(|stage| format!("{:?}", stage.stage)).unwrap_or_default();
    steps.iter().map(|step| format!("{} {}{}", step.event, stage(step), recipes(step).concat())).collect()
}

#[test]
fn a_release_becomes_current_after_all_that_can_fail_before() {
    let stages = [
        "deploy Put",
        "deploy BeforeMigrate shop::bundle",
        "deploy Migrate",
        "deploy Activate",
        "deploy Restart",
        "deploy AfterRestart shop::warm",
        "deploy Settle",
    ];
    assert_eq!(script(&deploy(&app(), true)), stages);
    let without: Vec<&str> = stages.into_iter().filter(|stage| *stage != "deploy Migrate").collect();
    assert_eq!(script(&deploy(&app(), false)), without);
}

#[test]
fn other_commands_have_their_stages() {
    assert_eq!(
        script(&rollback(&app(), Some("1"))),
        ["rollback Rollback { to: Some(\"1\") }", "rollback Restart", "rollback AfterRestart shop::warm"]
    );
    assert_eq!(script(&undeploy(&app(), false)), ["undeploy Remove { shared: false }"]);
    for (command, stage) in
        [(Command::Start, "start Start"), (Command::Stop, "stop Stop"), (Command::Restart, "restart Restart")]
    {
        assert_eq!(script(&processes(&app(), command)), [stage]);
    }
    assert!(processes(&app(), Command::Setup).is_empty());
}

#[test]
fn recipes_alone_deploy_an_app_without_a_source() {
    let app = App { deployment: None, ..app() };
    assert!(
        deploy(&app, true).is_empty() && rollback(&app, None).is_empty() && undeploy(&app, true).is_empty()
    );
    assert!(processes(&app, Command::Start).is_empty());
}
