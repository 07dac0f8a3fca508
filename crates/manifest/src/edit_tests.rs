use std::{fmt::Write as _, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::{LoadError, load_unfinished, parse};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn read(text: &str) -> Manifest {
    parse_unfinished(name("web"), text, Path::new("stacks/web.toml")).unwrap()
}

fn ssh(name_of: &str, host: &str, layers: &[&str]) -> Instance {
    Instance {
        name: name(name_of),
        layers: layers.iter().map(|layer| name(layer)).collect(),
        connection: Connection::Ssh { host: host.to_owned(), user: None, port: None, identity_file: None },
        address: host.to_owned(),
        hostname: name_of.to_owned(),
        registered: true,
    }
}

fn edited(text: &str, change: impl FnOnce(&mut Edit) -> Result<(), EditError>) -> String {
    let mut edit = Edit::of(&read(text)).unwrap();
    change(&mut edit).unwrap();
    edit.finish(Path::new("stacks/web.toml")).unwrap().source().text().to_owned()
}

const STACK: &str = r#"# The shop.
description = "A shop" # of shoes

[layers.app] # serves
setup = []

[layers.db]

# Instances
# =========

# The old one.
[instances.app-1]
layers = ["app"] # for now
host = "a.example"

# Has the data.
# Take care.
[instances.db-1]
layers = [
    "db", # the only one
]
host = "b.example"
registered = true

# What is deployed.
[apps.shop]
layers = ["app"]
# The end.
"#;

#[test]
fn an_instance_is_added_behind_the_others() {
    let mut new = ssh("app-2", "c.example", &["app"]);
    new.connection = Connection::Ssh {
        host: "c.example".into(),
        user: Some("admin".into()),
        port: Some(2222),
        identity_file: Some(PathBuf::from("/keys/a \"b\"")),
    };
    new.address = "10.0.0.2".into();
    insta::assert_snapshot!(edited(STACK, |edit| edit.add_instance(&new)));
}

#[test]
fn an_instance_is_put_into_layers_and_taken_out() {
    let assigned = edited(STACK, |edit| edit.assign(&name("db-1"), &[name("app")]));
    insta::assert_snapshot!(assigned);
    // In the order of the file, whatever the order that was asked for.
    assert_eq!(read(&assigned).stack.instances[1].layers, [name("app"), name("db")]);
    let unassigned = edited(&assigned, |edit| edit.unassign(&name("db-1")));
    assert!(unassigned.contains("layers = []\nhost = \"b.example\"\n"), "{unassigned}");
}

#[test]
fn a_comment_goes_with_its_instance_and_what_stands_apart_stays() {
    let removed = edited(STACK, |edit| edit.remove_instance(&name("app-1")));
    insta::assert_snapshot!(removed);
    let alone = edited(&removed, |edit| edit.remove_instance(&name("db-1")));
    assert!(alone.contains("# Instances\n# =========\n\n# What is deployed.\n[apps.shop]\n"), "{alone}");
}

#[test]
fn what_stood_above_the_last_table_ends_the_file() {
    let text = "[layers.app]\n\n# Machines.\n\n# One.\n[instances.a]\nhost = \"h\"\nregistered = true\n";
    assert_eq!(edited(text, |edit| edit.remove_instance(&name("a"))), "[layers.app]\n\n# Machines.\n");
}

#[test]
fn a_stack_is_cloned_with_the_machines_that_there_are() {
    let text = STACK.replace("host = \"a.example\"", "host = \"a.example\" # rack 1\naddress = \"10.0.0.1\"");
    let mut edit = Edit::of(&read(&text)).unwrap();
    edit.clone_as(&name("test"), &BTreeMap::from([(name("app-1"), "t.example".to_owned())])).unwrap();
    let clone = edit.finish(Path::new("stacks/test.toml")).unwrap();
    insta::assert_snapshot!(clone.source().text());
    assert_eq!(clone.stack.name, name("test"));
    assert_eq!(clone.warnings().len(), 1);
    // Run it cannot be: a layer is empty.
    assert!(parse(name("test"), clone.source().text(), Path::new("stacks/test.toml")).is_err());

    let mut edit = Edit::of(&read(&text)).unwrap();
    let unknown = edit.clone_as(&name("test"), &BTreeMap::from([(name("app-9"), "t".to_owned())]));
    assert!(matches!(unknown, Err(EditError::Missing(missing)) if missing == name("app-9")));
}

#[test]
fn a_layer_is_added_to_a_list_as_the_list_is_written() {
    let rest = "\nhost = \"a\"\n[layers.l]\n[layers.m]\n[layers.n]\n[instances.n-1]\nlayers = [\"m\", \"n\"]\nhost = \"n\"\n";
    for (list, longer) in [
        ("[\"l\"] # one", "[\"l\", \"m\", \"n\"] # one"),
        ("[\"l\",]", "[\"l\", \"m\", \"n\",]"),
        ("[\n  # first\n  \"l\" # one\n]", "[\n  # first\n  \"l\", # one\n  \"m\",\n  \"n\",\n]"),
        ("[\n\t\"l\", # one\n\t# more\n]", "[\n\t\"l\", # one\n\t# more\n\t\"m\",\n\t\"n\",\n]"),
    ] {
        let file = |list: &str| format!("[instances.a]\nlayers = {list}{rest}");
        let after = edited(&file(list), |edit| edit.assign(&name("a"), &[name("m"), name("n")]));
        assert_eq!(after, file(longer));
    }
}

/// The ways in which TOML writes the same tables.
const FORMS: [&str; 5] = [
    "[layers.l]\n[layers.m]\n[instances.a]\nlayers = [\"l\"]\nhost = \"a\"\nregistered = true\n",
    "[layers.l]\n[layers.m]\n[instances]\na = { layers = [\"l\"], host = \"a\", registered = true } # one\n",
    "instances = { a = { layers = [\"l\"], host = \"a\", registered = true } }\n[layers.l]\n[layers.m]\n",
    "instances.a.host = \"a\"\ninstances.a.layers = [\"l\"]\ninstances.a.registered = true\n[layers.l]\n[layers.m]\n",
    "[instances]\na.host = \"a\"\na.layers = [\"l\"]\na.registered = true\n\n[layers.l]\n[layers.m]\n",
];

#[test]
fn every_form_of_toml_can_be_changed() {
    for text in FORMS {
        let added = edited(text, |edit| edit.add_instance(&ssh("b", "b", &["m"])));
        let assigned = edited(&added, |edit| edit.assign(&name("a"), &[name("m")]));
        assert_eq!(read(&assigned).stack.instances[0].layers, [name("l"), name("m")], "{assigned}");
        let unassigned = edited(&assigned, |edit| edit.unassign(&name("a")));
        let removed = edited(&unassigned, |edit| edit.remove_instance(&name("a")));
        assert_eq!(read(&removed).stack.instances, [ssh("b", "b", &["m"])], "{removed}");
    }
}

#[test]
fn the_first_instance_makes_the_table() {
    let text = edited("[layers.l]\n", |edit| edit.add_instance(&ssh("a", "h", &["l"])));
    assert_eq!(text, "[layers.l]\n\n[instances.a]\nlayers = [\"l\"]\nhost = \"h\"\nregistered = true\n");
}

#[test]
fn what_would_not_be_valid_is_not_made() {
    let mut edit = Edit::of(&read(STACK)).unwrap();
    assert!(matches!(edit.add_instance(&ssh("app-1", "x", &[])), Err(EditError::Exists(_))));
    assert!(matches!(edit.remove_instance(&name("nobody")), Err(EditError::Missing(_))));
    edit.add_instance(&ssh("app-2", "-x", &["app"])).unwrap();
    let Err(EditError::Invalid(problems)) = edit.finish(Path::new("stacks/web.toml")) else { panic!() };
    assert!(problems.to_string().contains("must not begin with `-`"), "{problems}");
    // Only a registered instance may be in no layer.
    let mut edit = Edit::of(&read(STACK)).unwrap();
    edit.unassign(&name("app-1")).unwrap();
    assert!(matches!(edit.finish(Path::new("stacks/web.toml")), Err(EditError::Invalid(_))));
}

#[test]
fn only_a_layer_without_instances_is_let_through_in_an_unfinished_stack() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("web.toml");
    std::fs::write(&path, "[layers.l]\n").unwrap();
    assert!(matches!(crate::load(&path), Err(LoadError::Invalid(_))));
    assert_eq!(load_unfinished(&path).unwrap().warnings().len(), 1);
    std::fs::write(&path, "[layers.l]\nsetpu = []\n").unwrap();
    assert!(matches!(load_unfinished(&path), Err(LoadError::Invalid(_))));
}

