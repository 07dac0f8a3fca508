//! Settings of the system, on files that are mounted over the node's own.

mod common;

use std::fs;

use common::{collection, converge, resource, with_mounts, word};
use engine_protocol::{Action, Collection, Mode, Spec, Status, resource::HostsEntrySpec};

fn entry(address: &str, hostname: &str, action: Action) -> Collection {
    let spec =
        HostsEntrySpec { address: address.into(), hostname: hostname.into(), ..HostsEntrySpec::default() };
    let entry = resource("hosts_entry", address, action, Spec::HostsEntry(spec));
    let mut collection = collection(vec![entry], "/nowhere".as_ref());
    collection.grants[0].grants.system = vec!["hosts:app*".into()];
    collection
}

#[test]
fn names_that_are_not_granted_do_not_go_with_their_address() {
    let hosts = "127.0.0.1 localhost\n10.0.0.5 db app\n10.0.0.6 app-2 app-3\n";
    with_mounts(
        "names_that_are_not_granted_do_not_go_with_their_address",
        "mount --bind \"$1/hosts\" /etc/hosts",
        |directory| fs::write(directory.join("hosts"), hosts).unwrap(),
        |directory| {
            let plan = |collection| converge(Mode::Plan, collection, &directory.join("state"));
            for (collection, expected) in [
                (entry("10.0.0.5", "app", Action::Create), "not granted `hosts:db`"),
                (entry("10.0.0.5", "", Action::Delete), "not granted `hosts:db`"),
                (entry("127.0.0.1", "app", Action::Create), "has the name `localhost`, which must stay"),
            ] {
                let ran = plan(collection);
                let Status::Failed { error, .. } = &ran.outcomes[0].status else {
                    panic!("{:?}", ran.outcomes);
                };
                assert!(error.contains(expected), "{error}");
            }
            for collection in
                [entry("10.0.0.6", "app-2", Action::Create), entry("10.0.0.6", "", Action::Delete)]
            {
                assert_eq!(word(&plan(collection).outcomes[0].status), "changed");
            }
        },
    );
}
