//! What the WIT files name, the host has; and what handles stand for.

mod support;

use std::path::Path;

use support::*;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A component that imports all of the contract.
fn importing_everything() -> Vec<u8> {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(engine_contract::WIT_VERSION);
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory).unwrap();
    let world = resolve.select_world(&[package], Some("cookbook")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

#[test]
fn the_host_has_all_that_the_wit_files_name() {
    let component = importing_everything();
    let text = String::from_utf8_lossy(&component);
    for name in
        ["[method]account-group.members", "find-user", "[method]declaration.retries", "[static]file.declare"]
    {
        assert!(text.contains(name), "{name} is not imported");
    }
    let guest = Guest::new("web").recipe("default", |_| String::new());
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &guest.pack(&component), everything());
    kitchen.load(None).unwrap_or_else(|errors| panic!("{errors:?}"));
}

#[test]
fn a_handle_speaks_of_what_was_when_it_was_asked_for() {
    let first = "(local.set $h (i32.load (i32.load (i32.const 64))))";
    let name = format!("(call $disk.name (local.get $h) {RET})") + &Guest::log_at(64);
    let guest = Guest::new("web").recipe("default", |g| {
        format!("(call $disk.all {RET})")
            + first
            + &name
            + &g.file("/before", "")
            + &format!("(call $disk.all {RET})")
            + first
            + &attempt("checkpoint", "")
            + &name
            + &format!("(call $disk.all {RET})")
            + first
            + &name
            + "(i32.const 0)"
    });
    let observed = Observed::default();
    kitchen(limits(), &[&guest]).evaluate_with(&["web"], &observed).unwrap();
    assert_eq!(observed.messages(), ["disk of node-1", "disk of node-1", "disk of after"]);
}
