//! The language of ssh_config(5): which lines hold for a host, the first value of each keyword winning.
//!
//! Why no crate: those looked at (`ssh2-config` 0.9, `russh-config`) know no `Match`, and take the lines below one as
//! belonging to the `Host` block above it; within a block their last value wins where OpenSSH's first does. Either can
//! send a login to the wrong machine. The tests compare this module with `ssh -G`.
//!
//! Keywords that are not asked for are passed over. What would have to be run or looked up to know whether a
//! `Match` holds (`exec`, `localnetwork`, `tagged`, ...) is an error when it is reached.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::pattern;

/// How deep files may include one another; OpenSSH has the same limit.
const MAX_DEPTH: usize = 16;

/// Why an ssh_config does not say how to connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is not what ssh_config allows.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A line says something that this crate does not do, and that must not be passed over.
    #[error("{}:{line}: {what} is not supported\n  hint: give this host settings without it, or have another ssh_config read", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is not supported.
        what: String,
    },
    /// A value makes no sense for this host.
    #[error("ssh_config for {host}: {message}")]
    Value {
        /// The host as it was asked for.
        host: String,
        /// What is wrong.
        message: String,
    },
    /// The jump hosts lead back to where they came from.
    #[error("ProxyJump goes round in a circle: {}\n  hint: give one of them `ProxyJump none`", .0.join(" -> "))]
    JumpLoop(Vec<String>),
    /// Nobody says who to log in as.
    #[error("no user to log in to {0} as\n  hint: write it as user@{0}, or set `User` in ssh_config")]
    NoUser(String),
    /// There is no home directory to look for `~` in.
    #[error("there is no home directory: HOME is not set")]
    NoHome,
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) arguments: Vec<String>,
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
}

impl Setting {
    pub(crate) fn first(&self) -> &str {
        &self.arguments[0]
    }

    pub(crate) fn unsupported(&self, what: impl Into<String>) -> ConfigError {
        ConfigError::Unsupported { path: self.path.clone(), line: self.line, what: what.into() }
    }

    pub(crate) fn syntax(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Syntax { path: self.path.clone(), line: self.line, message: message.into() }
    }
}

/// What holds for one host, by lower-case keyword.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    first: HashMap<String, Setting>,
    /// `IdentityFile` adds up.
    pub(crate) identity_files: Vec<Setting>,
}

impl Settings {
    pub(crate) fn get(&self, keyword: &str) -> Option<&Setting> {
        self.first.get(keyword)
    }

    /// Like `get`, with no value at all for `none`.
    pub(crate) fn unless_none(&self, keyword: &str) -> Option<&Setting> {
        self.get(keyword).filter(|setting| !setting.first().eq_ignore_ascii_case("none"))
    }

    fn insert(&mut self, keyword: String, setting: Setting) {
        match keyword.as_str() {
            "identityfile" => self.identity_files.push(setting),
            // Of these two the first that is named wins.
            "proxyjump" if self.first.contains_key("proxycommand") => {}
            "proxycommand" if self.first.contains_key("proxyjump") => {}
            _ => {
                self.first.entry(keyword).or_insert(setting);
            }
        }
    }
}

/// One file to read.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    /// Where `Include`s without a leading `/` start.
    pub(crate) include_base: PathBuf,
    /// Whether it may be missing.
    pub(crate) optional: bool,
}

/// Who is asking, for `Host` and `Match`.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    /// The host as it was asked for.
    pub(crate) host: &'a str,
    /// The user, if the destination says so.
    pub(crate) user: Option<&'a str>,
    pub(crate) local_user: &'a str,
    pub(crate) home: &'a Path,
}

/// Everything in `files` that holds for `query`.
pub(crate) fn evaluate(files: &[ConfigFile], query: &Query<'_>) -> Result<Settings, ConfigError> {
    let mut evaluation = Evaluation {
        query,
        settings: Settings::default(),
        host: query.host.to_owned(),
        last: false,
        again: false,
    };
    evaluation.read_all(files)?;
    if evaluation.again {
        // `Match final`: once more, with the host name that came out.
        evaluation.host = evaluation.host_name();
        evaluation.last = true;
        evaluation.read_all(files)?;
    }
    Ok(evaluation.settings)
}

struct Evaluation<'a> {
    query: &'a Query<'a>,
    settings: Settings,
    /// What `Host` compares with.
    host: String,
    last: bool,
    again: bool,
}

