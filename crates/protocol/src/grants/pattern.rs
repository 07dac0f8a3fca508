//! Matching names, paths, URLs and commands against what an operator wrote.

/// Whether a glob matches. One that begins with `!` would match all that it does not name; such a
/// grant matches nothing.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    !pattern.starts_with('!') && fast_glob::glob_match(pattern, text)
}

/// `/etc/nginx/**` also covers `/etc/nginx` itself: who may fill a directory may make it.
pub(super) fn path_matches(pattern: &str, path: &str) -> bool {
    glob(pattern, path)
        || pattern.strip_suffix("/**").is_some_and(|directory| !directory.is_empty() && glob(directory, path))
}

pub(super) fn literal_prefix(pattern: &str) -> String {
    let mut prefix = String::new();
    let components: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (index, component) in components.iter().enumerate() {
        let last = index + 1 == components.len();
        if component.contains(['*', '?', '[', '{', '\\', '!']) || last {
            break;
        }
        prefix.push('/');
        prefix.push_str(component);
    }
    if prefix.is_empty() { "/".to_owned() } else { prefix }
}

pub(super) fn argv_matches(pattern: &[String], argv: &[String]) -> bool {
    let (fixed, open) = match pattern.split_last() {
        Some((last, rest)) if last == "**" => (rest, true),
        _ => (pattern, false),
    };
    if argv.len() < fixed.len() || (!open && argv.len() != fixed.len()) {
        return false;
    }
    fixed
        .iter()
        .zip(argv)
        .all(|(pattern, argument)| pattern == argument || pattern == "*" || glob(pattern, argument))
}

/// Whether a pattern matches every program with any arguments.
pub(super) fn is_any_command(pattern: &[String]) -> bool {
    matches!(pattern, [last] | [_, last] if last == "**")
        && pattern.first().is_some_and(|program| matches!(program.as_str(), "*" | "**"))
}

/// Whether a path is absolute and says one thing only.
pub(super) fn is_normal(path: &str) -> bool {
    path.starts_with('/')
        && !path.contains('\0')
        && (path == "/" || path[1..].split('/').all(|part| !matches!(part, "" | "." | "..")))
}

/// Whether an `http` or `https` URL means what a glob over its text sees: a plain host, an absolute path without
/// dot segments, nothing invisible.
pub(super) fn is_plain_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let Some((authority, path)) = rest.split_once('/') else { return false };
    let host = !authority.is_empty()
        && authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    let visible = path.bytes().all(|byte| byte.is_ascii_graphic());
    let path = path.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    let dots = path.split(['/', '\\']).any(|part| matches!(part, "." | ".."));
    matches!(scheme, "http" | "https") && host && visible && !dots
}

/// Whether this names a repository for git, and neither an option nor one of its helper programs.
pub(super) fn is_plain_repository(repository: &str) -> bool {
    if repository.contains("::") || !repository.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let name = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    match repository.split_once("://") {
        Some(("http" | "https", _)) => is_plain_url(repository),
        Some(("file", path)) => is_normal(path),
        Some(("ssh" | "git", rest)) => {
            let Some((authority, _)) = rest.split_once('/') else { return false };
            let (user, host) = authority.split_once('@').unwrap_or(("git", authority));
            name(user) && name(host.split(':').next().unwrap_or_default())
        }
        Some(_) => false,
        // As scp writes it: `user@host:path`.
        None => repository
            .split_once('@')
            .and_then(|(user, rest)| rest.split_once(':').map(|(host, _)| name(user) && name(host)))
            .unwrap_or(false),
    }
}
