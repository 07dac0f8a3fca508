//! The provider of repositories for dnf, yum and zypper.

use std::fmt::Write as _;

use engine_protocol::{Action, Resource, resource::YumRepositorySpec};

use super::PackageError;
use crate::{
    files::managed::{Managed, directory},
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

const KEYS: &str = "/etc/pki/rpm-gpg";

/// Checks a repository. dnf and zypper fetch what they need to know of it when they are asked for a package of it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r YumRepositorySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let directory_of_repositories = match context.node.facts.package_manager.as_str() {
        "dnf" | "yum" => "/etc/yum.repos.d",
        "zypper" => "/etc/zypp/repos.d",
        manager => {
            let (kind, wanted) = ("yum_repository", "dnf, yum and zypper");
            return Err(PackageError::OtherManager { kind, wanted, manager: manager.to_owned() }.into());
        }
    };
    let wanted = match action {
        Action::Create => true,
        Action::Delete => false,
        _ => return Err(unsupported(resource, action)),
    };
    let path = format!("{directory_of_repositories}/{}.repo", spec.name);
    let key = match spec.key.as_ref().filter(|_| wanted) {
        Some(key) => Managed::present(&key_path(spec), key.0.clone(), 0o644),
        None => Managed::absent(&key_path(spec)),
    };
    let file = if wanted { Managed::present(&path, text(spec), 0o644) } else { Managed::absent(&path) };
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    for (label, file) in [("key", &key), ("repository", &file)] {
        if let Some((parts, foreseen)) = file.compare(context)? {
            changes.push(done(label));
            changes.extend(parts);
            predictions.extend(foreseen);
        }
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    predictions.push(Prediction::Anything);
    Ok(Check::differs(changes, predictions, move |context| {
        for directory_needed in [directory_of_repositories, KEYS] {
            if wanted && (directory_needed != KEYS || spec.key.is_some()) {
                directory(context, directory_needed)?;
            }
        }
        key.put(context)?;
        file.put(context)?;
        Ok(Vec::new())
    }))
}

fn key_path(spec: &YumRepositorySpec) -> String {
    format!("{KEYS}/RPM-GPG-KEY-engine-{}", spec.name)
}

/// The file, as dnf.conf(5) has it.
fn text(spec: &YumRepositorySpec) -> String {
    let mut text = format!("[{}]\nname={}\n", spec.name, spec.description.as_ref().unwrap_or(&spec.name));
    let places = [("baseurl", &spec.baseurl), ("mirrorlist", &spec.mirrorlist), ("metalink", &spec.metalink)];
    for (key, place) in places {
        if let Some(place) = place {
            let _ = writeln!(text, "{key}={place}");
        }
    }
    let flag = |value: bool| u8::from(value);
    let _ = writeln!(text, "enabled={}\ngpgcheck={}", flag(spec.enabled), flag(spec.gpgcheck));
    let own = spec.key.as_ref().map(|_| format!("file://{}", key_path(spec)));
    let keys: Vec<&str> = spec.gpgkey.iter().map(String::as_str).chain(own.as_deref()).collect();
    if !keys.is_empty() {
        let _ = writeln!(text, "gpgkey={}", keys.join(" "));
    }
    if let Some(priority) = spec.priority {
        let _ = writeln!(text, "priority={priority}");
    }
    text
}

#[cfg(test)]
mod tests {
    use engine_protocol::resource::Content;

    use super::*;

    #[test]
    fn a_repository_is_a_section() {
        let spec = YumRepositorySpec {
            name: "nginx".into(),
            baseurl: Some("https://nginx.org/packages/rhel/9/x86_64/".into()),
            gpgkey: vec!["https://nginx.org/keys/nginx_signing.key".into()],
            key: Some(Content(b"key".to_vec())),
            gpgcheck: true,
            enabled: true,
            priority: Some(9),
            ..YumRepositorySpec::default()
        };
        assert_eq!(
            text(&spec),
            "[nginx]\nname=nginx\nbaseurl=https://nginx.org/packages/rhel/9/x86_64/\nenabled=1\ngpgcheck=1\n\
             gpgkey=https://nginx.org/keys/nginx_signing.key file:///etc/pki/rpm-gpg/RPM-GPG-KEY-engine-nginx\n\
             priority=9\n"
        );
    }
}
