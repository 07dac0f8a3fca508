//! Cases of `tests/e2e/conformance` and how one is taken through plan, run and run again.

use std::{collections::BTreeSet, fs, path::PathBuf};

use engine_test_hosts::Host;
use serde::Deserialize;
use serde_json::Value;

use crate::{Run, Site, repository};

/// The cases of one domain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Name of the only case to run; for work in progress.
    pub only: Option<String>,
    /// Whether each host serves `/srv/www` and the git repositories in it at `https://localhost/`, and trusts that.
    #[serde(default)]
    pub web: bool,
    /// Whether each host has loop devices, `/dev/probe0` to `/dev/probe3`, and may swap.
    #[serde(default)]
    pub devices: bool,
    /// The cases, in order.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// What some resources do on a real host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    pub name: String,
    /// The kind of host.
    #[serde(default = "systemd")]
    pub guest: String,
    /// Lines for `sh` before it; none may fail.
    #[serde(default)]
    pub prepare: Vec<String>,
    /// A JSON array in the words of `cookbooks/probe`.
    pub resources: String,
    /// The resources that the run changes, in order; all that are declared if not given.
    pub changed: Option<Vec<String>>,
    /// Lines for `sh` after the run, and what each prints.
    #[serde(default)]
    pub read: Vec<(String, String)>,
    /// The resources that the second run changes.
    #[serde(default)]
    pub again: Vec<String>,
    /// `exact`; `unknown` where the plan cannot know all; `newest` where it cannot know a version; `wrong` where it
    /// cannot foresee a failure.
    #[serde(default)]
    pub plan: PlanKind,
    /// What the error of the run says, if it fails.
    pub fails: Option<String>,
    /// Lines for `sh` at the end.
    #[serde(default)]
    pub after: Vec<String>,
}

/// How much a plan can know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanKind {
    /// All of it.
    #[default]
    Exact,
    /// Not all; what it says is true all the same.
    Unknown,
    /// It knows what happens, but not to which version.
    Newest,
    /// It could not foresee the failure.
    Wrong,
}

/// What happened to one action of one resource, as far as it must be the same in plan and run.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// The resource in Chef's form.
    pub resource: String,
    /// The action.
    pub action: String,
    /// `changed`, `up_to_date`, `failed`, …
    pub status: String,
    /// What was changed, or would be.
    pub changes: Vec<Value>,
}

impl Happened {
    /// The same, without the versions of packages that a plan could not know and said so.
    #[must_use]
    pub fn at_the_version_of(&self, planned: &Self) -> Self {
        let mut same = self.clone();
        for (change, planned) in same.changes.iter_mut().zip(&planned.changes) {
            let new = &planned["property"]["new"];
            if new == "newest" && self.resource.starts_with("package[") {
                change["property"]["new"] = new.clone();
            }
        }
        same
    }
}

fn systemd() -> String {
    "systemd".to_owned()
}

