//! What a cookbook may import and declare.

mod support;

use engine_protocol::Grants;
use support::*;

fn motd() -> Guest {
    Guest::new("web").recipe("default", |g| g.file("/etc/motd", "") + "(i32.const 0)")
}

#[test]
fn an_import_needs_a_grant() {
    insta::assert_snapshot!(load_message(&motd().packed(), Grants::default()), @"it imports the capability `files`, of which the stack file grants nothing; review what it asks for with `engine cookbook inspect`, then grant it under [cookbooks.web.grants] as `files = [...]`");
    let services = Grants { services: vec!["nginx".to_owned()], ..Grants::default() };
    insta::assert_snapshot!(load_message(&motd().packed(), services), @"it imports the capability `files`, of which the stack file grants nothing; review what it asks for with `engine cookbook inspect`, then grant it under [cookbooks.web.grants] as `files = [...]`");
}

#[test]
fn a_path_outside_of_the_grants_is_denied() {
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &motd().packed(), files(&["/srv/**"]));
    kitchen.load(None).unwrap();
    insta::assert_snapshot!(kitchen.evaluate(&["web"]).unwrap_err(), @"file[/etc/motd]: cookbook `web` is not granted files `/etc/motd`; if it should be, add it to [cookbooks.web.grants] in the stack file");
}

#[test]
fn a_denied_resource_is_not_handed_to_a_checkpoint() {
    let guest = Guest::new("web").recipe("default", |g| {
        g.file("/etc/motd", "") + &g.file("/etc/passwd", "") + &attempt("checkpoint", "") + "(i32.const 0)"
    });
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &guest.packed(), files(&["/srv/**"]));
    kitchen.load(None).unwrap();
    let observed = Observed::default();
    let message = kitchen.evaluate_with(&["web"], &observed).unwrap_err().message;
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "recipe `web::default` was ended: file[/etc/motd]: cookbook `web` is not granted files `/etc/motd`; if it should be, add it to [cookbooks.web.grants] in the stack file",
            "file[/etc/passwd]: cookbook `web` is not granted files `/etc/passwd`; if it should be, add it to [cookbooks.web.grants] in the stack file",
        ]
    );
    assert!(observed.batches.lock().unwrap().is_empty());
}

