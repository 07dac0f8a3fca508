//! From what a recipe said to what the agent understands: strings become typed values, templates
//! become content, and whatever cannot stand is refused with the resource and property it is about.

use engine_protocol::{Action, Spec, resource::Access};

use crate::{
    collector::Sources,
    definition::Value,
    error::{Code, ContractError},
};

mod accounts;
mod checks;
mod commands;
mod files;
mod packages;
mod services;
mod storage;
mod system;

pub(crate) use checks::{absolute, address, arguments, octal, plain, url};
use checks::{invalid, line, mode};

/// The identity and the properties of one resource.
#[derive(Debug)]
pub(crate) struct Declared<'a> {
    pub identity: Option<&'a Value>,
    pub properties: &'a [(&'static str, Value)],
    pub actions: &'a [Action],
}

type Lowered<T> = Result<T, ContractError>;

/// The error for a property that must be set.
fn missing(property: &str, message: &str) -> ContractError {
    ContractError::new(Code::InvalidResource, message).on(property)
}

impl Declared<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|(property, _)| *property == name).map(|(_, value)| value)
    }

    /// Whether any of these actions is wanted.
    fn does(&self, actions: &[Action]) -> bool {
        self.actions.iter().any(|action| actions.contains(action))
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// A text on one line, which must be set.
    fn needed(&self, name: &str) -> Lowered<String> {
        let text = self.line(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| missing(name, &format!("set `{name}`")))
    }

    /// A text on one line.
    fn line(&self, name: &str) -> Lowered<Option<String>> {
        self.text(name).map(|text| line(name, &text).map(|()| text)).transpose()
    }

    /// A name that no tool can take for an option.
    fn plain(&self, name: &str) -> Lowered<Option<String>> {
        self.text(name).map(|text| plain(name, &text).map(|()| text)).transpose()
    }

    /// An absolute path.
    fn absolute(&self, name: &str) -> Lowered<Option<String>> {
        self.text(name).map(|path| absolute(name, &path).map(|()| path)).transpose()
    }

    /// An absolute path, which must be set.
    fn needed_path(&self, name: &str) -> Lowered<String> {
        self.absolute(name)?.ok_or_else(|| missing(name, &format!("set `{name}`, an absolute path")))
    }

    fn boolean(&self, name: &str) -> bool {
        self.boolean_or(name, false)
    }

    fn boolean_or(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            Some(Value::Boolean(value)) => *value,
            _ => default,
        }
    }

    fn texts(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some(Value::TextList(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    /// Names that no tool can take for options.
    fn plain_texts(&self, name: &str) -> Lowered<Vec<String>> {
        let texts = self.texts(name);
        texts.iter().try_for_each(|text| plain(name, text))?;
        Ok(texts)
    }

    /// Texts on one line each, none of them empty.
    fn lines(&self, name: &str) -> Lowered<Vec<String>> {
        let texts = self.texts(name);
        for text in &texts {
            line(name, text)?;
            if text.is_empty() {
                return Err(invalid(name, "an empty text is not allowed here"));
            }
        }
        Ok(texts)
    }

    fn pairs(&self, name: &str) -> Vec<(String, String)> {
        match self.get(name) {
            Some(Value::TextMap(pairs)) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    /// Environment variables.
    fn environment(&self, name: &str) -> Lowered<Vec<(String, String)>> {
        let pairs = self.pairs(name);
        let bad = |(name, text): &(String, String)| {
            name.is_empty() || name.contains(['=', '\0', '\n']) || text.contains('\0')
        };
        if pairs.iter().any(bad) {
            return Err(invalid(name, "a name must not be empty or contain `=` or a line break"));
        }
        Ok(pairs)
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Lowered<Option<T>> {
        match self.get(name) {
            Some(Value::Integer(number)) => {
                T::try_from(*number).map(Some).map_err(|_| invalid(name, format!("{number} is out of range")))
            }
            _ => Ok(None),
        }
    }

    fn numbers(&self, name: &str) -> Lowered<Vec<i32>> {
        match self.get(name) {
            Some(Value::IntegerList(numbers)) => numbers
                .iter()
                .map(|number| {
                    i32::try_from(*number).map_err(|_| invalid(name, format!("{number} is out of range")))
                })
                .collect(),
            _ => Ok(Vec::new()),
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

    /// A name of a file in a directory of the system.
    fn file_name(&self) -> Lowered<String> {
        let name = self.identity_text();
        checks::file_name("name", &name)?;
        Ok(name)
    }

    /// A name for people, on one line.
    fn title(&self) -> Lowered<String> {
        let name = self.identity_text();
        line("name", &name)?;
        if name.trim().is_empty() { Err(invalid("name", "it must not be empty")) } else { Ok(name) }
    }

    fn mode(&self, name: &str) -> Lowered<Option<u32>> {
        self.text(name).map(|text| mode(name, &text)).transpose()
    }

    fn access(&self) -> Lowered<Access> {
        Ok(Access { owner: self.plain("owner")?, group: self.plain("group")?, mode: self.mode("mode")? })
    }

    fn source(&self) -> Lowered<String> {
        self.text("source").ok_or_else(|| missing("source", "set the path of the source in the cookbook"))
    }
}

/// The typed form of a resource of type `kind`.
pub(crate) fn lower(kind: &str, declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    match kind {
        "package" => packages::package(declared),
        "package_update" => Ok(packages::package_update(declared)),
        "apt_repository" => packages::apt_repository(declared, sources),
        "yum_repository" => packages::yum_repository(declared, sources),
        "file" => files::file(declared),
        "template" => files::template(declared, sources),
        "cookbook_file" => files::cookbook_file(declared, sources),
        "directory" => files::directory(declared),
        "remote_directory" => files::remote_directory(declared, sources),
        "link" => files::link(declared),
        "line_in_file" => files::line_in_file(declared),
        "block_in_file" => files::block_in_file(declared),
        "ini_setting" => files::ini_setting(declared),
        "archive" => files::archive(declared),
        "remote_file" => files::remote_file(declared),
        "git" => files::git(declared),
        "service" => services::service(declared),
        "systemd_unit" => services::systemd_unit(declared),
        "cron" => services::cron(declared),
        "timer" => services::timer(declared),
        "user" => accounts::user(declared),
        "authorized_keys" => accounts::authorized_keys(declared),
        "group" => accounts::group(declared),
        "sudoers" => accounts::sudoers(declared),
        "hostname" => system::hostname(declared),
        "hosts_entry" => system::hosts_entry(declared),
        "timezone" => system::timezone(declared),
        "locale" => system::locale(declared),
        "sysctl" => system::sysctl(declared),
        "kernel_module" => system::kernel_module(declared),
        "limits" => system::limits(declared),
        "reboot" => system::reboot(declared),
        "swap_file" => storage::swap_file(declared),
        "mount" => storage::mount(declared),
        "volume" => storage::volume(declared),
        "execute" => commands::execute(declared),
        "script" => commands::script(declared, sources),
        "wait_for" => commands::wait_for(declared),
        other => Err(ContractError::new(Code::NotFound, format!("there is no resource type `{other}`"))),
    }
}
