//! Which commit a revision is.

use engine_protocol::resource::GitSpec;

use super::{GitError, tool::Git};
use crate::provider::{Context, Error};

/// What is fetched of a repository if not a depth says otherwise, and where it goes.
pub const BRANCHES: &str = "+refs/heads/*:refs/remotes/origin/*";

/// A commit, and what the repository calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its hash.
    pub commit: String,
    /// The full name of the branch or tag; nothing if it was named by its hash.
    pub name: Option<String>,
}

impl Target {
    /// Asks the repository, unless the revision is a commit already.
    pub fn find(spec: &GitSpec, context: &mut Context<'_>) -> Result<Self, Error> {
        let revision = &spec.revision;
        if is_commit(revision) {
            return Ok(Self { commit: revision.to_ascii_lowercase(), name: None });
        }
        let names = candidates(revision);
        let mut arguments = vec!["ls-remote", "--quiet", "--", &spec.repository];
        arguments.extend(names.iter().map(String::as_str));
        let listed = Git::anywhere(spec).succeed("ask for the revision in", &arguments, context)?;
        pick(&names, &listed).ok_or_else(|| {
            let short = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
            let hint = if short { "; a commit is named with all its digits" } else { "" };
            let (repository, revision) = (spec.repository.clone(), revision.clone());
            GitError::NoRevision { repository, revision, hint }.into()
        })
    }
}

impl Target {
    /// Whether the checkout has the commit already.
    pub fn is_there(&self, git: Git<'_>, context: &mut Context<'_>) -> Result<bool, Error> {
        let finished = git.run(&["cat-file", "-e", &format!("{}^{{commit}}", self.commit)], context)?;
        Ok(finished.status.success())
    }

    /// Fetches what leads to the commit: with a depth that alone, otherwise all branches and tags.
    pub fn fetch(&self, git: Git<'_>, spec: &GitSpec, context: &mut Context<'_>) -> Result<(), Error> {
        const WHAT: &str = "fetch from";
        let fetch = ["fetch", "--quiet", "--force", "--no-recurse-submodules"];
        let alone = match self.name.as_deref() {
            Some(name) => match name.strip_prefix("refs/heads/") {
                Some(branch) => format!("+{name}:refs/remotes/origin/{branch}"),
                None if name.starts_with("refs/tags/") => format!("+{name}:{name}"),
                None => name.to_owned(),
            },
            None => self.commit.clone(),
        };
        if let Some(depth) = spec.depth {
            let depth = depth.to_string();
            let arguments = [&fetch[..], &["--no-tags", "--depth", &depth, "origin", &alone]].concat();
            let finished = git.run(&arguments, context)?;
            // Not every server gives a commit by its hash.
            if finished.status.success() || self.name.is_some() {
                return if finished.status.success() { Ok(()) } else { Err(git.failed(WHAT, finished)) };
            }
        }
        let shallow: &[&str] = if git.is_shallow() { &["--unshallow"] } else { &[] };
        let all = ["--prune", "--tags", "origin", BRANCHES];
        let other: &[&str] = match self.name.as_deref() {
            Some(name) if !name.starts_with("refs/heads/") && !name.starts_with("refs/tags/") => &[name],
            _ => &[],
        };
        git.succeed(WHAT, &[&fetch[..], shallow, &all, other].concat(), context)?;
        if !self.is_there(git, context)? {
            git.succeed(WHAT, &[&fetch[..], &["origin", &alone]].concat(), context)?;
        }
        Ok(())
    }
}

/// Whether it is a whole SHA-1 or SHA-256.
pub fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a revision may mean, the first one first, as Chef looks for it: the commit of an annotated tag, a tag, a
/// branch.
fn candidates(revision: &str) -> Vec<String> {
    match revision {
        "HEAD" => vec!["HEAD".to_owned()],
        full if full.starts_with("refs/") => vec![format!("{full}^{{}}"), full.to_owned()],
        short => vec![
            format!("refs/tags/{short}^{{}}"),
            format!("refs/tags/{short}"),
            format!("refs/heads/{short}"),
        ],
    }
}

/// The first candidate in what `git ls-remote` prints, among which may be warnings.
fn pick(candidates: &[String], listed: &str) -> Option<Target> {
    let found = |name: &String| {
        let line = listed.lines().filter_map(|line| line.split_once('\t'));
        let (commit, _) = line.filter(|(commit, _)| is_commit(commit)).find(|(_, listed)| listed == name)?;
        let name = name.strip_suffix("^{}").unwrap_or(name);
        Some(Target { commit: commit.to_owned(), name: Some(name.to_owned()) })
    };
    candidates.iter().find_map(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// git 2.39.5: `git ls-remote --quiet -- URL 'refs/tags/v1^{}' refs/tags/v1 refs/heads/v1`.
    const LISTED: &str = "\
Warning: Permanently added 'git.test' (ED25519) to the list of known hosts.
39fadeb4e3b1a25a1a8fa6c3e5ec6e3e5eb5b8a5\trefs/heads/v1
9b9a7d2c0dc1b1c8b0a2a8c4d2c2c1d1e0f0a9b8\trefs/tags/v1
0b1c2d3e4f5061728394a5b6c7d8e9f001122334\trefs/tags/v1^{}
1111111111111111111111111111111111111111\trefs/remotes/x/refs/heads/v1
";

    #[test]
    fn a_tag_goes_before_a_branch_and_means_its_commit() {
        let target = pick(&candidates("v1"), LISTED).unwrap();
        assert_eq!(target.commit, "0b1c2d3e4f5061728394a5b6c7d8e9f001122334");
        assert_eq!(target.name.as_deref(), Some("refs/tags/v1"));
        let target = pick(&candidates("refs/heads/v1"), LISTED).unwrap();
        assert_eq!(target.commit, "39fadeb4e3b1a25a1a8fa6c3e5ec6e3e5eb5b8a5");
        assert_eq!(pick(&candidates("v2"), LISTED), None);
        assert_eq!(pick(&candidates("HEAD"), LISTED), None);
    }

    #[test]
    fn only_a_whole_hash_is_a_commit() {
        assert!(is_commit("39fadeb4e3b1a25a1a8fa6c3e5ec6e3e5eb5b8a5") && is_commit(&"Ab".repeat(32)));
        assert!(!is_commit("39fadeb") && !is_commit(&"g".repeat(40)));
    }
}
