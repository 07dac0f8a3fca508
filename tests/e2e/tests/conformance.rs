//! Every resource and action on real hosts: planned, applied, read by other programs, and applied again.
#![cfg(feature = "real-hosts")]

use std::collections::BTreeSet;

use engine_e2e_tests::{Site, conformance};
use engine_protocol::Action;

/// Types whose actions are proven elsewhere, and where.
const ELSEWHERE: &[(&str, &str)] =
    &[("reboot", "notifications::a_reboot_that_a_resource_asks_for_is_part_of_the_run")];

/// Actions that no case here can apply, and why.
const NOT_APPLIED: &[(&str, &str, &str)] = &[
    ("kernel_module", "install", "the kernel of the tests' machines has no modules to load"),
    ("kernel_module", "load", "as above"),
];

macro_rules! domains {
    ($($domain:ident,)*) => {
        $(#[test]
        fn $domain() {
            check(stringify!($domain));
        })*

        const DOMAINS: &[&str] = &[$(stringify!($domain),)*];
    };
}

domains! {
    accounts,
    archives,
    commands,
    dnf,
    downloads,
    edits,
    files,
    network,
    packages,
    schedules,
    services,
    storage,
    system,
    units,
}

/// Boots the hosts that the cases need, and takes each case through them.
fn check(domain: &str) {
    let cases = conformance::read(domain);
    let wanted = |case: &&conformance::Case| cases.only.as_ref().is_none_or(|only| *only == case.name);
    let guests: BTreeSet<&str> = cases.cases.iter().filter(wanted).map(|case| case.guest.as_str()).collect();
    let guests: Vec<&str> = guests.into_iter().collect();
    let site = Site::up_guests(&format!("c-{domain}"), &guests, cases.devices);
    cases.equip(&site);
    for case in cases.cases.iter().filter(wanted) {
        case.run(&site, &format!("{}-1", case.guest));
    }
    assert_eq!(cases.only, None, "all cases are to be run");
}

#[test]
fn every_file_of_cases_is_run() {
    let run: BTreeSet<String> = DOMAINS.iter().map(ToString::to_string).collect();
    assert_eq!(run, conformance::domains());
}

#[test]
fn every_action_of_every_type_has_a_case() {
    let mut shown = BTreeSet::new();
    for domain in DOMAINS {
        for case in conformance::read(domain).cases {
            shown.extend(case.declares());
        }
    }
    let mut missing = Vec::new();
    for definition in engine_contract::definition::TYPES {
        for (index, action) in definition.actions.iter().enumerate() {
            let has = |action: &str| shown.contains(&(definition.name.to_owned(), action.to_owned()));
            let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == definition.name)
                || NOT_APPLIED.iter().any(|(name, of, _)| *name == definition.name && *of == action.name());
            let default = index == 0 && has("");
            if !(*action == Action::Nothing || default || elsewhere || has(action.name())) {
                missing.push(format!("{} {action}", definition.name));
            }
        }
    }
    assert!(missing.is_empty(), "no case applies: {missing:#?}");
}
