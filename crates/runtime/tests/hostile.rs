//! Recipes that misbehave: each is ended with a message that says why.

mod support;

use std::{fmt::Write as _, time::Duration};

use engine_runtime::EvaluationLimits;
use support::*;

const LOOP: &str = "(loop $again (br $again)) (i32.const 0)";

/// What a recipe with this body ends with.
fn ended(body: &str) -> String {
    failure(&Guest::new("web").body(body), limits())
}

#[test]
fn a_trap() {
    insta::assert_snapshot!(ended("unreachable"), @"recipe `web::default` was ended: it trapped: wasm trap: wasm `unreachable` instruction executed");
    insta::assert_snapshot!(ended("(i32.load (i32.const -4))"), @"recipe `web::default` was ended: it trapped: wasm trap: out of bounds memory access");
}

#[test]
fn a_loop_uses_up_its_fuel() {
    let limits = EvaluationLimits { fuel: 1_000_000, ..limits() };
    insta::assert_snapshot!(failure(&Guest::new("web").body(LOOP), limits), @"recipe `web::default` was ended: it used up its fuel of 1000000 instructions; does it loop?");
}

#[test]
fn a_loop_with_much_fuel_sees_its_deadline() {
    let limits = EvaluationLimits { fuel: u64::MAX, deadline: Duration::from_millis(300), ..limits() };
    insta::assert_snapshot!(failure(&Guest::new("web").body(LOOP), limits), @"recipe `web::default` was ended: it did not end within 0.3 s; does it loop?");
}

#[test]
fn memory_without_end() {
    insta::assert_snapshot!(
        ended("(loop $more (drop (memory.grow (i32.const 16))) (br $more)) (i32.const 0)"),
        @"recipe `web::default` was ended: it needs more than 16 MiB of memory"
    );
}

#[test]
fn calls_without_end() {
    let guest = Guest::new("web")
        .raw("(func $deeper (call $deeper) (call $deeper))")
        .body("(call $deeper) (i32.const 0)");
    insta::assert_snapshot!(failure(&guest, limits()), @"recipe `web::default` was ended: it used up its stack; does it call itself without end?");
}

/// Each recipe nearly uses up its stack and then includes the next: together they would use up the
/// thread's.
#[test]
fn recipes_that_include_one_another_deep_in_their_stacks() {
    let mut guest = Guest::new("web").raw(
        "(func $down (param $depth i32) (param $at i32) (param $length i32)
           (if (local.get $depth)
             (then (call $down (i32.sub (local.get $depth) (i32.const 1)) (local.get $at) (local.get $length))
                   (i32.store (i32.const 128) (local.get $depth)))
             (else (call $include-recipe (local.get $at) (local.get $length) (i32.const 64)))))",
    );
    for depth in 0..15 {
        let name = if depth == 0 { "default".to_owned() } else { format!("r{depth}") };
        guest = guest.recipe(&name, |g| {
            let next = g.s(&format!("web::r{}", depth + 1));
            format!("(call $down (i32.const 9000) {next}) {RET}")
        });
    }
    let guest = guest.recipe("r15", |g| g.file("/deep", "") + "(i32.const 0)");
    assert_eq!(evaluate(&guest).unwrap().resources.len(), 1);
}

#[test]
fn a_million_resources() {
    let guest = Guest::new("web").recipe("default", |g| {
        let file = g.declare("file", "/x");
        format!("(loop $more {file} (br $more)) (i32.const 0)")
    });
    insta::assert_snapshot!(failure(&guest, limits()), @"recipe `web::default` failed: recipes may declare 20000 resources at the most");
}

#[test]
fn more_bytes_than_allowed() {
    let limits = EvaluationLimits { payload_bytes: 100_000, ..limits() };
    let guest = Guest::new("web").recipe("default", |g| {
        let file = g.file("/x", &"x".repeat(1000));
        format!("(loop $more {file} (br $more)) (i32.const 0)")
    });
    insta::assert_snapshot!(failure(&guest, limits), @"recipe `web::default` failed: recipes may declare 100000 bytes at the most");
}

#[test]
fn more_bytes_in_guards_than_allowed() {
    let limits = EvaluationLimits { payload_bytes: 100_000, ..limits() };
    let guest = Guest::new("web").recipe("default", |g| {
        let path = g.s(&format!("/{}", "x".repeat(1000)));
        format!("(loop $more {} (br $more)) (i32.const 0)", attempt("exists", &path))
    });
    insta::assert_snapshot!(failure(&guest, limits), @"recipe `web::default` failed: recipes may declare 100000 bytes at the most");
    let guest = Guest::new("web").recipe("default", |g| {
        let path = g.s(&format!("/{}", "x".repeat(1000)));
        let take = attempt("only-if", "(local.get $d) (local.get $i)");
        g.declare("file", "/x")
            + "(local.set $d (call $file.declaration (local.get $h)))"
            + &attempt("exists", &path)
            + "(local.set $i (i32.load (i32.const 68)))"
            + &format!("(loop $more {take} (br $more)) (i32.const 0)")
    });
    insta::assert_snapshot!(failure(&guest, limits), @"recipe `web::default` failed: recipes may declare 100000 bytes at the most");
}