/// A component that imports something, with a body for its one recipe.
fn importing(imports: &str, core_imports: &str, with: &str, body: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
        (type $e (record (field "code" string) (field "resource" string) (field "property" string) (field "message" string)))
        (import "engine:cookbook/types@0.2.0" (instance $types (alias outer 1 $e (type $e)) (export "error" (type (eq $e)))))
        (alias export $types "error" (type $error))
        {imports}
        (core module $m {core_imports}
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 32768)
          (func (export "run") (param i32 i32) (result i32) {body}))
        (core instance $i (instantiate $m {with}))
        (alias core export $libc "memory" (core memory $memory))
        (alias core export $i "realloc" (core func $realloc))
        (alias core export $i "run" (core func $core-run))
        (func $run (param "recipe" string) (result (result (error $error)))
          (canon lift (core func $core-run) (memory $memory) (realloc $realloc)))
        (instance $r (export "error" (type $error)) (export "run" (func $run)))
        (export "engine:cookbook/recipes@0.2.0" (instance $r)))"#
    );
    motd().pack(&wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

const LIBC: &str = "(core module $l (memory (export \"memory\") 1)) (core instance $libc (instantiate $l))";

#[test]
fn imports_that_nobody_offers() {
    for name in [
        "wasi:http/outgoing-handler@0.2.0",
        "engine:cookbook/passwords@0.2.0",
        "engine:cookbook/files",
        "evil:host/shell@1.0.0",
    ] {
        let bytes = importing(&format!("(import \"{name}\" (instance)) {LIBC}"), "", "", "i32.const 0");
        assert_eq!(
            load_message(&bytes, everything()),
            format!("it imports `{name}`, which engine does not offer")
        );
    }
}

#[test]
fn an_import_of_another_type_than_is_offered() {
    let import =
        r#"(import "engine:cookbook/facts@0.2.0" (instance (export "hostname" (func (result u32)))))"#;
    let bytes = importing(&format!("{import} {LIBC}"), "", "", "i32.const 0");
    insta::assert_snapshot!(load_message(&bytes, everything()), @"component imports instance `engine:cookbook/facts@0.2.0`, but a matching implementation was not found in the linker: instance export `hostname` has the wrong type: type mismatch with results: expected `string` found `u32`");
    let import =
        r#"(import "engine:cookbook/facts@0.2.0" (instance (export "password" (func (result string)))))"#;
    let bytes = importing(&format!("{import} {LIBC}"), "", "", "i32.const 0");
    insta::assert_snapshot!(load_message(&bytes, everything()), @"component imports instance `engine:cookbook/facts@0.2.0`, but a matching implementation was not found in the linker: instance export `password` has the wrong type: function implementation is missing");
}

#[test]
fn the_clocks_stand_still() {
    let imports = format!(
        r#"(import "wasi:clocks/wall-clock@0.2.0" (instance $wall
          (type $d (record (field "seconds" u64) (field "nanoseconds" u32))) (export "datetime" (type $datetime (eq $d)))
          (export "now" (func (result $datetime)))))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $monotonic (export "now" (func (result u64)))))
        {LIBC} (alias core export $libc "memory" (core memory $mem))
        (alias export $wall "now" (func $wall-now)) (core func $w (canon lower (func $wall-now) (memory $mem)))
        (alias export $monotonic "now" (func $monotonic-now)) (core func $n (canon lower (func $monotonic-now)))
        (core instance $host (export "wall" (func $w)) (export "monotonic" (func $n)))"#
    );
    let core = r#"(import "host" "wall" (func $wall (param i32))) (import "host" "monotonic" (func $monotonic (result i64)))
        (import "libc" "memory" (memory 1))"#;
    let with = r#"(with "host" (instance $host)) (with "libc" (instance $libc))"#;
    let body = r"(i32.store (i32.const 256) (i32.const -1)) (call $wall (i32.const 256))
        (if (i64.ne (i64.load (i32.const 256)) (i64.const 0)) (then unreachable))
        (if (i64.ne (call $monotonic) (i64.const 0)) (then unreachable))
        (i32.const 0)";
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &importing(&imports, core, with, body), Grants::default());
    kitchen.load(None).unwrap();
    kitchen.evaluate(&["web"]).unwrap();
}

#[test]
fn nobody_can_sleep_in_the_host() {
    let imports = format!(
        r#"(import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type $pollable (sub resource)))
          (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
        (alias export $poll "pollable" (type $p))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
          (alias outer 1 $p (type $p)) (export "pollable" (type $pollable (eq $p)))
          (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))
          (export "subscribe-instant" (func (param "when" u64) (result (own $pollable))))))
        {LIBC}
        (alias export $poll "[method]pollable.block" (func $block)) (core func $b (canon lower (func $block)))
        (alias export $clock "subscribe-duration" (func $duration)) (core func $d (canon lower (func $duration)))
        (alias export $clock "subscribe-instant" (func $instant)) (core func $t (canon lower (func $instant)))
        (core instance $host (export "block" (func $b)) (export "duration" (func $d)) (export "instant" (func $t)))"#
    );
    let core = r#"(import "host" "block" (func $block (param i32)))
        (import "host" "duration" (func $duration (param i64) (result i32)))
        (import "host" "instant" (func $instant (param i64) (result i32)))"#;
    let body = "(call $block (call $duration (i64.const 3600000000000))) (call $block (call $instant (i64.const -1))) (i32.const 0)";
    let mut kitchen = Kitchen::new(limits());
    let bytes = importing(&imports, core, "(with \"host\" (instance $host))", body);
    kitchen.add("web", &bytes, Grants::default());
    kitchen.load(None).unwrap();
    let begun = std::time::Instant::now();
    kitchen.evaluate(&["web"]).unwrap();
    assert!(begun.elapsed().as_secs() < 60);
}