/// Reads the cases of a domain.
pub fn read(domain: &str) -> Cases {
    let path = directory().join(format!("{domain}.toml"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Cases = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names: BTreeSet<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.cases.len(), "{}: two cases have one name", path.display());
    cases
}

/// Where the cases are.
pub fn directory() -> PathBuf {
    repository().join("tests/e2e/conformance")
}

/// Names of all domains.
pub fn domains() -> BTreeSet<String> {
    let entries = fs::read_dir(directory()).expect("the cases are there").map(|entry| entry.unwrap().path());
    let cases = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

impl Cases {
    /// Gives the hosts what the cases say that they need.
    pub fn equip(&self, site: &Site) {
        for host in site.fleet.hosts().iter().filter(|_| self.web) {
            let web = host.serve_https("/srv/www").expect("nginx starts");
            host.trust(&web).expect("the host trusts itself");
            host.make_git_repositories("/srv/www").expect("git makes repositories");
        }
    }
}

impl Case {
    /// Types and actions that the case declares, the default action as an empty text.
    pub fn declares(&self) -> Vec<(String, String)> {
        let resources: Vec<Value> = serde_json::from_str(&self.resources)
            .unwrap_or_else(|error| panic!("{}: the resources are no JSON: {error}", self.name));
        let mut declared = Vec::new();
        for resource in &resources {
            let kind = resource["resource"].as_str().unwrap_or_default().to_owned();
            let actions = resource["action"].as_array();
            let named = actions.map(|actions| actions.iter().filter_map(Value::as_str).collect::<Vec<_>>());
            for action in named.unwrap_or_else(|| vec![""]) {
                declared.push((kind.clone(), action.to_owned()));
            }
            for notification in resource["notifies"].as_array().into_iter().flatten() {
                let target = notification[1].as_str().unwrap_or_default();
                let kind = target.split('[').next().unwrap_or_default().to_owned();
                declared.push((kind, notification[0].as_str().unwrap_or_default().to_owned()));
            }
        }
        declared
    }

    /// Takes the case through plan, run and run again on its host.
    pub fn run(&self, site: &Site, instance: &str) {
        let host = site.host(instance);
        self.lines(host, &self.prepare, "prepare");
        let resources: Value = serde_json::from_str(&self.resources)
            .unwrap_or_else(|error| panic!("{}: the resources are no JSON: {error}", self.name));
        site.write_conformance_stack(instance, &resources);

        let plan = site.engine.json(&["plan", "setup"]);
        if self.fails.is_none() {
            assert_eq!(plan.code, 0, "{}, planned:\n{}{}", self.name, plan.output, plan.errors);
        }
        let run = site.engine.json(&["run", "setup"]);
        let happened = outcomes(&run);
        match &self.fails {
            Some(words) => {
                let error = run.error(instance);
                assert!(run.code == 1 && error.contains(words), "{}: {error:?}\n{}", self.name, run.output);
            }
            None => assert_eq!(run.code, 0, "{}:\n{}{}", self.name, run.output, run.errors),
        }
        let changed = changed(&happened);
        match &self.changed {
            Some(wanted) => assert_eq!(&changed, wanted, "{}: changed\n{}", self.name, run.output),
            None if self.fails.is_none() => {
                let quiet: Vec<&Happened> =
                    happened.iter().filter(|happened| happened.status != "changed").collect();
                assert!(quiet.is_empty(), "{}: not changed: {quiet:#?}", self.name);
            }
            None => {}
        }
        self.compare(&outcomes(&plan), &happened, &plan);
        for (line, wanted) in &self.read {
            let found = self.line(host, line, "read");
            assert_eq!(found.trim_end(), wanted.trim_end(), "{}: `{line}`\n{}", self.name, run.output);
        }
        if self.fails.is_none() {
            let again = site.engine.json(&["run", "setup"]);
            assert_eq!(again.code, 0, "{}, again:\n{}{}", self.name, again.output, again.errors);
            assert_eq!(changed_of(&again), self.again, "{}: changed again\n{}", self.name, again.output);
        }
        self.lines(host, &self.after, "after");
    }

    /// The plan predicted exactly what happened, or said that it did not know.
    fn compare(&self, planned: &[Happened], happened: &[Happened], plan: &Run) {
        match self.plan {
            PlanKind::Exact => {
                assert_eq!(planned, happened, "{}: the plan was another\n{}", self.name, plan.output);
                return;
            }
            PlanKind::Newest => {
                let same = |(planned, happened): (&Happened, &Happened)| {
                    (&planned.resource, &planned.status) == (&happened.resource, &happened.status)
                };
                let all = planned.len() == happened.len() && planned.iter().zip(happened).all(same);
                assert!(all, "{}: {planned:#?}\n{happened:#?}", self.name);
                return;
            }
            PlanKind::Wrong => {
                assert!(self.fails.is_some(), "{}: only a failure cannot be foreseen", self.name);
                return;
            }
            PlanKind::Unknown => {}
        }
        let unknown = planned.iter().filter(|planned| planned.status == "unknown").count();
        assert!(unknown > 0, "{}: the plan knew all: say so in the case\n{}", self.name, plan.output);
        for said in planned.iter().filter(|planned| planned.status != "unknown") {
            assert!(happened.contains(said), "{}: the plan said {said:#?}, but {happened:#?}", self.name);
        }
    }

    fn lines(&self, host: &Host, lines: &[String], when: &str) {
        for line in lines {
            self.line(host, line, when);
        }
    }

    fn line(&self, host: &Host, line: &str, when: &str) -> String {
        host.check_exec(["sh", "-ec", line])
            .unwrap_or_else(|error| panic!("{}, {when} `{line}`: {error}", self.name))
    }
}

/// Outcomes in order; what is known only afterwards, such as output, is left out.
pub fn outcomes(run: &Run) -> Vec<Happened> {
    let finished = run.events.iter().filter(|event| event["type"] == "resource_finished");
    finished
        .map(|event| {
            let outcome = &event["outcome"];
            let status = match &outcome["status"] {
                Value::String(word) => word.clone(),
                Value::Object(object) => object.keys().next().cloned().unwrap_or_default(),
                _ => String::new(),
            };
            let changes = outcome["changes"].as_array().cloned().unwrap_or_default();
            Happened {
                resource: event["resource"]["name"].as_str().unwrap_or_default().to_owned(),
                action: outcome["action"].as_str().unwrap_or_default().to_owned(),
                changes: changes.into_iter().filter(|change| change.get("output").is_none()).collect(),
                status,
            }
        })
        .collect()
}

fn changed(happened: &[Happened]) -> Vec<String> {
    happened.iter().filter(|each| each.status == "changed").map(|each| each.resource.clone()).collect()
}

fn changed_of(run: &Run) -> Vec<String> {
    changed(&outcomes(run))
}
