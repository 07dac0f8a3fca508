//! Apps with sources, against scripted hosts.

mod scripted;

use engine_model::{App, Command, Deployment, InstanceStatus, Source};
use scripted::{Host, World, name, stack};

#[tokio::test]
async fn a_source_that_cannot_be_fetched_connects_to_nobody() {
    let world = World::new(&[("one", InstanceStatus::Online)]);
    let shop = name("shop");
    let source = Source::Git { url: "u".to_owned(), revision: "main".to_owned() };
    let deployment = Some(Deployment::new(&shop, source));
    let app = App { deployment, ..App::new(shop, vec![name("app")]) };
    let mut described = stack([name("one")].into_iter());
    described.apps.push(app);
    *world.stack.lock().unwrap() = Some(described);
    let error = world.run(Command::Deploy, &[], &[("one", Host::Good)]).await.unwrap_err();
    assert_eq!(error, "the source is gone");
    assert!(world.events.lock().unwrap().is_empty(), "nothing has begun");
    assert_eq!(*world.given_back.lock().unwrap(), 1);
}