/// What is done to a stack file.
#[derive(Debug, Clone)]
enum Change {
    Add(usize, Vec<usize>),
    Assign(usize, usize),
    Unassign(usize),
    Remove(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..6usize, prop::collection::btree_set(0..3usize, 0..3))
            .prop_map(|(instance, layers)| Change::Add(instance, layers.into_iter().collect())),
        (0..6usize, 0..3usize).prop_map(|(instance, layer)| Change::Assign(instance, layer)),
        (0..6usize).prop_map(Change::Unassign),
        (0..6usize).prop_map(Change::Remove),
    ]
}

/// A stack file of three layers, with comments and instances in the forms that people write.
fn file() -> impl Strategy<Value = String> {
    let instance = (0..4usize, prop::sample::subsequence(vec![0, 1, 2usize], 0..=3), any::<bool>());
    prop::collection::vec(instance, 0..4).prop_map(|instances| {
        let mut text = "# top\n[layers.l0]\n[layers.l1]\n# of l2\n[layers.l2]\n".to_owned();
        for (number, (form, layers, apart)) in instances.into_iter().enumerate() {
            let names: Vec<String> = layers.iter().map(|layer| format!("\"l{layer}\"")).collect();
            let list = match form {
                0 => format!("[{}]", names.join(", ")),
                1 => format!("[{}] # behind", names.join(",")),
                2 => format!("[\n  {}\n]", names.join(",\n  ")),
                _ => format!("[ # inside\n\t{}\n]", names.join(", ")),
            };
            if apart {
                text.push_str("\n# apart\n");
            }
            let _ = write!(
                text,
                "\n# of i{number}\n[instances.i{number}]\n# host below\nhost = \"h{number}\"\nlayers = {list}\nregistered = true\n"
            );
        }
        text + "\n[apps.a]\nlayers = [\"l0\"] # app\n# end\n"
    })
}

