//! What OpsWorks did at each turn of a stack's life, told line by line: which recipes run where, in which order, who
//! sees whom, and how statuses move.

mod scripted;

use std::{collections::BTreeMap, sync::Arc};

use LifecycleEvent::{Configure, Deploy, Setup, Shutdown, Undeploy};
use engine_model::{
    App, BatchSize, Command, Connection, Instance, InstanceStatus, Layer, LifecycleEvent, Name, Rollout,
    Stack,
};
use scripted::{Host, World, name, stack};

/// A load balancer before two app servers before a database; one app.
fn shop() -> Arc<World> {
    let layer = |text: &str, recipes: &[(LifecycleEvent, &str)]| Layer {
        run_lists: recipes
            .iter()
            .map(|(event, recipes)| {
                (*event, recipes.split(' ').map(|recipe| recipe.parse().unwrap()).collect())
            })
            .collect::<BTreeMap<_, _>>(),
        ..Layer::new(name(text))
    };
    let layers = vec![
        layer("lb", &[(Setup, "base haproxy"), (Configure, "base::hosts haproxy::backends")]),
        layer(
            "app",
            &[
                (Setup, "base nginx"),
                (Configure, "base::hosts"),
                (Deploy, "shop::deploy"),
                (Undeploy, "shop::undeploy"),
                (Shutdown, "shop::drain"),
            ],
        ),
        layer("db", &[(Setup, "base mysql"), (Configure, "mysql::clients"), (Shutdown, "mysql::dump")]),
    ];
    let instances = [("lb-1", "lb"), ("app-1", "app"), ("app-2", "app"), ("db-1", "db")];
    let instance = |(text, layer): (&str, &str)| Instance {
        name: name(text),
        layers: vec![name(layer)],
        connection: Connection::Local,
        address: text.to_owned(),
        hostname: text.to_owned(),
        registered: false,
    };
    let none: [Name; 0] = [];
    let world = World::new(&instances.map(|(instance, _)| (instance, InstanceStatus::Pending)));
    *world.stack.lock().unwrap() = Some(Stack {
        layers,
        update_on_setup: true,
        instances: instances.map(instance).to_vec(),
        apps: vec![App::new(name("shop"), vec![name("app")])],
        ..stack(none.into_iter())
    });
    world
}

/// Runs a command; its story, with a title.
async fn told(
    world: &Arc<World>,
    title: &str,
    command: Command,
    on: &[&str],
    hosts: &[(&str, Host)],
) -> String {
    let end = match world.run(command, on, hosts).await {
        Ok(summary) if summary.is_success() => "good",
        Ok(_) => "bad",
        Err(_) => "refused",
    };
    format!("# {title}\n{}{end}\n\n", world.story())
}

#[tokio::test]
async fn the_life_of_a_stack() {
    let world = shop();
    let mut story = String::new();
    for (title, command, on) in [
        ("boot: setup with deploy, online, then configure everywhere", Command::Setup, &[][..]),
        ("an instance is set up again: out of service meanwhile", Command::Setup, &["app-2"]),
        ("configure by hand", Command::Configure, &[]),
        ("deploy: the instances of the app's layers", Command::Deploy, &[]),
        ("undeploy", Command::Undeploy, &["app-1"]),
        ("recipes by name", Command::ExecuteRecipes, &["lb-1"]),
        ("updates are installed when asked for", Command::UpdateDependencies, &["db-1"]),
        ("shutdown: recipes on it, then configure on the rest", Command::Shutdown, &["app-2"]),
        ("it is not deployed to any more", Command::Deploy, &[]),
        ("it comes back by setup", Command::Setup, &["app-2"]),
        ("all go", Command::Shutdown, &[]),
        ("nobody is left to configure", Command::Configure, &[]),
    ] {
        story += &told(&world, title, command, on, &[]).await;
    }
    insta::assert_snapshot!(story);
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong() {
    let world = shop();
    let mut story = String::new();
    for (title, command, on, hosts) in [
        ("one fails its setup: out of configure", Command::Setup, &[][..], &[("app-1", Host::Fails)][..]),
        ("it is not in a deploy", Command::Deploy, &[], &[]),
        ("mended and set up", Command::Setup, &["app-1"], &[]),
        (
            "one is lost in a deploy, three tries and all: the others react",
            Command::Deploy,
            &[],
            &[("app-2", Host::Breaks)],
        ),
        ("it is away: left out, no failure", Command::Configure, &[], &[("app-2", Host::Away)]),
        ("it is back", Command::Configure, &[], &[]),
        (
            "one is lost in its shutdown: half shut down",
            Command::Shutdown,
            &["db-1"],
            &[("db-1", Host::Breaks)],
        ),
        ("taken up again", Command::Shutdown, &["db-1"], &[]),
        ("a recipe that cannot be evaluated", Command::Setup, &["lb-1"], &[("lb-1", Host::BadRecipe)]),
    ] {
        story += &told(&world, title, command, on, hosts).await;
    }
    insta::assert_snapshot!(story);
}

#[tokio::test]
async fn batches_and_the_order_of_layers() {
    let world = shop();
    if let Some(stack) = &mut *world.stack.lock().unwrap() {
        stack.layers[0].after = vec![name("app")];
        stack.layers[1].after = vec![name("db")];
        stack.layers[1].rollout = Rollout { batch: Some(BatchSize::Count(1)), ..Rollout::default() };
    }
    let mut story = told(&world, "setup in order", Command::Setup, &[], &[]).await;
    story += &told(&world, "the whole stack again", Command::Setup, &[], &[]).await;
    story +=
        &told(&world, "deploy stops at the first failure", Command::Deploy, &[], &[("app-1", Host::Fails)])
            .await;
    insta::assert_snapshot!(story);
}
