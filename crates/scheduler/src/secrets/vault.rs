//! The secrets of one run: each is asked for once, when the first node needs it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use engine_model::Secret;
use engine_protocol::{
    Change, Collection, Facts, Outcome, Resource, Status,
    secret::{self, Place},
};
use tokio::sync::Mutex;

use super::{SecretValue, Stream, scrub::Scrubber};
use crate::{
    event::{NodeResult, RunEvent},
    ports::{SecretFailure, SecretProvider},
};

/// Why a collection cannot go to its node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevealError {
    #[error("{resource}: the stack has no secret `{name}`; add a table `[secrets.{name}]` to the stack file")]
    Unknown { resource: String, name: String },
    #[error("{resource}: secret `{name}`: {failure}")]
    Provider { resource: String, name: String, failure: SecretFailure },
    #[error("{resource}: what stands for a secret was altered; make a new plan")]
    Altered { resource: String },
    #[error(
        "{resource}: secret `{name}` has a line break or control character in it, which cannot stand there"
    )]
    Misfit { resource: String, name: String },
}

/// The secrets of one run.
pub(crate) struct Vault {
    secrets: Vec<Secret>,
    provider: Arc<dyn SecretProvider>,
    values: Mutex<BTreeMap<String, Result<SecretValue, SecretFailure>>>,
    scrubber: RwLock<Scrubber>,
}

impl Vault {
    pub(crate) fn new(secrets: Vec<Secret>, provider: Arc<dyn SecretProvider>) -> Self {
        Vault { secrets, provider, values: Mutex::default(), scrubber: RwLock::default() }
    }

    /// The collection as the node gets it.
    pub(crate) async fn reveal(&self, mut collection: Collection) -> Result<Collection, RevealError> {
        for resource in &mut collection.resources {
            if secret::occurs_in(resource) {
                self.reveal_in(resource).await?;
            }
        }
        Ok(collection)
    }

