//! Which secrets a resource may have in it, and where. What stands for a secret is a text like any other to a recipe, so
//! it is looked for in everything that was declared.

use engine_protocol::{
    Facts, Grants, Resource, Spec,
    secret::{self, Place},
};

use crate::error::{Code, ContractError};

/// What stands for a secret, for a cookbook that may use it.
pub fn placeholder(name: &str, cookbook: &str, grants: &Grants) -> Result<String, ContractError> {
    let reference = secret::reference(name);
    if !secret::is_reference(&reference) {
        let message = format!("`{}` is no name of a secret", name.escape_debug());
        return Err(ContractError::new(Code::InvalidValue, message));
    }
    if !grants.allows_secret(name) {
        return Err(not_granted(name, cookbook));
    }
    Ok(reference)
}

/// Refuses facts that look like what stands for a secret: a node must not get a secret by naming something after it,
/// which a recipe that may use the secret then writes there.
pub fn check_facts(facts: &Facts) -> Result<(), ContractError> {
    let text = serde_json::to_vec(facts).unwrap_or_default();
    if secret::find(&text).is_empty() {
        return Ok(());
    }
    let message = "the node's facts have a text in them that stands for a secret, `{{secret:...}}`; look at \
                   `engine facts --json` for who named something so";
    Err(ContractError::new(Code::Denied, message))
}

fn not_granted(name: &str, cookbook: &str) -> ContractError {
    ContractError::new(
        Code::Denied,
        format!(
            "cookbook `{cookbook}` is not granted secrets `{name}`; if it should be, add it to \
             [cookbooks.{cookbook}.grants] in the stack file"
        ),
    )
}

/// Checks what stands for secrets in a resource, and makes the resource sensitive if there is any.
pub(crate) fn check(resource: &mut Resource, grants: &Grants) -> Vec<ContractError> {
    if !secret::occurs_in(resource) {
        return Vec::new();
    }
    resource.common.sensitive = true;
    let mut errors = Vec::new();
    let mut used = Vec::new();
    let mut rest = resource.clone();
    secret::places(&mut rest.spec, &mut |place: Place<'_>| {
        used.extend(secret::find(place.bytes()).into_iter().map(|found| found.name));
        place.put(Vec::new());
    });
    if !used.is_empty() {
        errors.extend(exposed(&resource.spec));
    }
    if secret::occurs_in(&rest) {
        errors.push(misplaced(&rest));
    }
    used.sort();
    used.dedup();
    for name in used {
        match name {
            Some(name) if grants.allows_secret(&name) => {}
            Some(name) => errors.push(not_granted(&name, &resource.origin.cookbook)),
            None => errors.push(altered()),
        }
    }
    // The name may be where it was misplaced.
    let of = secret::shown(&resource.to_string());
    errors.into_iter().map(|error| error.of(of.clone())).collect()
}

fn altered() -> ContractError {
    ContractError::new(
        Code::InvalidValue,
        "what stands for a secret was altered, so nothing can take its place; put it there as it is, without filters",
    )
}

/// Content that others on the node could read.
fn exposed(spec: &Spec) -> Option<ContractError> {
    let readable = 0o004;
    let message = match secret::mode_of_content(spec)? {
        Some(mode) if mode & readable == 0 => return None,
        Some(mode) => {
            format!(
                "a secret would be in a file that everybody can read (mode {mode:04o}); set `0600` or `0640`"
            )
        }
        None => "a secret would be in a file whose mode is not set; set `0600` or `0640`".to_owned(),
    };
    let property = if matches!(spec, Spec::File(_)) { "mode" } else { "files_mode" };
    Some(ContractError::new(Code::Denied, message).on(property))
}

/// A secret where others could see it.
fn misplaced(resource: &Resource) -> ContractError {
    let place = match &resource.spec {
        Spec::Execute(_) | Spec::Script(_) => {
            "in the arguments of a command, which everybody on the node can see; give it in `environment`"
        }
        Spec::RemoteFile(_) => "in a URL or path, which logs keep; give it in `headers`",
        Spec::Git(_) | Spec::WaitFor(_) | Spec::AptRepository(_) | Spec::YumRepository(_) => {
            "in a URL, which logs keep; let the node authenticate with a file of mode `0600` instead"
        }
        _ if !secret::find(resource.name.as_bytes()).is_empty() => {
            "in the name of a resource, which is shown"
        }
        _ => {
            "where others could see it; it may stand in the content of a `file` or `template` of mode `0600`, in \
             `environment` of a command, in the code of a script, in `headers` and in `password`"
        }
    };
    ContractError::new(Code::Denied, format!("a secret would stand {place}"))
}

#[cfg(test)]
mod tests {
    use engine_protocol::{
        ResourceId,
        resource::{
            Access, Common, Content, ExecuteSpec, FileSpec, GitSpec, Guard, LineInFileSpec, Origin,
            ProcessSpec, RemoteDirectorySpec, RemoteFileSpec, ScriptSpec, SystemdUnitSpec, UserSpec,
            WaitForSpec,
        },
    };

    use super::*;

    const DB: &str = "{{secret:db-password}}";

    fn resource(name: &str, spec: Spec) -> Resource {
        Resource {
            id: ResourceId(0),
            kind: "x".into(),
            name: name.into(),
            origin: Origin { cookbook: "web".into(), recipe: "default".into() },
            actions: Vec::new(),
            spec,
            common: Common::default(),
        }
    }

    fn granted(patterns: &[&str]) -> Grants {
        Grants { secrets: patterns.iter().map(ToString::to_string).collect(), ..Grants::default() }
    }