proptest! {
    /// `finish` compares the whole stack with what was wanted; here it must never find a difference, and what is no
    /// instance's must still be there.
    #[test]
    fn a_file_says_exactly_what_it_was_changed_to(text in file(), changes in prop::collection::vec(change(), 1..6)) {
        let mut manifest = read(&text);
        for change in changes {
            let mut edit = Edit::of(&manifest).unwrap();
            let (i, l) = (|number: usize| name(&format!("i{number}")), |number: usize| format!("l{number}"));
            let has = |number: usize| manifest.stack.instance(&i(number)).is_some();
            let mut wanted = manifest.stack.clone();
            let done = match &change {
                Change::Add(instance, layers) => {
                    let layers: Vec<String> = layers.iter().map(|layer| l(*layer)).collect();
                    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
                    let new = ssh(i(*instance).as_str(), &format!("n{instance}"), &layers);
                    let done = edit.add_instance(&new);
                    prop_assert_eq!(done.is_ok(), !has(*instance));
                    wanted.instances.push(new);
                    done
                }
                Change::Assign(instance, layer) => {
                    let layer = name(&l(*layer));
                    let there = manifest.stack.instance(&i(*instance));
                    if there.is_some_and(|there| there.layers.contains(&layer)) {
                        continue;
                    }
                    if let Some(there) = wanted.instances.iter_mut().find(|other| other.name == i(*instance)) {
                        there.layers.push(layer.clone());
                        there.layers.sort();
                    }
                    edit.assign(&i(*instance), &[layer])
                }
                Change::Unassign(instance) => {
                    if let Some(there) = wanted.instances.iter_mut().find(|other| other.name == i(*instance)) {
                        there.layers.clear();
                    }
                    edit.unassign(&i(*instance))
                }
                Change::Remove(instance) => {
                    wanted.instances.retain(|other| other.name != i(*instance));
                    edit.remove_instance(&i(*instance))
                }
            };
            if done.is_err() {
                continue;
            }
            manifest = edit.finish(Path::new("stacks/web.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"));
            prop_assert_eq!(&manifest.stack, &wanted);
        }
        let after = manifest.source().text();
        for kept in ["# top\n", "# of l2\n", "# app\n", "# end\n"] {
            prop_assert!(after.contains(kept), "{} is gone:\n{}", kept, after);
        }
        prop_assert_eq!(after.matches("# apart\n").count(), text.matches("# apart\n").count(), "{}", after);
    }
}
