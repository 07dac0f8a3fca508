//! From what a recipe said to what the agent understands: strings become typed values, templates
//! become content, and whatever cannot stand is refused with the resource and property it is about.

use engine_protocol::{
    Action, Spec,
    resource::{
        Access, Content, DirectorySpec, ExecuteSpec, FileSpec, GroupSpec, LinkSpec, PackageSpec,
        PackageUpdateSpec, ServiceSpec, UserSpec,
    },
};

use crate::{
    collector::Sources,
    definition::Value,
    error::{Code, ContractError},
};

/// The identity and the properties of one resource.
#[derive(Debug)]
pub(crate) struct Declared<'a> {
    pub identity: Option<&'a Value>,
    pub properties: &'a [(&'static str, Value)],
    pub actions: &'a [Action],
}

type Lowered<T> = Result<T, ContractError>;

fn invalid(property: &str, message: impl Into<String>) -> ContractError {
    ContractError::new(Code::InvalidValue, message).on(property)
}

impl Declared<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(property, _)| *property == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    fn boolean(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Boolean(true)))
    }

    fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::TextList(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Lowered<Option<T>> {
        match self.get(name) {
            Some(Value::Integer(number)) => {
                T::try_from(*number).map(Some).map_err(|_| invalid(name, format!("{number} is out of range")))
            }
            _ => Ok(None),
        }
    }

    fn identity_text(&self) -> String {
        match self.identity {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn identity_texts(&self) -> Vec<String> {
        match self.identity {
            Some(Value::TextList(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    fn path(&self) -> Lowered<String> {
        let path = self.identity_text();
        absolute("path", &path)?;
        Ok(path)
    }

    /// A name of a user, group, service or package: nothing a tool could take for an option.
    fn name(&self) -> Lowered<String> {
        let name = self.identity_text();
        plain("name", &name)?;
        Ok(name)
    }

    fn access(&self) -> Lowered<Access> {
        for name in ["owner", "group"] {
            if let Some(text) = self.text(name) {
                plain(name, &text)?;
            }
        }
        Ok(Access {
            owner: self.text("owner"),
            group: self.text("group"),
            mode: self.text("mode").map(|text| mode(&text)).transpose()?,
        })
    }

    fn file(&self, content: Option<Vec<u8>>) -> Lowered<Spec> {
        Ok(Spec::File(FileSpec { path: self.path()?, content: content.map(Content), access: self.access()? }))
    }

    fn source(&self) -> Lowered<String> {
        self.text("source").ok_or_else(|| {
            ContractError::new(Code::InvalidResource, "set the path of the source in the cookbook")
                .on("source")
        })
    }
}

/// The typed form of a resource of type `kind`.
pub(crate) fn lower(kind: &str, declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    match kind {
        "package" => package(declared),
        "package_update" => Ok(Spec::PackageUpdate(PackageUpdateSpec {})),
        "file" => file(declared),
        "template" => template(declared, sources),
        "cookbook_file" => {
            let content = match declared.actions {
                [Action::Delete] => None,
                _ => Some(sources.file(&declared.source()?)?),
            };
            declared.file(content)
        }
        "directory" => Ok(Spec::Directory(DirectorySpec {
            path: declared.path()?,
            recursive: declared.boolean("recursive"),
            access: declared.access()?,
        })),
        "link" => link(declared),
        "service" => Ok(Spec::Service(ServiceSpec { name: declared.name()? })),
        "user" => user(declared),
        "group" => group(declared),
        "execute" => execute(declared),
        other => Err(ContractError::new(Code::NotFound, format!("there is no resource type `{other}`"))),
    }
}

fn package(declared: &Declared<'_>) -> Lowered<Spec> {
    let names = declared.identity_texts();
    if names.is_empty() {
        return Err(invalid("names", "name at least one package"));
    }
    names.iter().try_for_each(|name| plain("names", name))?;
    let version = declared.text("version");
    if let Some(version) = &version {
        plain("version", version)?;
        if names.len() > 1 {
            return Err(invalid("version", "a version goes with one name only"));
        }
    }
    Ok(Spec::Package(PackageSpec { names, version }))
}

fn file(declared: &Declared<'_>) -> Lowered<Spec> {
    let content = match (declared.get("content"), declared.get("content_bytes")) {
        (Some(_), Some(_)) => {
            return Err(ContractError::new(
                Code::InvalidResource,
                "set `content` or `content_bytes`, not both",
            )
            .on("content"));
        }
        (Some(Value::Text(text)), None) => Some(text.clone().into_bytes()),
        (None, Some(Value::Bytes(bytes))) => Some(bytes.clone()),
        _ => None,
    };
    declared.file(content)
}

fn template(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    if declared.actions == [Action::Delete] {
        return declared.file(None);
    }
    let variables = match declared.text("variables") {
        None => serde_json::Value::Object(serde_json::Map::new()),
        Some(text) => match serde_json::from_str(&text) {
            Ok(value @ serde_json::Value::Object(_)) => value,
            Ok(_) => return Err(invalid("variables", "this is JSON, but not an object")),
            Err(error) => return Err(invalid("variables", format!("this is not JSON: {error}"))),
        },
    };
    let rendered = sources.render(&declared.source()?, &variables)?;
    declared.file(Some(rendered.into_bytes()))
}

fn link(declared: &Declared<'_>) -> Lowered<Spec> {
    let to = declared.text("to").unwrap_or_default();
    if declared.actions != [Action::Delete] && (to.is_empty() || to.contains('\0')) {
        return Err(ContractError::new(Code::InvalidResource, "say what the link shall point to").on("to"));
    }
    Ok(Spec::Link(LinkSpec { path: declared.path()?, to }))
}

fn user(declared: &Declared<'_>) -> Lowered<Spec> {
    let groups = declared.texts("groups");
    groups.iter().try_for_each(|name| plain("groups", name))?;
    for name in ["home", "shell"] {
        if let Some(path) = declared.text(name) {
            absolute(name, &path)?;
        }
    }
    if declared.text("comment").is_some_and(|comment| comment.contains([':', '\n', '\0'])) {
        return Err(invalid("comment", "no colon and no line break may be in it"));
    }
    if let Some(group) = declared.text("group") {
        plain("group", &group)?;
    }
    Ok(Spec::User(UserSpec {
        name: declared.name()?,
        uid: declared.number("uid")?,
        group: declared.text("group"),
        groups,
        comment: declared.text("comment"),
        home: declared.text("home"),
        shell: declared.text("shell"),
        manage_home: declared.boolean("manage_home"),
        system: declared.boolean("system"),
    }))
}

fn group(declared: &Declared<'_>) -> Lowered<Spec> {
    let members = declared.texts("members");
    members.iter().try_for_each(|name| plain("members", name))?;
    Ok(Spec::Group(GroupSpec {
        name: declared.name()?,
        gid: declared.number("gid")?,
        members,
        system: declared.boolean("system"),
    }))
}

fn execute(declared: &Declared<'_>) -> Lowered<Spec> {
    let argv = declared.identity_texts();
    arguments(&argv)?;
    for name in ["creates", "cwd"] {
        if let Some(path) = declared.text(name) {
            absolute(name, &path)?;
        }
    }
    let environment = match declared.get("environment") {
        Some(Value::TextMap(pairs)) => pairs.clone(),
        _ => Vec::new(),
    };
    if environment
        .iter()
        .any(|(name, text)| name.is_empty() || name.contains(['=', '\0']) || text.contains('\0'))
    {
        return Err(invalid("environment", "a name must not be empty or contain `=`"));
    }
    if let Some(user) = declared.text("user") {
        plain("user", &user)?;
    }
    let returns = match declared.get("returns") {
        Some(Value::IntegerList(numbers)) if !numbers.is_empty() => numbers
            .iter()
            .map(|number| {
                i32::try_from(*number).map_err(|_| invalid("returns", format!("{number} is out of range")))
            })
            .collect::<Lowered<_>>()?,
        _ => vec![0],
    };
    Ok(Spec::Execute(ExecuteSpec {
        argv,
        creates: declared.text("creates"),
        cwd: declared.text("cwd"),
        environment,
        user: declared.text("user"),
        timeout_seconds: declared.number("timeout")?.unwrap_or(3600),
        returns,
    }))
}

/// Checks an argument vector.
pub(crate) fn arguments(argv: &[String]) -> Lowered<()> {
    if argv.first().is_none_or(String::is_empty) {
        return Err(invalid("argv", "name a program"));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(invalid("argv", "an argument must not contain a NUL byte"));
    }
    Ok(())
}

/// Checks that a path is absolute and says one thing only.
pub(crate) fn absolute(property: &str, path: &str) -> Lowered<()> {
    let problem = if !path.starts_with('/') {
        "it must be absolute"
    } else if path.contains('\0') {
        "it must not contain a NUL byte"
    } else if path != "/" && path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        "it must not contain `.`, `..`, a double slash or a slash at its end"
    } else {
        return Ok(());
    };
    Err(invalid(property, format!("the path `{}` is not allowed: {problem}", path.escape_debug())))
}

fn plain(property: &str, name: &str) -> Lowered<()> {
    let good = !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_alphanumeric() || "._-+:@~$\\".contains(c));
    if good {
        Ok(())
    } else {
        Err(invalid(property, format!("`{}` is not allowed here", name.escape_debug())))
    }
}

fn mode(text: &str) -> Lowered<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let good = (3..=5).contains(&digits.len()) && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    good.then(|| u32::from_str_radix(digits, 8).ok()).flatten().filter(|mode| *mode <= 0o7777).ok_or_else(
        || {
            invalid(
                "mode",
                format!("`{}` is no mode; write octal digits such as `0644`", text.escape_debug()),
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0644"), Ok(0o644));
        assert_eq!(mode("755"), Ok(0o755));
        assert_eq!(mode("01777"), Ok(0o1777));
        for bad in ["", "7", "0888", "rw-r--r--", "17777", "+644"] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_cannot_be_taken_for_options() {
        for bad in ["", "-x", "a b", "a;b", "a/b", "a\n"] {
            assert!(plain("name", bad).is_err(), "{bad:?}");
        }
        for good in ["nginx", "libstdc++6", "getty@tty1", "1000"] {
            assert!(plain("name", good).is_ok(), "{good}");
        }
    }
}
