use engine_protocol::Spec;

use super::*;
use crate::guards::GuardDefinition;

struct NoSources;

impl Library for NoSources {
    fn lend(&mut self, _: &Origin, lower: &mut dyn FnMut(&mut dyn Sources)) {
        lower(self);
    }
}

impl Sources for NoSources {
    fn render(&mut self, source: &str, _: &serde_json::Value) -> Result<String, ContractError> {
        Ok(format!("rendered {source}"))
    }

    fn file(&mut self, source: &str) -> Result<Vec<u8>, ContractError> {
        Err(ContractError::new(Code::NotFound, format!("no file `{source}`")))
    }

    fn files_below(&mut self, directory: &str) -> Result<Vec<(String, Vec<u8>)>, ContractError> {
        Err(ContractError::new(Code::NotFound, format!("no file below `{directory}`")))
    }
}

fn origin() -> Origin {
    Origin { cookbook: "web".into(), recipe: "default".into() }
}

fn kind(name: &str) -> &'static TypeDefinition {
    TypeDefinition::find(name).unwrap()
}

fn declare(collector: &mut Collector, name: &str, identity: &str) -> ResourceId {
    collector.declare(&origin(), kind(name), Some(Value::Text(identity.into()))).unwrap()
}

fn take(collector: &mut Collector, grants: Grants) -> Result<Collection, Vec<String>> {
    let grants = BTreeMap::from([("web".to_owned(), grants)]);
    collector
        .take_batch(&mut NoSources, &grants)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn everything() -> Grants {
    let all = || vec!["**".to_owned()];
    Grants {
        packages: all(),
        files: vec!["/**".into()],
        services: all(),
        users: all(),
        groups: all(),
        execute: vec![all()],
        ..Grants::default()
    }
}

#[test]
fn resources_keep_the_order_of_declaration() {
    let mut collector = Collector::default();
    declare(&mut collector, "file", "/b");
    declare(&mut collector, "service", "nginx");
    declare(&mut collector, "file", "/a");
    let names: Vec<String> =
        take(&mut collector, everything()).unwrap().resources.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["file[/b]", "service[nginx]", "file[/a]"]);
}

#[test]
fn a_notification_may_name_a_resource_that_comes_later() {
    let mut collector = Collector::default();
    let file = declare(&mut collector, "file", "/etc/x");
    collector
        .notify(
            ResourceOrName::Id(file),
            "restart",
            ResourceOrName::Name("service[x]"),
            Timing::Delayed,
            file,
        )
        .unwrap();
    let service = declare(&mut collector, "service", "x");
    let collection = take(&mut collector, everything()).unwrap();
    assert_eq!(
        collection.resources[0].common.notifies,
        [Notification { action: Action::Restart, target: service, timing: Timing::Delayed }]
    );
}

#[test]
fn all_problems_are_reported_together() {
    let mut collector = Collector::default();
    let file = declare(&mut collector, "file", "relative");
    collector
        .notify(
            ResourceOrName::Id(file),
            "restart",
            ResourceOrName::Name("service[nginy]"),
            Timing::Delayed,
            file,
        )
        .unwrap();
    declare(&mut collector, "service", "nginx");
    declare(&mut collector, "cookbook_file", "/x");
    let errors = take(&mut collector, everything()).unwrap_err();
    assert_eq!(
        errors,
        [
            "file[relative]: notifies: no resource `service[nginy]` is declared; did you mean `service[nginx]`?",
            "file[relative]: path: the path `relative` is not allowed: it must be absolute",
            "cookbook_file[/x]: source: set the path of the source in the cookbook",
        ]
    );
}

#[test]
fn what_is_not_granted_is_denied_with_the_way_to_grant_it() {
    let mut collector = Collector::default();
    declare(&mut collector, "file", "/etc/shadow");
    let errors =
        take(&mut collector, Grants { files: vec!["/srv/**".into()], ..Grants::default() }).unwrap_err();
    assert_eq!(
        errors,
        [
            "file[/etc/shadow]: cookbook `web` is not granted files `/etc/shadow`; if it should be, add it to [cookbooks.web.grants] in the stack file"
        ]
    );
}

#[test]
fn a_link_in_place_of_a_granted_directory_is_said_before_anything_is_sent() {
    let mut collector = Collector::default();
    let id = declare(&mut collector, "link", "/srv/app");
    collector.set(id, "to", Value::Text("/etc".into())).unwrap();
    let errors =
        take(&mut collector, Grants { files: vec!["/srv/app/**".into()], ..Grants::default() }).unwrap_err();
    assert_eq!(
        errors,
        [
            "link[/srv/app]: cookbook `web` may bring no symbolic link to `/srv/app`: a grant of its files names \
             `/srv/app`, and the way there must not lead elsewhere; put it below `/srv/app`, or change `files` \
             under [cookbooks.web.grants] in the stack file"
        ]
    );
}