    async fn reveal_in(&self, resource: &mut Resource) -> Result<(), RevealError> {
        let of = secret::shown(&resource.to_string());
        let mut names = Vec::new();
        secret::places(&mut resource.spec, &mut |place| {
            names.extend(secret::find(place.bytes()).into_iter().map(|found| found.name));
        });
        let mut values = BTreeMap::new();
        for name in names {
            let name = name.ok_or_else(|| RevealError::Altered { resource: of.clone() })?;
            let value = self.value(&name, &of).await?;
            values.insert(name, value);
        }
        // Nothing shows it, whoever made the collection.
        resource.common.sensitive = true;
        let mut misfit = None;
        secret::places(&mut resource.spec, &mut |place: Place<'_>| {
            let revealed = secret::replace(place.bytes(), |found| {
                let value = found.name.as_ref().and_then(|name| values.get(name)).ok_or(())?.expose();
                if !place.takes(value.as_bytes()) || (found.quoted && !secret::can_be_quoted(value)) {
                    misfit.clone_from(&found.name);
                }
                let value = if found.quoted { secret::quote(value) } else { value.to_owned() };
                Ok::<_, ()>(value.into_bytes())
            });
            // All names have been looked up.
            if let Ok(revealed) = revealed {
                place.put(revealed);
            }
        });
        match misfit {
            Some(name) => Err(RevealError::Misfit { resource: of, name }),
            None => Ok(()),
        }
    }

    /// A value. Others wait meanwhile: a command that asks for a password is run once.
    async fn value(&self, name: &str, resource: &str) -> Result<SecretValue, RevealError> {
        let of = || (resource.to_owned(), name.to_owned());
        let mut values = self.values.lock().await;
        let known = if let Some(known) = values.get(name) {
            known.clone()
        } else {
            let Some(secret) = self.secrets.iter().find(|secret| secret.name.as_str() == name) else {
                let (resource, name) = of();
                return Err(RevealError::Unknown { resource, name });
            };
            let value = self.provider.value(secret).await;
            if let Ok(value) = &value {
                self.scrubber.write().unwrap_or_else(PoisonError::into_inner).add(name, value);
            }
            values.insert(name.to_owned(), value.clone());
            value
        };
        known.map_err(|failure| {
            let (resource, name) = of();
            RevealError::Provider { resource, name, failure }
        })
    }

    fn with<T>(&self, scrub: impl FnOnce(&Scrubber) -> T) -> T {
        scrub(&self.scrubber.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes values out of a text.
    pub(crate) fn scrub(&self, text: &mut String) {
        self.with(|scrubber| scrubber.clean(text));
    }

    /// Takes values out of output that comes in parts; gives what can be shown.
    pub(super) fn scrub_part(&self, stream: &mut Stream, part: &str) -> String {
        self.with(|scrubber| if scrubber.is_empty() { part.to_owned() } else { stream.push(scrubber, part) })
    }

    /// What is left of output when it ends.
    pub(crate) fn scrub_end(&self, stream: Option<Stream>) -> String {
        self.with(|scrubber| stream.map(|mut stream| stream.end(scrubber)).unwrap_or_default())
    }

    /// Takes values out of what a node says that it is: a recipe must not read there what a command made of a secret.
    pub(super) fn scrub_facts(&self, facts: Box<Facts>) -> Box<Facts> {
        self.with(|scrubber| {
            if scrubber.is_empty() {
                return facts;
            }
            let Ok(mut tree) = serde_json::to_value(&facts) else { return facts };
            if !clean_texts(scrubber, &mut tree) {
                return facts;
            }
            // Where the name of an alternative was a secret, there are no facts any more.
            serde_json::from_value(tree).unwrap_or_default()
        })
    }

    /// Takes values out of what became of a resource.
    pub(super) fn scrub_outcome(&self, outcome: &mut Outcome) {
        match &mut outcome.status {
            Status::UpToDate | Status::Changed => {}
            Status::Skipped { reason: text }
            | Status::Failed { error: text, .. }
            | Status::Unknown { because: text } => self.scrub(text),
        }
        for change in &mut outcome.changes {
            match change {
                Change::Property { name, old, new } => {
                    self.scrub(name);
                    old.iter_mut().chain(new).for_each(|text| self.scrub(text));
                }
                Change::Diff { unified: text, .. }
                | Change::Done { what: text }
                | Change::Output { text } => {
                    self.scrub(text);
                }
                Change::Binary { .. } | Change::Hidden => {}
            }
        }
    }

    /// Takes values out of how a node's part went.
    pub(crate) fn scrub_result(&self, result: &mut NodeResult) {
        match result {
            NodeResult::Successful => {}
            NodeResult::Failed { error: text }
            | NodeResult::EvaluationFailed { error: text }
            | NodeResult::Unreachable { error: text }
            | NodeResult::LeftOut { error: text }
            | NodeResult::Refused { error: text }
            | NodeResult::ConnectionLost { error: text }
            | NodeResult::Stopped { position: text }
            | NodeResult::NotTried { reason: text } => self.scrub(text),
        }
    }

    /// Takes values out of what is told of a run: the texts that come from nodes, recipes or the system. Outcomes and output
    /// have been [scrubbed](Vault::scrub_outcome) when they came.
    pub(crate) fn scrub_event(&self, event: &mut RunEvent) {
        match event {
            RunEvent::Log { message: text, .. }
            | RunEvent::NotConfirmed { error: text, .. }
            | RunEvent::Waiting { message: text, .. }
            | RunEvent::Rebooting { reason: text, .. }
            | RunEvent::RolloutStopped { reason: text, .. } => self.scrub(text),
            RunEvent::Unreachable { error, hint, .. } => {
                self.scrub(error);
                if let Some(text) = hint {
                    self.scrub(text);
                }
            }
            RunEvent::EvaluationFailed { error, details, .. } => {
                self.scrub(error);
                for detail in details {
                    self.scrub(detail);
                }
            }
            _ => {}
        }
    }
}

/// Takes values out of all texts of a tree; says whether there were any.
fn clean_texts(scrubber: &Scrubber, tree: &mut serde_json::Value) -> bool {
    match tree {
        serde_json::Value::String(text) => {
            let found = !scrubber.find(text).is_empty();
            if found {
                scrubber.replace(text);
            }
            found
        }
        serde_json::Value::Array(items) => {
            items.iter_mut().fold(false, |found, item| clean_texts(scrubber, item) | found)
        }
        serde_json::Value::Object(entries) => {
            entries.values_mut().fold(false, |found, entry| clean_texts(scrubber, entry) | found)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use engine_model::SecretSource;
    use engine_protocol::{
        Action, Earlier, ResourceId, Spec,
        resource::{Access, Common, Content, ExecuteSpec, FileSpec, Origin, ProcessSpec, RemoteFileSpec},
    };
    use zeroize::Zeroizing;

    use super::*;
    use crate::ports::PortFuture;

    /// The value of `NAME` is `value of NAME`; there is none of `locked`.
    #[derive(Default)]
    struct Asked(AtomicUsize);

    impl SecretProvider for Asked {
        fn value<'a>(&'a self, secret: &'a Secret) -> PortFuture<'a, Result<SecretValue, SecretFailure>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let name = secret.name.as_str();
            let value = match name {
                "locked" => Err(SecretFailure { message: "no key".into(), hint: Some("get one".into()) }),
                "quotes" => Ok(SecretValue::new(Zeroizing::new("a\"b$c\\d`e".into()))),
                "bell" => Ok(SecretValue::new(Zeroizing::new("a\x07b".into()))),
                "lines" => Ok(SecretValue::new(Zeroizing::new("one\r\nX-Evil: two".into()))),
                _ => Ok(SecretValue::new(Zeroizing::new(format!("value of {name}")))),
            };
            Box::pin(async { value })
        }
    }

    fn vault(asked: &Arc<Asked>) -> Vault {
        let secret = |name: &str| Secret {
            name: name.parse().unwrap(),
            source: SecretSource::Environment(String::new()),
        };
        Vault::new(
            ["db", "locked", "lines", "quotes", "bell"].map(secret).to_vec(),
            Arc::clone(asked) as Arc<dyn SecretProvider>,
        )
    }

    fn collection(spec: Spec) -> Collection {
        let resource = Resource {
            id: ResourceId(0),
            kind: "file".into(),
            name: "/etc/x".into(),
            origin: Origin::default(),
            actions: Vec::new(),
            spec,
            common: Common::default(),
        };
        Collection { resources: vec![resource], grants: Vec::new() }
    }

    fn file(content: &str) -> Collection {
        collection(Spec::File(FileSpec {
            path: "/etc/x".into(),
            content: Some(Content(content.into())),
            access: Access { mode: Some(0o600), ..Access::default() },
            ..FileSpec::default()
        }))
    }

    fn outcome(status: Status, changes: Vec<Change>) -> Outcome {
        let (resource, action, earlier) = (ResourceId(0), Action::Run, Earlier::Nothing);
        Outcome { resource, action, status, changes, notified_by: None, duration_us: 0, earlier }
    }

    #[tokio::test]
    async fn each_secret_is_asked_for_once_and_only_if_needed() {
        let asked = Arc::new(Asked::default());
        let vault = vault(&asked);
        vault.reveal(file("nothing")).await.unwrap();
        assert_eq!(asked.0.load(Ordering::Relaxed), 0);
        for _ in 0..3 {
            let revealed = vault.reveal(file("{{secret:db}} {{secret:db}}")).await.unwrap();
            assert_eq!(revealed, {
                let mut expected = file("value of db value of db");
                expected.resources[0].common.sensitive = true;
                expected
            });
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
        for _ in 0..2 {
            let error = vault.reveal(file("{{secret:locked}}")).await.unwrap_err().to_string();
            assert_eq!(error, "file[/etc/x]: secret `locked`: no key; get one");
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 2, "a failure is remembered as well");
    }

    #[tokio::test]
    async fn what_cannot_be_revealed_is_not_sent() {
        let vault = vault(&Arc::default());
        for (content, expected) in [
            ("{{secret:nobody}}", "no secret `nobody`"),
            ("{{SECRET:db}}", "altered"),
            ("a {{secret:db}} {{secret:locked}}", "no key"),
        ] {
            let error = vault.reveal(file(content)).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let headers = vec![("Authorization".to_owned(), "{{secret:lines}}".to_owned())];
        let remote = Spec::RemoteFile(RemoteFileSpec { headers, ..RemoteFileSpec::default() });
        let error = vault.reveal(collection(remote)).await.unwrap_err().to_string();
        assert!(error.contains("line break"), "{error}");
    }

    #[tokio::test]
    async fn a_value_is_quoted_where_its_reference_says_so() {
        let vault = vault(&Arc::default());
        let revealed = vault.reveal(file("{{secret:quotes}} \"{{secret:quotes:quoted}}\"")).await.unwrap();
        let Spec::File(FileSpec { content: Some(Content(content)), .. }) = &revealed.resources[0].spec else {
            panic!("{revealed:?}")
        };
        assert_eq!(String::from_utf8_lossy(content), r#"a"b$c\d`e "a\"b\$c\\d\`e""#);
        let error = vault.reveal(file("{{secret:bell:quoted}}")).await.unwrap_err().to_string();
        assert!(error.contains("`bell`") && error.contains("cannot stand there"), "{error}");
    }

    #[tokio::test]
    async fn a_value_that_looks_like_a_reference_is_not_looked_up_again() {
        let environment = vec![("A".to_owned(), "{{secret:{{secret:db}}}}".to_owned())];
        let process = ProcessSpec { environment, ..ProcessSpec::default() };
        let execute = Spec::Execute(ExecuteSpec { process, ..ExecuteSpec::default() });
        let vault = vault(&Arc::default());
        assert!(vault.reveal(collection(execute)).await.is_err());
    }

    #[tokio::test]
    async fn what_comes_back_has_no_value_in_it() {
        let vault = vault(&Arc::default());
        vault.reveal(file("{{secret:db}}")).await.unwrap();
        let text = || "it is value of db".to_owned();
        let mut all = outcome(
            Status::Failed { error: text(), ignored: false },
            vec![
                Change::Output { text: text() },
                Change::Diff { unified: text(), truncated: false },
                Change::Done { what: text() },
                Change::Property { name: text(), old: Some(text()), new: Some(text()) },
            ],
        );
        vault.scrub_outcome(&mut all);
        let mut event = RunEvent::Log {
            instance: "web-1".parse().unwrap(),
            recipe: "a::b".into(),
            level: crate::ports::LogLevel::Info,
            message: text(),
        };
        vault.scrub_event(&mut event);
        let mut result = NodeResult::Failed { error: text() };
        vault.scrub_result(&mut result);
        let facts = vault.scrub_facts(Box::new(Facts { hostname: text(), ..Facts::default() }));
        let said = format!("{all:?}{event:?}{result:?}{}", facts.hostname);
        assert!(!said.contains("value of"), "{said}");
        assert_eq!(said.matches("[secret db]").count(), 10, "{said}");
    }
}
