//! What `docs/facts.md` says is complete.

use std::{collections::BTreeSet, fs, path::Path};

use engine_protocol::facts::{Address, Cloud, Disk, Facts, Filesystem, Group, Interface, Partition, User};
use serde_json::Value;
use wit_parser::{Function, Resolve};

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Words in backticks in the cells of a column of all tables.
fn column(text: &str, column: usize) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Paths of all values: `platform.name`, `disks[].model`.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    // Their parts are said beside them; the keys of tags are the operator's.
    let whole = ["disks[].partitions", "interfaces[].addresses", "cloud.tags"].contains(&path);
    match value {
        Value::Object(map) if !whole => {
            for (key, value) in map {
                paths(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(list) if !whole && list.iter().any(Value::is_object) => {
            for value in list {
                paths(value, &format!("{path}[]"), found);
            }
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_reference_has_every_fact() {
    let facts = Facts {
        cloud: Some(Cloud::default()),
        disks: vec![Disk { partitions: vec![Partition::default()], ..Disk::default() }],
        filesystems: vec![Filesystem::default()],
        interfaces: vec![Interface { addresses: vec![Address::default()], ..Interface::default() }],
        users: vec![User::default()],
        groups: vec![Group::default()],
        ..Facts::default()
    };
    let mut all = BTreeSet::new();
    paths(&serde_json::to_value(facts).unwrap(), "", &mut all);
    let written = column(&repository("docs/facts.md"), 0);
    assert_eq!(all.difference(&written).collect::<Vec<_>>(), [""; 0]);
    assert!(all.contains("disks[].partitions") && all.contains("platform.family"), "{all:?}");
}

#[test]
fn the_reference_has_every_function() {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(engine_contract::WIT_VERSION);
    let (package, _) = resolve.push_dir(wit).unwrap();
    let facts = resolve.packages[package].interfaces["facts"];
    let text = repository("docs/facts.md");
    // What gives lists and handles stands in the text between the tables.
    let said: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
    let functions = resolve.interfaces[facts].functions.values();
    let missing: Vec<&str> = functions.map(Function::item_name).filter(|name| !said.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}
