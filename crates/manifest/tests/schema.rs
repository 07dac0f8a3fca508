//! The schema that is checked in is the one that the code makes.

use std::{env, fs, path::Path};

#[test]
fn the_schema_in_docs_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stack.schema.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&engine_manifest::schema()).unwrap());
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == made, "docs/stack.schema.json is stale; run this test with UPDATE_SCHEMA=1");
}

#[test]
fn every_key_is_described_and_no_other_is_allowed() {
    let schema = engine_manifest::schema();
    let tables = schema["definitions"].as_object().unwrap().values().chain([&schema]);
    let mut count = 0;
    for table in tables {
        assert_eq!(table["additionalProperties"], false, "{table}");
        for (key, value) in table["properties"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{key}");
            count += 1;
        }
    }
    assert!(count > 40);
}
