use std::path::PathBuf;

use engine_model::{App, Connection, Layer, LifecycleEvent};

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn layer(layer: &str, setup: &[&str]) -> Layer {
    let recipes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Layer {
        run_lists: BTreeMap::from([
            (LifecycleEvent::Setup, recipes(setup)),
            (LifecycleEvent::Configure, recipes(&["base::hosts"])),
            (LifecycleEvent::Deploy, recipes(&[&format!("{layer}::deploy")])),
        ]),
        ..Layer::new(name(layer))
    }
}

fn instance(text: &str, layers: &[&str]) -> Instance {
    Instance {
        name: name(text),
        layers: layers.iter().map(|layer| name(layer)).collect(),
        connection: Connection::Ssh {
            host: text.into(),
            user: None,
            port: None,
            identity_file: Some(PathBuf::from("k")),
        },
        address: text.into(),
        hostname: text.into(),
        registered: layers.is_empty(),
    }
}

fn stack() -> Stack {
    Stack {
        layers: vec![layer("lb", &["base", "haproxy"]), layer("app", &["base", "nginx"])],
        instances: vec![
            instance("lb-1", &["lb"]),
            instance("app-1", &["app"]),
            instance("both", &["lb", "app"]),
            instance("spare", &[]),
        ],
        apps: vec![App::new(name("site"), vec![name("app")])],
        ..Stack::new(name("demo"))
    }
}

fn request(command: Command) -> Request {
    Request::new(command)
}

/// The plan as a script, for reading.
fn script(statuses: &[(&str, InstanceStatus)], request: &Request) -> String {
    let statuses = statuses.iter().map(|(instance, status)| (name(instance), *status)).collect();
    let run_plan = match plan(&stack(), &statuses, request) {
        Ok(run_plan) => run_plan,
        Err(error) => return error.to_string(),
    };
    let mut lines = Vec::new();
    for (title, plans) in [("primary", &run_plan.primary), ("reaction", &run_plan.reaction)] {
        for node in plans {
            for step in &node.steps {
                let recipes: Vec<String> = step.run_list.iter().map(|recipe| format!(" {recipe}")).collect();
                lines.push(format!("{title}: {} {}:{}", node.instance, step.event, recipes.join(",")));
            }
        }
    }
    lines.join("\n")
}

#[test]
fn setup_of_a_new_stack() {
    insta::assert_snapshot!(script(&[], &request(Command::Setup)), @r"
    primary: lb-1 setup: base::default, haproxy::default
    primary: app-1 setup: base::default, nginx::default
    primary: app-1 deploy: app::deploy
    primary: both setup: base::default, haproxy::default, nginx::default
    primary: both deploy: lb::deploy, app::deploy
    reaction: lb-1 configure: base::hosts
    reaction: app-1 configure: base::hosts
    reaction: both configure: base::hosts
    ");
}

#[test]
fn setup_of_one_instance_makes_the_online_ones_react() {
    let mut request = request(Command::Setup);
    request.instances.push(name("app-1"));
    let statuses = [("lb-1", InstanceStatus::Online), ("both", InstanceStatus::SetupFailed)];
    insta::assert_snapshot!(script(&statuses, &request), @r"
    primary: app-1 setup: base::default, nginx::default
    primary: app-1 deploy: app::deploy
    reaction: lb-1 configure: base::hosts
    reaction: app-1 configure: base::hosts
    ");
}

#[test]
fn configure_tries_the_lost_ones_again_and_leaves_the_rest_out() {
    let statuses = [
        ("lb-1", InstanceStatus::Online),
        ("app-1", InstanceStatus::ConnectionLost),
        ("both", InstanceStatus::Stopped),
    ];
    insta::assert_snapshot!(script(&statuses, &request(Command::Configure)), @r"
    reaction: lb-1 configure: base::hosts
    reaction: app-1 configure: base::hosts
    ");
}

#[test]
fn deploy_concerns_the_instances_of_the_apps_layers() {
    let statuses = [("lb-1", InstanceStatus::Online), ("app-1", InstanceStatus::Online)];
    insta::assert_snapshot!(
        script(&statuses, &request(Command::Deploy)),
        @"primary: app-1 deploy: app::deploy"
    );
}

#[test]
fn shutdown_makes_the_rest_react() {
    let mut request = request(Command::Shutdown);
    request.layers.push(name("app"));
    let statuses = [("lb-1", InstanceStatus::Online), ("app-1", InstanceStatus::Online)];
    insta::assert_snapshot!(script(&statuses, &request), @r"
    primary: app-1 shutdown:
    reaction: lb-1 configure: base::hosts
    ");
}

#[test]
fn a_request_that_concerns_nobody_is_refused() {
    insta::assert_snapshot!(
        script(&[], &request(Command::Configure)),
        @"no instance of stack `demo` takes part in configure: none that is selected is online; run setup first"
    );
    let mut unknown = request(Command::Setup);
    unknown.layers.push(name("db"));
    insta::assert_snapshot!(
        script(&[], &unknown),
        @"stack `demo` has no layer `db`; its layers are `lb`, `app`"
    );
    let mut spare = request(Command::Setup);
    spare.instances.push(name("spare"));
    insta::assert_snapshot!(
        script(&[], &spare),
        @"no instance of stack `demo` takes part in setup: no instance that is assigned to a layer is selected"
    );
}

#[test]
fn an_app_command_is_for_the_online_instances_of_that_app() {
    let online = [("lb-1", InstanceStatus::Online), ("app-1", InstanceStatus::Online)];
    let apps = |apps: &[&str]| Request {
        apps: apps.iter().map(|app| name(app)).collect(),
        ..request(Command::Deploy)
    };
    assert_eq!(script(&online, &apps(&["site"])), script(&online, &apps(&[])));
    insta::assert_snapshot!(script(&online, &apps(&["shop"])), @"stack `demo` has no app `shop`; its apps are `site`");
    insta::assert_snapshot!(script(&online[..1], &apps(&["site"])), @"no instance of stack `demo` takes part in deploy: none that is selected is online and in a layer of an app that is asked for");
}

#[test]
fn recipes_that_are_asked_for_run_on_online_instances_alone_and_trigger_nothing() {
    let statuses = [("lb-1", InstanceStatus::Online), ("app-1", InstanceStatus::SetupFailed)];
    let recipes = ["base::motd", "nginx", "base::motd"].map(|recipe| recipe.parse().unwrap());
    let execute = Request { recipes: recipes.to_vec(), ..request(Command::ExecuteRecipes) };
    insta::assert_snapshot!(script(&statuses, &execute), @"primary: lb-1 execute-recipes: base::motd, nginx::default");
}

#[test]
fn dependencies_are_updated_on_online_instances_that_are_asked_for() {
    let statuses = [("lb-1", InstanceStatus::Online), ("app-1", InstanceStatus::Online)];
    let update = Request { layers: vec![name("app")], ..request(Command::UpdateDependencies) };
    insta::assert_snapshot!(script(&statuses, &update), @"primary: app-1 update-dependencies:");
}
