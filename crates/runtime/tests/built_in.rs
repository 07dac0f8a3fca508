//! What engine declares by itself goes the way of what recipes declare.

mod support;

use engine_contract::Value;
use engine_protocol::{Action, Spec, resource::Timing};
use engine_scheduler::{
    BuiltInResource,
    ports::{EvaluateFailure, EvaluateRequest},
};
use support::*;

fn declare(built_in: Vec<BuiltInResource>) -> Result<engine_protocol::Collection, EvaluateFailure> {
    let kitchen = Kitchen::new(limits());
    let request = EvaluateRequest { built_in, ..request(&[]) };
    kitchen.runtime.evaluate_blocking(request, Box::new(Observed::default()))
}

#[test]
fn it_needs_no_grant_and_says_where_it_comes_from() {
    let text = |text: &str| Value::Text(text.to_owned());
    let collection = declare(vec![
        BuiltInResource::new("users", "user")
            .named("alice")
            .with("shell", text("/bin/sh"))
            .with("manage_home", Value::Boolean(true))
            .action(Action::Create)
            .notify(Action::Restart, "service[later]", Timing::Delayed),
        BuiltInResource { sensitive: true, ..BuiltInResource::new("users", "service").named("later") },
        BuiltInResource::new("updates", "package_update"),
    ])
    .unwrap();
    let [user, service, updates] = collection.resources.as_slice() else { panic!("{collection:?}") };
    assert_eq!((user.to_string(), user.origin.to_string()), ("user[alice]".into(), "engine::users".into()));
    let Spec::User(spec) = &user.spec else { panic!("{user:?}") };
    assert_eq!((spec.shell.as_deref(), spec.manage_home), (Some("/bin/sh"), true));
    assert_eq!(user.actions, [Action::Create]);
    assert_eq!(user.common.notifies[0].target, service.id);
    assert!(service.common.sensitive && !user.common.sensitive);
    assert_eq!(updates.origin.to_string(), "engine::updates");
}

#[test]
fn what_cannot_be_declared_names_its_recipe() {
    let failed = |resource: BuiltInResource| {
        let failure = declare(vec![resource]).unwrap_err();
        (failure.recipe, failure.message)
    };
    let user = || BuiltInResource::new("users", "user").named("alice");
    let recipe = Some("engine::users".to_owned());
    for (resource, said) in [
        (BuiltInResource::new("users", "usr"), "there is no resource type `usr`"),
        (user().with("shel", Value::Integer(1)), "user[alice]: shel: there is no such property"),
        (user().with("shell", Value::Integer(1)), "user[alice]: shell: the value is of another type"),
        (user().action(Action::Restart), "user[alice]: action: user has no action `restart`"),
    ] {
        assert_eq!(failed(resource), (recipe.clone(), said.to_owned()));
    }
}