#[test]
fn guards_need_grants_as_well() {
    let mut collector = Collector::default();
    let file = declare(&mut collector, "file", "/srv/x");
    collector
        .only_if(
            file,
            GuardDefinition::find("succeeds").unwrap().make(Value::TextList(vec!["reboot".into()])).unwrap(),
        )
        .unwrap();
    let errors =
        take(&mut collector, Grants { files: vec!["/srv/**".into()], ..Grants::default() }).unwrap_err();
    assert!(errors[0].contains("not granted execute `reboot`"), "{errors:?}");
}

#[test]
fn limits_hold() {
    let mut collector = Collector::new(Limits { resources: 2, payload_bytes: 1_000 });
    let first = declare(&mut collector, "file", "/a");
    declare(&mut collector, "file", "/b");
    let error = collector.declare(&origin(), kind("file"), Some(Value::Text("/c".into()))).unwrap_err();
    assert_eq!(error.code, Code::LimitExceeded);
    let error = collector.set(first, "content", Value::Text("x".repeat(2_000))).unwrap_err();
    assert_eq!(error.code, Code::LimitExceeded);
}

#[test]
fn what_a_checkpoint_applied_cannot_be_altered() {
    let mut collector = Collector::default();
    let file = declare(&mut collector, "file", "/a");
    take(&mut collector, everything()).unwrap();
    assert_eq!(
        collector.set(file, "mode", Value::Text("0600".into())).unwrap_err().code,
        Code::AlreadyApplied
    );
    let second = declare(&mut collector, "file", "/b");
    let batch = take(&mut collector, everything()).unwrap();
    assert_eq!(batch.resources.iter().map(|resource| resource.id).collect::<Vec<_>>(), [second]);
}

#[test]
fn unknown_actions_get_a_suggestion() {
    let mut collector = Collector::default();
    let service = declare(&mut collector, "service", "nginx");
    let error = collector.actions(service, &["restrat".into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "service[nginx]: action: service has no action `restrat`; did you mean `restart`?"
    );
}

#[test]
fn a_template_is_rendered_into_content() {
    let mut collector = Collector::default();
    let template = declare(&mut collector, "template", "/etc/x");
    collector.set(template, "source", Value::Text("x.j2".into())).unwrap();
    collector.set(template, "mode", Value::Text("0600".into())).unwrap();
    let collection = take(&mut collector, everything()).unwrap();
    let Spec::File(file) = &collection.resources[0].spec else { panic!("a file") };
    assert_eq!(file.content.as_ref().unwrap().0, b"rendered x.j2");
    assert_eq!(file.access.mode, Some(0o600));
    assert_eq!(collection.resources[0].kind, "template");
}

#[test]
fn no_error_says_a_sensitive_command() {
    let mut collector = Collector::default();
    let argv = Value::TextList(vec!["mysql".into(), "-psecret".into()]);
    let id = collector.declare(&origin(), kind("execute"), Some(argv)).unwrap();
    collector.common(id, |common| common.sensitive = true).unwrap();
    let wrong = collector.actions(id, &["fly".to_owned()]).unwrap_err();
    let motd = declare(&mut collector, "file", "/etc/motd");
    let near = ResourceOrName::Name("execute[mysql -psecre]");
    collector.notify(ResourceOrName::Id(motd), "run", near, Timing::Delayed, motd).unwrap();
    let mut said = take(&mut collector, Grants::default()).unwrap_err();
    said.push(wrong.to_string());
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said.iter().all(|error| !error.contains("secret")), "{said:?}");
}

#[test]
fn what_can_be_put_back_can_have_to_be_confirmed_and_nothing_else() {
    let mut collector = Collector::default();
    let file = declare(&mut collector, "file", "/etc/x");
    collector.confirm(file, true).unwrap();
    let service = declare(&mut collector, "service", "x");
    let error = collector.confirm(service, true).unwrap_err().to_string();
    assert!(error.contains("service[x]: confirm: what this replaces cannot be put back"), "{error}");
    collector.confirm(service, false).unwrap();
    let resources = take(&mut collector, everything()).unwrap().resources;
    let seconds: Vec<Option<u32>> =
        resources.iter().map(|resource| resource.common.confirm_seconds).collect();
    assert_eq!(seconds, [Some(60), None]);
    assert!(CONFIRMABLE.iter().all(|name| TypeDefinition::find(name).is_some()));
}
