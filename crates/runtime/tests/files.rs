//! Files that are no cookbooks, or not the right ones: each is refused with what is wrong.

mod support;

use engine_contract::package::Bundle;
use engine_model::{CookbookReference, CookbookSource};
use support::*;

fn good() -> Guest {
    Guest::new("web").bundled("templates/a", "a").recipe("default", |g| g.file("/a", "b") + "(i32.const 0)")
}

fn message(bytes: &[u8]) -> String {
    load_message(bytes, everything())
}

#[test]
fn what_is_no_component_is_said_so() {
    insta::assert_snapshot!(message(b"#!/bin/sh\n"), @"this is not WebAssembly: the file begins with other bytes than `\\0asm`");
    insta::assert_snapshot!(message(b""), @"this is not WebAssembly: the file begins with other bytes than `\\0asm`");
    insta::assert_snapshot!(message(&wat::parse_str("(module)").unwrap()), @"this is a core WebAssembly module, not a component; link it with `wasm-component-ld` or wrap it with `wasm-tools component new`");
    insta::assert_snapshot!(message(&good().component()), @"the component has no `engine:metadata` section; make the cookbook with `engine cookbook build`");
}

#[test]
fn a_cookbook_without_recipes() {
    let component = wat::parse_str("(component)").unwrap();
    let error =
        engine_contract::package::pack(&component, &good().metadata(), &Bundle::default()).unwrap_err();
    insta::assert_snapshot!(error, @"the component does not export `engine:cookbook/recipes@0.2.0`");
    let other = "(component (instance $i) (export \"engine:cookbook/recipes@9.9.9\" (instance $i)))";
    let error = engine_contract::package::pack(
        &wat::parse_str(other).unwrap(),
        &good().metadata(),
        &Bundle::default(),
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @"the component is built against engine:cookbook@9.9.9, and this engine speaks 0.1.0 and 0.2.0; rebuild the cookbook or use another engine");
    let other = "(component (instance $i) (export \"engine:cookbook/recipes@0.2.0\" (instance $i)))";
    insta::assert_snapshot!(message(&good().pack(&wat::parse_str(other).unwrap())), @"its `engine:cookbook/recipes@0.2.0` has no function `run: func(recipe: string) -> result<_, error>`; build it against engine's WIT files");
}

#[test]
fn recipes_of_another_type_are_refused_when_loading() {
    let component = wat::parse_str(
        r#"(component (core module $m (func (export "run") (result i32) i32.const 0)) (core instance $i (instantiate $m))
        (alias core export $i "run" (core func $c)) (func $run (result u32) (canon lift (core func $c)))
        (instance $r (export "run" (func $run))) (export "engine:cookbook/recipes@0.2.0" (instance $r)))"#,
    );
    insta::assert_snapshot!(message(&good().pack(&component.unwrap())), @"its `engine:cookbook/recipes@0.2.0` has no function `run: func(recipe: string) -> result<_, error>`; build it against engine's WIT files");
}

#[test]
fn a_component_that_was_cut_anywhere_is_refused() {
    let bytes = good().packed();
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &bytes, everything());
    kitchen.load(None).unwrap();
    let end = bytes.len() - 300;
    for length in (0..end).step_by(13).chain(end..bytes.len()) {
        std::fs::write(kitchen.path("web"), &bytes[..length]).unwrap();
        assert!(kitchen.load(None).is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn a_component_with_any_byte_altered_is_refused_or_loads() {
    let bytes = good().packed();
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &bytes, everything());
    for position in (0..bytes.len()).step_by(131) {
        let mut altered = bytes.clone();
        altered[position] ^= 0x55;
        std::fs::write(kitchen.path("web"), &altered).unwrap();
        if kitchen.load(None).is_ok() {
            let _ = kitchen.evaluate(&["web"]);
        }
    }
}

#[test]
fn another_version_of_the_contract() {
    let mut metadata = good().metadata();
    metadata.wit = Some("0.1.0".parse().unwrap());
    let error =
        engine_contract::package::pack(&good().component(), &metadata, &Bundle::default()).unwrap_err();
    insta::assert_snapshot!(error, @"the component speaks engine:cookbook@0.2.0 and engine:cookbook@0.1.0; build all of it against one version");
    let importing = r#"(component (import "engine:cookbook/files@9.9.9" (instance)))"#;
    insta::assert_snapshot!(message(&wat::parse_str(importing).unwrap()), @"the component is built against engine:cookbook@9.9.9, and this engine speaks 0.1.0 and 0.2.0; rebuild the cookbook or use another engine");
}

#[test]
fn another_name_than_in_the_stack_file() {
    let mut other = good();
    other.name = "nginx".to_owned();
    insta::assert_snapshot!(message(&other.packed()), @"it says that its name is `nginx`; name it so in the stack file");
}

#[test]
fn a_memory_that_is_too_large_from_the_start() {
    let component = wat::parse_str(
        r#"(component (core module $m (memory 4000)) (core instance (instantiate $m))
        (instance $r) (export "engine:cookbook/recipes@0.2.0" (instance $r)))"#,
    );
    insta::assert_snapshot!(message(&good().pack(&component.unwrap())), @"it needs more than a cookbook may have: memory has a minimum byte size of 262144000 which exceeds the limit of 0x1000000 bytes");
}

#[test]
fn places_without_a_component() {
    let mut kitchen = Kitchen::new(limits());
    let place = kitchen.directory.path().join("cookbook");
    let source = CookbookSource::Path(place.clone());
    kitchen.references.push(CookbookReference { name: "web".parse().unwrap(), source, grants: everything() });
    let message = |kitchen: &mut Kitchen| {
        let error = kitchen.load(None).unwrap_err().remove(0).to_string();
        error.replace(kitchen.directory.path().to_str().unwrap(), "")
    };
    insta::assert_snapshot!(message(&mut kitchen), @"cookbook `web` (/cookbook): No such file or directory (os error 2)");
    std::fs::create_dir_all(place.join("target")).unwrap();
    insta::assert_snapshot!(message(&mut kitchen), @"cookbook `web` (/cookbook): it is not built yet; run `engine cookbook build /cookbook`");
    std::fs::write(place.join("target/web.wasm"), good().packed()).unwrap();
    kitchen.load(None).unwrap();
    assert_eq!(kitchen.runtime.cookbook("web").unwrap().package.metadata.name, "web");
}

#[test]
fn all_bad_cookbooks_are_reported() {
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", b"x", everything());
    kitchen.add("base", b"y", everything());
    let errors = kitchen.load(None).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.cookbook.as_str()).collect::<Vec<_>>(), ["web", "base"]);
}