#[test]
fn more_bytes_in_names_to_notify_than_allowed() {
    let limits = EvaluationLimits { payload_bytes: 100_000, ..limits() };
    let guest = Guest::new("web").recipe("default", |g| {
        let (action, target) = (g.s("restart"), g.s(&"x".repeat(1000)));
        let notify = attempt("notifies", &format!("(local.get $d) {action} {target} (i32.const 2)"));
        g.declare("file", "/x")
            + "(local.set $d (call $file.declaration (local.get $h)))"
            + &format!("(loop $more {notify} (br $more)) (i32.const 0)")
    });
    insta::assert_snapshot!(failure(&guest, limits), @"recipe `web::default` failed: recipes may declare 100000 bytes at the most");
}

#[test]
fn files_of_the_bundle_count_each_time() {
    let limits = EvaluationLimits { payload_bytes: 100_000, ..limits() };
    let guest = Guest::new("web").bundled("files/big", &"x".repeat(30_000)).recipe("default", |g| {
        let mut text = String::new();
        for n in 0..4 {
            text += &g.declare("cookbook-file", &format!("/{n}"));
            text += &g.set("cookbook-file.source", "big");
        }
        text + "(i32.const 0)"
    });
    insta::assert_snapshot!(failure(&guest, limits), @"cookbook_file[/3]: recipes may declare 100000 bytes at the most");
}

#[test]
fn a_template_that_calls_itself_without_end() {
    let guest = Guest::new("web")
        .bundled("templates/t", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")
        .recipe("default", |g| {
            g.declare("template", "/t")
                + &g.set("template.source", "t")
                + &attempt("checkpoint", "")
                + "(i32.const 0)"
        });
    let message = failure(&guest, limits());
    assert!(message.contains("recursion"), "{message}");
}

#[test]
fn a_forged_handle() {
    let guest = Guest::new("web").recipe("default", |g| {
        let text = g.s("x");
        attempt("file.content", &format!("(i32.const 77) {text}")) + "(i32.const 0)"
    });
    insta::assert_snapshot!(failure(&guest, limits()), @"recipe `web::default` was ended: unknown handle index 77");
}

#[test]
fn a_handle_of_another_type() {
    let guest = Guest::new("web").recipe("default", |g| {
        let text = g.s("x");
        g.declare("service", "nginx")
            + &attempt("file.content", &format!("(local.get $h) {text}"))
            + "(i32.const 0)"
    });
    insta::assert_snapshot!(failure(&guest, limits()), @"recipe `web::default` was ended: handle index 1 used with the wrong type, expected guest-defined resource but found a different guest-defined resource");
}

#[test]
fn a_flood_of_messages() {
    let guest = Guest::new("web")
        .recipe("default", |g| format!("(loop $more {} (br $more)) (i32.const 0)", g.log("x")));
    let limits = EvaluationLimits { log_messages: 100, ..limits() };
    insta::assert_snapshot!(failure(&guest, limits), @"recipe `web::default` was ended: it logs more than 100 messages");
}

#[test]
fn nothing_that_a_terminal_obeys_comes_through() {
    let text = "\u{1b}[2J\u{9b}1m\r\u{202e}ok\n";
    let guest = Guest::new("web").recipe("default", |g| {
        let message = g.s(text);
        let address = message.split_whitespace().nth(1).unwrap().trim_end_matches(')').to_owned();
        g.log(text)
            + &g.log(&"ü".repeat(10_000))
            + &format!(
                "(i32.store (i32.const 64) (i32.const 1))
                 (i32.store (i32.const 92) (i32.const {address})) (i32.store (i32.const 96) (i32.const {})) {RET}",
                text.len()
            )
    });
    let observed = Observed::default();
    let failure = kitchen(limits(), &[&guest]).evaluate_with(&["web"], &observed).unwrap_err();
    let messages = observed.messages();
    assert_eq!(messages[0], "\\u{1b}[2J\\u{9b}1m\\r\\u{202e}ok\n");
    assert!(messages[1].ends_with("ü… (3616 bytes more)"), "{}", &messages[1][16_000..]);
    assert_eq!(failure.message, "recipe `web::default` failed: \\u{1b}[2J\\u{9b}1m\\r\\u{202e}ok\n");
}

#[test]
fn an_error_of_its_own() {
    let guest = Guest::new("web").recipe("default", |g| {
        let mut text = "(i32.store (i32.const 64) (i32.const 1))".to_owned();
        for (at, part) in ["busy", "file[/x]", "mode", "try later"].into_iter().enumerate() {
            let part = g.s(part);
            let (address, length) = part.split_once(") ").unwrap();
            let place = 68 + at * 8;
            let _ = write!(
                text,
                "(i32.store (i32.const {place}) {address})) (i32.store (i32.const {}) {length})",
                place + 4
            );
        }
        text + RET
    });
    insta::assert_snapshot!(failure(&guest, limits()), @"recipe `web::default` failed: file[/x]: mode: try later");
}
