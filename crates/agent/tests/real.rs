//! Users, groups and packages on a real Debian machine. Run it as root on a machine that may be
//! changed: `cargo test -p engine-agent --test real -- --ignored`.

mod common;

use common::*;
use engine_protocol::{
    Action, Collection, Grants, Mode, Resource, Spec,
    resource::{CookbookGrants, ExecuteSpec, GroupSpec, PackageSpec, UserSpec},
};

fn all(mut resources: Vec<Resource>) -> Collection {
    for (id, resource) in (0..).zip(&mut resources) {
        resource.id = engine_protocol::ResourceId(id);
    }
    let any = || vec!["**".to_owned()];
    let grants = Grants {
        packages: any(),
        files: vec!["/**".into()],
        services: any(),
        users: any(),
        groups: any(),
        execute: vec![any()],
    };
    Collection { resources, grants: vec![CookbookGrants { cookbook: "test".into(), grants }] }
}

#[test]
#[ignore = "changes the machine's users and packages"]
fn accounts_and_packages() {
    let state = tempfile::tempdir().unwrap();
    let group = GroupSpec { name: "engine-test-g".into(), ..GroupSpec::default() };
    let user = UserSpec {
        name: "engine-test-u".into(),
        groups: vec!["engine-test-g".into()],
        shell: Some("/bin/sh".into()),
        ..UserSpec::default()
    };
    let package = PackageSpec { names: vec!["hello".into()], version: None };
    let whoami = ExecuteSpec {
        argv: vec![
            "sh".into(),
            "-c".into(),
            "test \"$(id -un) $USER\" = 'engine-test-u engine-test-u'".into(),
        ],
        user: Some("engine-test-u".into()),
        ..ExecuteSpec::default()
    };
    let mut owned = file("/var/tmp/engine-test-file", b"x");
    let Spec::File(spec) = &mut owned.spec else { panic!() };
    spec.access.owner = Some("engine-test-u".into());
    spec.access.group = Some("engine-test-g".into());
    let wanted = vec![
        resource("group", "engine-test-g", Action::Create, Spec::Group(group.clone())),
        resource("user", "engine-test-u", Action::Create, Spec::User(user.clone())),
        owned,
        resource("package", "hello", Action::Install, Spec::Package(package.clone())),
        resource("execute", "whoami", Action::Run, Spec::Execute(whoami)),
    ];
    let changed = [(0, "changed"), (1, "changed"), (2, "changed"), (3, "changed"), (4, "changed")];
    let plan = converge(Mode::Plan, all(wanted.clone()), state.path());
    assert_eq!(plan.statuses(), changed, "{:#?}", plan.outcomes);
    let apply = converge(Mode::Apply, all(wanted.clone()), state.path());
    assert_eq!(apply.statuses(), changed, "{:#?}", apply.outcomes);
    let again = converge(Mode::Apply, all(wanted[..4].to_vec()), state.path());
    assert!(again.statuses().iter().all(|(_, word)| *word == "up to date"), "{:#?}", again.outcomes);
    let undo = vec![
        with_action(wanted[3].clone(), Action::Purge),
        with_action(wanted[2].clone(), Action::Delete),
        with_action(wanted[1].clone(), Action::Remove),
        with_action(wanted[0].clone(), Action::Remove),
    ];
    let undone = converge(Mode::Apply, all(undo.clone()), state.path());
    assert!(undone.statuses().iter().all(|(_, word)| *word == "changed"), "{:#?}", undone.outcomes);
    let again = converge(Mode::Apply, all(undo), state.path());
    assert!(again.statuses().iter().all(|(_, word)| *word == "up to date"), "{:#?}", again.outcomes);
}
