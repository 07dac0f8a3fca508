//! What engine declares in the stages of an app.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use engine_contract::{Node, Value};
use engine_model::{App, Command, Deployment, Fetch, Name, Source};
use engine_protocol::{
    Action, ContentHash, Resource, ResourceId, Spec,
    resource::{Common, NewRelease, Origin, ReleaseContent, ReleaseSpec, ReleaseStep, Shared, TreeEntry},
    secret,
};
use sha2::{Digest, Sha256};

use super::Stage;
use crate::{
    built_in::BuiltInResource,
    deployments::{Deployments, Revision},
};

/// What resources of a stage are worked out from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) app: &'a App,
    pub(crate) deployment: &'a Deployment,
    pub(crate) stage: &'a Stage,
    pub(crate) deployments: &'a Deployments,
}

impl Situation<'_> {
    fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.deployment.path)
    }

    fn release_path(&self) -> String {
        self.path(&format!("releases/{}", self.deployments.release))
    }

    /// Where a node keeps what it fetches by itself; an archive of another content in another place.
    fn fetched(&self) -> String {
        match &self.deployment.source {
            Source::Archive { checksum, .. } => self.path(&format!("shared/source-{}", &checksum[..12])),
            _ => self.path("shared/cached-copy"),
        }
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// What the resource library does in a stage, before its recipes.
pub(crate) fn built_in(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let Situation { deployment, stage, .. } = situation;
    let processes = &deployment.processes;
    match stage {
        Stage::Put if deployment.fetch == Fetch::Node => fetch_on_node(situation),
        Stage::Migrate => vec![command(situation, &deployment.migrate, situation.release_path())],
        Stage::Activate => vec![environment_file(situation)],
        Stage::Start => run(situation, &processes.start, Action::Start),
        Stage::Stop => run(situation, &processes.stop, Action::Stop),
        Stage::Restart => run(situation, &processes.restart, Action::Restart),
        _ => Vec::new(),
    }
}

/// A command of the app, or its services.
fn run(situation: &Situation<'_>, argv: &[String], action: Action) -> Vec<BuiltInResource> {
    if !argv.is_empty() {
        return vec![command(situation, argv, situation.path("current"))];
    }
    let services = situation.deployment.processes.services.iter();
    services
        .map(|name| BuiltInResource::new(&recipe(situation), "service").named(name).action(action))
        .collect()
}

fn recipe(situation: &Situation<'_>) -> String {
    format!("app {}", situation.app.name)
}

fn command(situation: &Situation<'_>, argv: &[String], cwd: String) -> BuiltInResource {
    let deployment = situation.deployment;
    let mut resource = BuiltInResource::new(&recipe(situation), "execute").with("cwd", text(cwd));
    resource.identity = Some(Value::TextList(argv.to_vec()));
    if let Some(owner) = &deployment.owner {
        resource = resource.with("user", text(owner));
    }
    if let Some(group) = &deployment.group {
        resource = resource.with("group", text(group));
    }
    let variables = deployment.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    resource.with("environment", Value::TextMap(variables.collect()))
}

/// The app's environment, for whoever starts it: systemd's `EnvironmentFile` and shells read it alike.
fn environment_file(situation: &Situation<'_>) -> BuiltInResource {
    let deployment = situation.deployment;
    let file = BuiltInResource::new(&recipe(situation), "file").named(&situation.path("shared/.env"));
    if deployment.environment.is_empty() {
        return file.action(Action::Delete);
    }
    let mut content = String::new();
    for (name, value) in &deployment.environment {
        // Writing to a string does not fail.
        let _ = writeln!(content, "{name}=\"{}\"", secret::quote_around(value));
    }
    let mut file = file
        .with("content", text(content))
        .with("mode", text("0600"))
        .with("owner", text(deployment.owner.as_deref().unwrap_or("root")))
        .with("group", text(deployment.group.as_deref().unwrap_or("root")));
    file.sensitive = true;
    file
}

/// With `fetch = "node"`, what brings the source to the node.
fn fetch_on_node(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let (recipe, to) = (recipe(situation), situation.fetched());
    let directory = |path: &str| {
        BuiltInResource::new(&recipe, "directory").named(path).with("recursive", Value::Boolean(true))
    };
    match &situation.deployment.source {
        Source::Git { url, revision } => {
            let checkout = BuiltInResource::new(&recipe, "git").named(&to);
            let checkout = checkout.with("repository", text(url)).with("revision", text(revision));
            vec![directory(&situation.path("shared")), checkout]
        }
        Source::Archive { url, checksum, strip_components } => {
            let file = format!("{to}.archive");
            let strip = Value::Integer((*strip_components).into());
            let download = BuiltInResource::new(&recipe, "remote_file").named(&file);
            let unpacked = BuiltInResource::new(&recipe, "archive").named(&to);
            vec![
                directory(&to),
                download.with("source", text(url)).with("checksum", text(checksum)),
                unpacked.with("source", text(file)).with("strip_components", strip),
            ]
        }
        Source::Local { .. } => Vec::new(),
    }
}

/// What is done with releases in a stage, after its recipes.
pub(crate) fn release(situation: &Situation<'_>, id: ResourceId) -> Option<Resource> {
    let Situation { app, deployment, stage, deployments } = situation;
    let name = deployments.release.clone();
    let (action, label, step) = match stage {
        Stage::Put => (Action::Create, Some(&name), ReleaseStep::Put(new_release(situation))),
        Stage::Activate => (Action::Set, Some(&name), ReleaseStep::Activate { release: name.clone() }),
        Stage::Settle => {
            let keep = deployment.keep;
            (Action::Apply, Some(&name), ReleaseStep::Settle { release: name.clone(), keep })
        }
        Stage::Rollback { to } => (Action::Set, to.as_ref(), ReleaseStep::Rollback { to: to.clone() }),
        Stage::Remove { shared } => (Action::Delete, None, ReleaseStep::Remove { shared: *shared }),
        _ => return None,
    };
    let label = label.map_or_else(|| app.name.to_string(), |release| format!("{} {release}", app.name));
    Some(resource(id, label, action, ReleaseSpec { path: deployment.path.clone(), step }))
}

/// A resource that engine itself declares.
pub(crate) fn resource(id: ResourceId, name: String, action: Action, spec: ReleaseSpec) -> Resource {
    Resource {
        id,
        kind: "release".to_owned(),
        name,
        origin: Origin { cookbook: "engine".to_owned(), recipe: "apps".to_owned() },
        actions: vec![action],
        spec: Spec::Release(spec),
        common: Common::default(),
    }
}

fn new_release(situation: &Situation<'_>) -> NewRelease {
    let Situation { app, deployment, deployments, .. } = situation;
    let (revision, content) = match deployments.revisions.get(&app.name) {
        Some(Revision { revision, entries }) => {
            (revision.clone(), ReleaseContent::Tree(without_links(deployment, entries)))
        }
        None => (said(&deployment.source), ReleaseContent::Directory(situation.fetched())),
    };
    let links = |links: &BTreeMap<String, String>, file| {
        let shared =
            links.iter().map(|(name, link)| Shared { name: name.clone(), link: Some(link.clone()), file });
        shared.collect::<Vec<_>>()
    };
    let mut shared = links(&deployment.shared, false);
    shared.extend(links(&deployment.shared_files, true));
    if shared.iter().all(|shared| shared.name != "config") {
        shared.push(Shared { name: "config".to_owned(), link: None, file: false });
    }
    NewRelease {
        name: deployments.release.clone(),
        digest: digest(deployment, &revision, &content, &shared),
        revision,
        content,
        owner: deployment.owner.clone(),
        group: deployment.group.clone(),
        shared,
    }
}

/// What is under a link to something shared is not there in a release.
fn without_links(deployment: &Deployment, entries: &[TreeEntry]) -> Vec<TreeEntry> {
    let links: Vec<&String> = deployment.shared.values().chain(deployment.shared_files.values()).collect();
    let hidden = |path: &str| {
        links.iter().any(|link| {
            path.strip_prefix(link.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    entries.iter().filter(|entry| !hidden(entry.path())).cloned().collect()
}

/// Two releases are the same if nothing of this differs.
fn digest(
    deployment: &Deployment,
    revision: &str,
    content: &ReleaseContent,
    shared: &[Shared],
) -> ContentHash {
    let Deployment { environment, owner, group, .. } = deployment;
    let all = (revision, content, shared, environment, owner, group);
    // Texts, numbers and lists can be written down.
    let text = serde_json::to_vec(&all).unwrap_or_default();
    ContentHash(Sha256::digest(text).into())
}

/// What the stack file says of the revision.
fn said(source: &Source) -> String {
    match source {
        Source::Git { revision, .. } => revision.clone(),
        Source::Archive { checksum, .. } => checksum.clone(),
        Source::Local { .. } => "local".to_owned(),
    }
}

/// Lets recipes see how the apps of their instance are deployed: what OpsWorks showed below `deploy`. Of apps that are
/// up to date, the release is the current one.
pub(crate) fn show(
    node: &mut Node,
    apps: &[App],
    command: Command,
    (deployments, up_to_date): (&Deployments, &BTreeSet<Name>),
) {
    for view in &mut node.stack.apps {
        let app = apps.iter().find(|app| app.name.as_str() == view.name);
        let Some((app, deployment)) = app.and_then(|app| Some((app, app.deployment.as_ref()?))) else {
            continue;
        };
        let path = &deployment.path;
        let names: Vec<&String> = deployment.environment.keys().collect();
        let mut deploy = serde_json::json!({
            "path": path,
            "current": format!("{path}/current"),
            "shared": format!("{path}/shared"),
            "owner": deployment.owner,
            "group": deployment.group,
            "environment": names,
        });
        if command == Command::Deploy
            && let serde_json::Value::Object(deploy) = &mut deploy
        {
            let release = if up_to_date.contains(&app.name) {
                format!("{path}/current")
            } else {
                format!("{path}/releases/{}", deployments.release)
            };
            deploy.insert("release".to_owned(), release.into());
            deploy.insert("revision".to_owned(), revision(deployment, &app.name, deployments).into());
        }
        if let serde_json::Value::Object(attributes) = &mut view.attributes {
            attributes.insert("deploy".to_owned(), deploy);
        }
    }
}

fn revision(deployment: &Deployment, app: &Name, deployments: &Deployments) -> String {
    deployments.revisions.get(app).map_or_else(|| said(&deployment.source), |known| known.revision.clone())
}
