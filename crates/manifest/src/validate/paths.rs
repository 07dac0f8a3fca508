//! Paths in the stack file.

use std::path::PathBuf;

use super::Validator;
use crate::{
    read::{Field, Spanned},
    source::Diagnostic,
};

/// What paths are relative to.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// The directory of the stack file.
    pub(crate) directory: PathBuf,
    /// What `~` stands for.
    pub(crate) home: Option<PathBuf>,
}

impl Base {
    fn resolve(&self, text: &str) -> Result<PathBuf, &'static str> {
        if text.is_empty() {
            return Err("is empty");
        }
        if text.contains('\0') {
            return Err("has a NUL in it");
        }
        let Some(rest) = text.strip_prefix('~') else { return Ok(self.directory.join(text)) };
        let Some(below) = rest.strip_prefix('/').or(rest.is_empty().then_some("")) else {
            return Err("names another user's home, which is not expanded");
        };
        let home = self.home.as_ref().ok_or("begins with `~`, but no home directory is known")?;
        // Not `join` of what could begin with another slash: that would lead out of the home.
        Ok(match below.trim_start_matches('/') {
            "" => home.clone(),
            below => home.join(below),
        })
    }
}

impl Validator<'_> {
    pub(super) fn path(&mut self, key: &str, field: &Field<String>) -> Option<PathBuf> {
        let Spanned { value, span } = field.given()?;
        match self.base.resolve(value) {
            Ok(path) => Some(path),
            Err(problem) => {
                let diagnostic = Diagnostic::error(format!("`{key}` {problem}")).label(span.clone(), problem);
                self.problems.push(diagnostic);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_stack_file_and_tilde_is_home() {
        let base = Base { directory: "stacks".into(), home: Some("/home/ada".into()) };
        let resolve = |text: &str| base.resolve(text).map(|path| path.display().to_string());
        assert_eq!(resolve("../cookbooks/a").unwrap(), "stacks/../cookbooks/a");
        assert_eq!(resolve("/etc/x").unwrap(), "/etc/x");
        assert_eq!(resolve("~").unwrap(), "/home/ada");
        assert_eq!(resolve("~/.ssh/id").unwrap(), "/home/ada/.ssh/id");
        assert_eq!(resolve("~//etc").unwrap(), "/home/ada/etc");
        assert!(resolve("~bob/x").is_err());
        assert!(resolve("").is_err());
        assert!(Base { home: None, ..base.clone() }.resolve("~/x").is_err());
    }
}
