//! A case: what the recipes see, and what is to come of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use engine_contract::{Metadata, Node, fixtures};
use engine_model::{CookbookReference, CookbookSource, Name, RecipeName};
use engine_protocol::Grants;
use serde::Deserialize;
use serde_json::Value;

/// One file of `tests`.
#[derive(Debug)]
pub(super) struct Case {
    /// The file's name without its ending.
    pub(super) name: String,
    /// What lies beside it: what the recipes are to declare.
    pub(super) snapshot: PathBuf,
    /// The recipes that are run, in order.
    pub(super) run_list: Vec<RecipeName>,
    /// What they see.
    pub(super) node: Node,
    /// Whether they must fail.
    pub(super) fails: bool,
    /// The cookbook and those whose recipes it includes.
    pub(super) cookbooks: Vec<CookbookReference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    recipe: Option<Name>,
    #[serde(default)]
    recipes: Vec<Name>,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    facts: Value,
    #[serde(default)]
    stack: Value,
    grants: Option<Grants>,
    #[serde(default)]
    cookbooks: BTreeMap<Name, PathBuf>,
}

/// The cases of a cookbook by name, all or those that are wanted.
pub(super) fn cases(directory: &Path, metadata: &Metadata, wanted: &[String]) -> anyhow::Result<Vec<Case>> {
    let tests = directory.join("tests");
    let mut files = Vec::new();
    if tests.is_dir() {
        for entry in std::fs::read_dir(&tests).with_context(|| tests.display().to_string())? {
            files.push(entry?.path());
        }
    }
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let name = |file: &PathBuf| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let known: Vec<String> = files.iter().map(name).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| !known.contains(wanted)) {
        bail!("there is no case `{unknown}`; the cases are {}", known.join(", "));
    }
    let wanted = files.iter().filter(|file| wanted.is_empty() || wanted.contains(&name(file)));
    wanted.map(|file| case(directory, metadata, file).with_context(|| file.display().to_string())).collect()
}

fn case(directory: &Path, metadata: &Metadata, file: &Path) -> anyhow::Result<Case> {
    let text = std::fs::read_to_string(file)?;
    let given: File = toml::from_str(&text)?;
    let recipes: Vec<Name> = given.recipe.into_iter().chain(given.recipes).collect();
    if recipes.is_empty() {
        bail!("it runs no recipe; write `recipe = \"{}\"`", first(metadata));
    }
    if let Some(unknown) = recipes.iter().find(|recipe| !metadata.recipes.contains_key(recipe.as_str())) {
        let known: Vec<&str> = metadata.recipes.keys().map(String::as_str).collect();
        bail!("the cookbook has no recipe `{unknown}`; it has {}", known.join(", "));
    }
    let cookbook: Name = metadata.name.parse()?;
    let mut node = fixtures::node();
    node.facts = over(&node.facts, given.facts).context("facts")?;
    node.stack = over(&node.stack, given.stack).context("stack")?;
    overlay(&mut node.attributes, given.attributes);
    let grants = given.grants.unwrap_or_else(|| metadata.capabilities.clone());
    let own = CookbookReference {
        name: cookbook.clone(),
        source: CookbookSource::Path(directory.to_owned()),
        grants,
    };
    let mut cookbooks = vec![own];
    for (name, path) in given.cookbooks {
        let path = directory.join(path);
        let grants = super::source::metadata(&path)?.capabilities;
        cookbooks.push(CookbookReference { name, source: CookbookSource::Path(path), grants });
    }
    Ok(Case {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        snapshot: file.with_extension("snap"),
        run_list: recipes
            .into_iter()
            .map(|recipe| RecipeName { cookbook: cookbook.clone(), recipe })
            .collect(),
        node,
        fails: given.fails,
        cookbooks,
    })
}

fn first(metadata: &Metadata) -> &str {
    metadata.recipes.keys().next().map_or("default", String::as_str)
}

/// A value with what a case says laid over it.
fn over<T>(value: &T, given: Value) -> anyhow::Result<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let mut all = serde_json::to_value(value)?;
    overlay(&mut all, given);
    Ok(serde_json::from_value(all)?)
}

fn overlay(below: &mut Value, above: Value) {
    match (below, above) {
        (_, Value::Null) => {}
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                overlay(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookbook(case: &str) -> anyhow::Result<Vec<Case>> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tests")).unwrap();
        std::fs::write(directory.path().join("tests/one.toml"), case).unwrap();
        let metadata = toml::from_str("name = \"motd\"\nversion = \"1.0.0\"\n[recipes.default]\n").unwrap();
        cases(directory.path(), &metadata, &[])
    }

    #[test]
    fn what_a_case_says_lies_over_a_debian_machine() {
        let text = "recipe = \"default\"\n[facts]\nmemory_bytes = 7\n[facts.platform]\nversion = \"13\"\n\
                    [stack]\nevent = \"configure\"\ninstances = [{ name = \"db-1\", layers = [\"db\"] }]\n";
        let case = cookbook(text).unwrap().remove(0);
        assert_eq!((case.name.as_str(), case.node.facts.memory_bytes), ("one", 7));
        let platform = &case.node.facts.platform;
        assert_eq!((platform.name.as_str(), platform.version.as_str()), ("debian", "13"));
        assert_eq!((case.node.stack.event.as_str(), case.node.stack.name.as_str()), ("configure", "test"));
        assert_eq!(case.node.stack.instances[0].layers, ["db"]);
        assert_eq!(case.run_list[0].to_string(), "motd::default");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_file_that_says_it() {
        let message = |text: &str| format!("{:#}", cookbook(text).unwrap_err());
        for (text, problem) in [
            ("", "tests/one.toml: it runs no recipe; write `recipe = \"default\"`"),
            ("recipe = \"other\"", "the cookbook has no recipe `other`; it has default"),
            ("recipe = \"default\"\nattribute = 1", "unknown field `attribute`"),
            ("recipe = \"default\"\n[facts]\nmemory_bytes = \"all\"", "facts: invalid type: string \"all\""),
            ("recipe = [", "TOML parse error"),
        ] {
            assert!(message(text).contains(problem), "{}", message(text));
        }
    }
}