impl Evaluation<'_> {
    fn read_all(&mut self, files: &[ConfigFile]) -> Result<(), ConfigError> {
        for file in files {
            match std::fs::read_to_string(&file.path) {
                Ok(text) => self.read(&file.path, &text, &file.include_base, true, 0)?,
                Err(error) if file.optional && error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(ConfigError::Read { path: file.path.clone(), source }),
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        path: &Path,
        text: &str,
        base: &Path,
        outer: bool,
        depth: usize,
    ) -> Result<(), ConfigError> {
        let mut active = outer;
        for (index, text) in text.lines().enumerate() {
            let mut here = Setting { arguments: Vec::new(), path: path.to_owned(), line: index + 1 };
            let Some((keyword, arguments)) = split(text).map_err(|message| here.syntax(message))? else {
                continue;
            };
            if arguments.is_empty() {
                return Err(here.syntax(format!("{keyword} has no value")));
            }
            here.arguments = arguments;
            match keyword.as_str() {
                "host" => {
                    active = outer
                        && pattern::list_matches_exactly(
                            here.arguments.iter().map(String::as_str),
                            &self.host,
                        );
                }
                "match" => active = outer && self.matches(&here)?,
                "include" if active => self.include(&here, base, depth)?,
                _ if active => self.settings.insert(keyword, here),
                _ => {}
            }
        }
        Ok(())
    }

    fn include(&mut self, here: &Setting, base: &Path, depth: usize) -> Result<(), ConfigError> {
        if depth == MAX_DEPTH {
            return Err(here.syntax("files include one another too deeply"));
        }
        for argument in &here.arguments {
            let pattern = match argument.strip_prefix("~/") {
                Some(rest) => self.query.home.join(rest),
                None => base.join(argument),
            };
            let found = glob::glob(&pattern.to_string_lossy())
                .map_err(|error| here.syntax(format!("Include {argument}: {error}")))?;
            for path in found {
                let path = path.map_err(|error| ConfigError::Read {
                    path: error.path().to_owned(),
                    source: error.into(),
                })?;
                let text = std::fs::read_to_string(&path)
                    .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
                self.read(&path, &text, base, true, depth + 1)?;
            }
        }
        Ok(())
    }

    fn host_name(&self) -> String {
        match self.settings.get("hostname") {
            Some(setting) => setting.first().replace("%h", self.query.host).replace("%%", "%"),
            None => self.host.clone(),
        }
    }

    /// Whether a `Match` line holds.
    fn matches(&mut self, here: &Setting) -> Result<bool, ConfigError> {
        let mut all = true;
        // `host=a` and `host a` say the same.
        let mut words = here.arguments.iter().flat_map(|word| match word.split_once('=') {
            Some((name, value)) => vec![name, value],
            None => vec![word.as_str()],
        });
        while let Some(word) = words.next() {
            let (negated, name) = word.strip_prefix('!').map_or((false, word), |name| (true, name));
            let name = name.to_lowercase();
            let holds = match name.as_str() {
                "all" => true,
                "canonical" => false,
                "final" => {
                    self.again = true;
                    self.last
                }
                _ => {
                    let value =
                        words.next().ok_or_else(|| here.syntax(format!("Match {name} has no value")))?;
                    let host_name;
                    let text = match name.as_str() {
                        "host" => {
                            host_name = self.host_name();
                            &host_name
                        }
                        "originalhost" => self.query.host,
                        "user" => match (self.query.user, self.settings.get("user")) {
                            (Some(user), _) => user,
                            (None, Some(setting)) => setting.first(),
                            (None, None) => self.query.local_user,
                        },
                        "localuser" => self.query.local_user,
                        // It cannot hold any more: no need to know.
                        _ if !all => continue,
                        _ => return Err(here.unsupported(format!("`Match {name}`"))),
                    };
                    pattern::list_matches(value.split(','), text)
                }
            };
            all &= holds != negated;
        }
        Ok(all)
    }
}

/// Splits a line into its keyword, in lower case, and arguments.
fn split(line: &str) -> Result<Option<(String, Vec<String>)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let mut arguments = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = rest.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) if matches!(characters.peek(), Some('"' | '\'' | '\\')) => {
                word.get_or_insert_default().extend(characters.next());
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => arguments.extend(word.take()),
            ('#', None) if word.is_none() => break,
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is not closed");
    }
    arguments.extend(word);
    Ok(Some((keyword.to_lowercase(), arguments)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line =
            |text| split(text).map(|line| line.map(|(keyword, arguments)| (keyword, arguments.join("|"))));
        assert_eq!(line(" Port = 22 # why"), Ok(Some(("port".into(), "22".into()))));
        assert_eq!(line("Port=22"), Ok(Some(("port".into(), "22".into()))));
        assert_eq!(line(r#"IdentityFile "a b" c#d"#), Ok(Some(("identityfile".into(), "a b|c#d".into()))));
        assert_eq!(line(r#"X a\"b"#), Ok(Some(("x".into(), "a\"b".into()))));
        assert_eq!(line("# no"), Ok(None));
        assert!(line("X \"a").is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(line in "\\PC{0,40}") {
            let _ = split(&line);
        }
    }
}