    fn problems(mut resource: Resource, grants: &Grants) -> Vec<String> {
        let problems = check(&mut resource, grants);
        assert!(resource.common.sensitive, "what has a secret in it is not sensitive");
        problems.iter().map(ToString::to_string).collect()
    }

    fn file(content: &str, mode: Option<u32>) -> Spec {
        let access = Access { mode, ..Access::default() };
        let content = Some(Content(content.as_bytes().into()));
        Spec::File(FileSpec { path: "/etc/x".into(), content, access, ..FileSpec::default() })
    }

    fn process() -> ProcessSpec {
        ProcessSpec { environment: vec![("PASSWORD".into(), DB.into())], ..ProcessSpec::default() }
    }

    #[test]
    fn secrets_stand_where_nobody_else_sees_them() {
        let all = granted(&["db-*"]);
        let text = || vec![("a".to_owned(), Content(DB.into()))];
        for (name, spec) in [
            ("file", file(&format!("password = {DB}\n"), Some(0o640))),
            (
                "directory",
                Spec::RemoteDirectory(RemoteDirectorySpec {
                    files: text(),
                    files_mode: Some(0o600),
                    ..RemoteDirectorySpec::default()
                }),
            ),
            ("execute", Spec::Execute(ExecuteSpec { argv: vec!["a".into()], process: process() })),
            (
                "script",
                Spec::Script(ScriptSpec {
                    code: Content(DB.into()),
                    process: process(),
                    ..ScriptSpec::default()
                }),
            ),
            (
                "remote",
                Spec::RemoteFile(RemoteFileSpec {
                    headers: vec![("Authorization".into(), format!("Bearer {DB}"))],
                    ..RemoteFileSpec::default()
                }),
            ),
            ("user", Spec::User(UserSpec { password: Some(DB.into()), ..UserSpec::default() })),
        ] {
            assert_eq!(problems(resource(name, spec), &all), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn secrets_stand_nowhere_else() {
        let all = granted(&["*"]);
        let url = format!("https://x:{DB}@example.org/");
        let unit =
            Spec::SystemdUnit(SystemdUnitSpec { content: Some(DB.into()), ..SystemdUnitSpec::default() });
        let line = Spec::LineInFile(LineInFileSpec { line: DB.into(), ..LineInFileSpec::default() });
        for (expected, spec) in [
            ("everybody can read (mode 0644)", file(DB, Some(0o644))),
            ("everybody can read (mode 0604)", file(DB, Some(0o604))),
            ("mode is not set", file(DB, None)),
            (
                "give it in `environment`",
                Spec::Execute(ExecuteSpec { argv: vec![DB.into()], ..ExecuteSpec::default() }),
            ),
            (
                "in a URL",
                Spec::RemoteFile(RemoteFileSpec { source: url.clone(), ..RemoteFileSpec::default() }),
            ),
            ("in a URL", Spec::Git(GitSpec { repository: url.clone(), ..GitSpec::default() })),
            ("in a URL", Spec::WaitFor(WaitForSpec { url: Some(url), ..WaitForSpec::default() })),
            ("where others could see it", unit),
            ("where others could see it", line),
        ] {
            let problems = problems(resource("x", spec), &all).join("\n");
            assert!(problems.contains(expected), "{problems}");
        }
        let named = problems(resource(DB, file("", Some(0o600))), &all).join("\n");
        assert!(named.contains("x[[secret db-password]]") && named.contains("in the name"), "{named}");
        let mut guarded = resource("x", file("", Some(0o600)));
        guarded.common.only_if = vec![Guard::Command { argv: vec![DB.into()] }];
        assert!(!problems(guarded, &all).is_empty());
    }

    #[test]
    fn what_is_forged_needs_a_grant_as_well() {
        for grants in [granted(&[]), granted(&["db"]), granted(&["!x"])] {
            let problems = problems(resource("x", file(DB, Some(0o600))), &grants);
            assert_eq!(
                problems,
                ["x[x]: cookbook `web` is not granted secrets `db-password`; if it should be, add it to \
                  [cookbooks.web.grants] in the stack file"]
            );
        }
        let altered = problems(resource("x", file("{{SECRET:DB-PASSWORD}}", Some(0o600))), &granted(&["*"]));
        assert!(altered[0].contains("altered"), "{altered:?}");
    }

    #[test]
    fn a_placeholder_is_given_for_what_is_granted() {
        assert_eq!(placeholder("db-password", "web", &granted(&["db-*"])).unwrap(), DB);
        assert_eq!(placeholder("db-password", "web", &granted(&["x"])).unwrap_err().code, Code::Denied);
        for name in ["", "A", "a}}", "a b", "../x"] {
            assert_eq!(
                placeholder(name, "web", &granted(&["**"])).unwrap_err().code,
                Code::InvalidValue,
                "{name}"
            );
        }
    }

    #[test]
    fn a_node_cannot_ask_for_a_secret_by_its_facts() {
        let mut facts = Facts { hostname: "web".into(), ..Facts::default() };
        assert_eq!(check_facts(&facts), Ok(()));
        facts.hostname = DB.into();
        assert_eq!(check_facts(&facts).unwrap_err().code, Code::Denied);
    }

    #[test]
    fn what_has_no_secret_is_left_as_it_is() {
        let mut plain = resource("x", file("{{ secret }}", None));
        let before = plain.clone();
        assert_eq!(check(&mut plain, &Grants::default()), []);
        assert_eq!(plain, before);
    }
}
