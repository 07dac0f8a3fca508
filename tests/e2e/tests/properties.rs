//! Whatever resources in whatever order: a plan says what a run does, and a second run does nothing.
#![cfg(feature = "real-hosts")]

use engine_e2e_tests::{
    Site,
    conformance::{Happened, outcomes},
};
use serde_json::{Value, json};

/// Sequences of each kind.
const SEQUENCES: u64 = 20;

/// xorshift64*: the same sequences in every run, so that a failure is found again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let limit = u64::try_from(limit).unwrap();
        usize::try_from((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit).unwrap()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// States that one thing can be wished to have. What contradicts itself stands in one list, of which one sequence
/// takes one at the most.
fn wishes() -> Vec<Vec<Value>> {
    let file = |name: &str, content: &str, mode: &str| json!({"resource": "file", "name": name, "content": content, "mode": mode});
    let gone = |kind: &str, name: &str| json!({"resource": kind, "name": name, "action": ["delete"]});
    vec![
        vec![
            json!({"resource": "group", "name": "probe-g"}),
            json!({"resource": "group", "name": "probe-g", "gid": 4711}),
        ],
        vec![
            json!({"resource": "user", "name": "probe-u", "comment": "one", "shell": "/bin/sh"}),
            json!({"resource": "user", "name": "probe-u", "comment": "two", "manage_home": true}),
        ],
        vec![json!({"resource": "directory", "name": "/srv/p/x", "recursive": true, "mode": "0750"})],
        vec![
            json!({"resource": "directory", "name": "/srv/p/x/y", "recursive": true}),
            json!({"resource": "directory", "name": "/srv/p/x/y", "recursive": true, "action": ["delete"]}),
        ],
        vec![
            file("/srv/p/x/a", "1\n", "0644"),
            file("/srv/p/x/a", "2\n", "0600"),
            json!({"resource": "file", "name": "/srv/p/x/a", "content": "3\n", "action": ["create_if_missing"]}),
            gone("file", "/srv/p/x/a"),
        ],
        vec![
            json!({"resource": "file", "name": "/srv/p/x/owned", "content": "o", "owner": "daemon", "group": "adm"}),
            gone("file", "/srv/p/x/owned"),
        ],
        vec![
            json!({"resource": "link", "name": "/srv/p/x/link", "to": "/srv/p/x/a"}),
            json!({"resource": "link", "name": "/srv/p/x/link", "to": "elsewhere"}),
            gone("link", "/srv/p/x/link"),
        ],
        vec![
            json!({"resource": "service", "name": "cron", "action": ["enable", "start"]}),
            json!({"resource": "service", "name": "cron", "action": ["stop", "disable"]}),
            json!({"resource": "service", "name": "cron", "action": ["stop"]}),
        ],
        vec![
            json!({"resource": "package", "name": "hello"}),
            json!({"resource": "package", "name": "hello", "action": ["remove"]}),
        ],
        vec![
            json!({"resource": "mount", "name": "/mnt", "device": "tmpfs", "filesystem": "tmpfs", "action": ["mount", "enable"]}),
            json!({"resource": "mount", "name": "/mnt", "action": ["unmount", "disable"]}),
        ],
        vec![
            json!({"resource": "execute", "names": ["mkdir", "-p", "/srv/p/made"], "creates": "/srv/p/made"}),
        ],
        vec![json!({"resource": "file", "name": "/srv/p/x/told", "content": "t",
             "only_if": [["exists", "/srv/p/x/a"]], "not_if": [["user_exists", "nobody-here"]]})],
    ]
}

/// Package lists that are old would be fetched, so that plans could not know what there is.
const PREPARE: &str = "mkdir /srv/p; touch /var/lib/apt/lists";

/// What a plan said and what a run did must be the same, where the plan knew.
fn compare(seed: u64, resources: &Value, planned: &[Happened], happened: &[Happened]) {
    let told = || format!("seed {seed}\n{}", serde_json::to_string_pretty(resources).unwrap());
    assert_eq!(planned.len(), happened.len(), "{}\nplanned {planned:#?}\nhappened {happened:#?}", told());
    for (planned, happened) in planned.iter().zip(happened) {
        let same = match planned.status.as_str() {
            "unknown" => planned.resource == happened.resource,
            _ => *planned == happened.at_the_version_of(planned),
        };
        assert!(same, "{}\nplanned {planned:#?}\nhappened {happened:#?}", told());
    }
}

#[test]
fn a_second_run_changes_nothing_and_a_plan_says_what_the_first_one_does() {
    let site = Site::up("p-twice", &["node-1"]);
    site.host("node-1").check_exec(["sh", "-c", PREPARE]).unwrap();
    for seed in 1..=SEQUENCES {
        let mut random = Random(seed);
        let mut resources = Vec::new();
        for states in wishes() {
            // Directories are always there, so that what is in them is.
            if states.len() == 1 || random.below(3) > 0 {
                resources.push(random.one(&states).clone());
            }
        }
        let resources = Value::Array(resources);
        site.write_conformance_stack("node-1", &resources);
        let plan = site.engine.json(&["plan", "setup"]);
        let run = site.engine.json(&["run", "setup"]).exits(0);
        compare(seed, &resources, &outcomes(&plan), &outcomes(&run));
        let again = site.engine.json(&["run", "setup"]).exits(0);
        let changed: Vec<Happened> =
            outcomes(&again).into_iter().filter(|happened| happened.status == "changed").collect();
        assert!(changed.is_empty(), "seed {seed}\n{resources:#}\nchanged again: {changed:#?}");
    }
}

#[test]
fn a_plan_says_what_a_run_does_whatever_contradicts_itself() {
    let site = Site::up("p-any", &["node-1"]);
    site.host("node-1").check_exec(["sh", "-c", PREPARE]).unwrap();
    let wishes: Vec<Value> = wishes().into_iter().flatten().collect();
    for seed in 1..=SEQUENCES {
        let mut random = Random(seed);
        let count = 2 + random.below(12);
        let resources: Value = (0..count).map(|_| random.one(&wishes).clone()).collect();
        site.write_conformance_stack("node-1", &resources);
        let plan = outcomes(&site.engine.json(&["plan", "setup"]));
        let run = outcomes(&site.engine.json(&["run", "setup"]));
        // After a failure that a plan could not foresee, nothing further is comparable.
        let comparable = plan.iter().position(|planned| planned.status == "unknown").is_none();
        if comparable || plan.len() == run.len() {
            compare(seed, &resources, &plan, &run);
        }
    }
}
