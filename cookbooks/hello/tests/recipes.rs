//! Facts and attributes in, the collection out.

use engine_sdk::{json, testing::Harness};
use hello::RECIPES;

fn harness() -> Harness {
    Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES)
}

#[test]
fn the_metadata_is_of_this_cookbook() {
    harness().check_metadata();
}

#[test]
fn default() {
    insta::assert_snapshot!(harness().run("default").unwrap());
}

#[test]
fn a_directory_that_was_not_granted_is_refused() {
    let attributes = json!({"hello": {"directory": "/etc"}});
    insta::assert_snapshot!(harness().attributes(attributes).run("default").unwrap_err());
}
