use serde_json::{Value, json};

use super::*;

/// What an event of `web-1` is told as.
fn told(kind: &str, fields: &Value) -> String {
    let mut event = json!({"type": kind, "instance": "web-1"});
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Plain::new(true, Mode::Apply, 6).text(&serde_json::from_value(event).unwrap())
}

fn finished(name: &str, status: &Value, changes: &Value) -> String {
    told(
        "resource_finished",
        &json!({
            "event": "setup",
            "resource": {"name": name, "recipe": "site::default", "sensitive": false},
            "notified_by": null,
            "outcome": {"resource": 0, "action": "create", "status": status, "changes": changes,
                        "notified_by": null, "duration_us": 7},
        }),
    )
}

/// Without our own colours, which stand at known places.
fn bare(text: &str) -> String {
    [
        "\u{1b}[1m",
        "\u{1b}[31m",
        "\u{1b}[32m",
        "\u{1b}[33m",
        "\u{1b}[34m",
        "\u{1b}[35m",
        "\u{1b}[36m",
        "\u{1b}[0m",
    ]
    .iter()
    .fold(text.to_owned(), |text, colour| text.replace(colour, ""))
}

#[test]
fn a_path_cannot_forge_a_line() {
    let text = finished("file[/x\u{1b}[1A\u{1b}[2K\nweb-1   = up to date]", &json!("changed"), &json!([]));
    assert_eq!(
        bare(&text),
        "web-1   ~ changed file[/x\\u{1b}[1A\\u{1b}[2K\\nweb-1   = up to date] (create) [site::default, 7 us]\n"
    );
}

#[test]
fn a_diff_keeps_its_lines_and_our_colours_alone() {
    let diff = json!([{"diff": {"unified": "@@ -1 +1 @@\n-a\tb\n+c\u{1b}[8m\r\n", "truncated": false}}]);
    let text = finished("file[/x]", &json!("changed"), &diff);
    let lines: Vec<&str> = text.lines().skip(1).map(str::trim_start).collect();
    assert_eq!(
        lines,
        ["\u{1b}[36m@@ -1 +1 @@\u{1b}[0m", "\u{1b}[31m-a\tb\u{1b}[0m", "\u{1b}[32m+c\\u{1b}[8m\\r\u{1b}[0m"]
    );
}

#[test]
fn output_and_values_are_shown_with_their_escapes() {
    let changes = json!([
        {"output": {"text": "\u{1b}]0;title\u{7}ok\nweb-1   = up to date\n"}},
        {"property": {"name": "owner", "old": "a\u{1b}[K", "new": "b\nc"}},
        {"done": {"what": "restarted\u{1b}c"}},
        {"binary": {"old": null, "new": "1 byte\u{9b}"}},
    ]);
    let text = finished("execute[x]", &json!("changed"), &changes);
    insta::assert_snapshot!(bare(&text), @r"
    web-1   ~ changed execute[x] (create) [site::default, 7 us]
                | \u{1b}]0;title\u{7}ok
                | web-1   = up to date
                owner: a\u{1b}[K -> b\nc
                restarted\u{1b}c
                content: (none) -> 1 byte\u{9b}
    ");
}

#[test]
fn reasons_errors_hints_and_messages_stay_behind_their_instance() {
    let evil = "no\u{1b}[31m\nweb-2   = up to date";
    let failed = json!({"failed": {"error": evil, "ignored": false}});
    let events = [
        finished("file[/x]", &failed, &json!([])),
        finished("file[/x]", &json!({"skipped": {"reason": evil}}), &json!([])),
        finished("file[/x]", &json!({"unknown": {"because": evil}}), &json!([])),
        told("unreachable", &json!({"error": evil, "hint": evil, "known": false})),
        told(
            "evaluation_failed",
            &json!({"event": "setup", "recipe": null, "error": evil, "details": [evil]}),
        ),
        told("log", &json!({"recipe": evil, "level": "info", "message": evil})),
        told(
            "waiting",
            &json!({"resource": {"name": evil, "recipe": evil, "sensitive": false}, "message": evil}),
        ),
        told(
            "node_finished",
            &json!({"result": {"result": "connection_lost", "error": evil}, "duration_ms": 1,
                   "counts": {"changed": 0, "up_to_date": 0, "skipped": 0, "failed": 0, "unknown": 0}}),
        ),
    ];
    for text in events.map(|text| bare(&text)) {
        assert!(text.contains("no\\u{1b}[31m"), "{text:?}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(text.lines().all(|line| line.starts_with("web-1 ") || line.starts_with("      ")), "{text}");
    }
}

#[test]
fn errors_in_the_summary_are_told_apart_from_it() {
    let error = "no\u{1b}[2J\n3 hosts ok";
    let text = told(
        "run_finished",
        &json!({"summary": {"duration_ms": 1, "stopped": false, "nodes": [
            {"instance": "web-1", "result": {"result": "failed", "error": error}, "duration_ms": 1,
             "counts": {"changed": 0, "up_to_date": 0, "skipped": 0, "failed": 1, "unknown": 0}},
        ]}}),
    );
    assert!(bare(&text).contains("web-1: no\\u{1b}[2J\n  3 hosts ok\n1 of 1 host failed"), "{text:?}");
}

#[test]
fn who_was_left_out_is_not_ok() {
    let counts = json!({"changed": 0, "up_to_date": 0, "skipped": 0, "failed": 0, "unknown": 0});
    let node = |name: &str, result: &str| {
        json!({"instance": name, "duration_ms": 1, "counts": counts,
        "result": if result == "successful" { json!({"result": result}) } else { json!({"result": result, "error": "no"}) }})
    };
    let end = |nodes: &[serde_json::Value]| {
        let summary = json!({"summary": {"duration_ms": 1, "stopped": false, "nodes": nodes}});
        bare(&told("run_finished", &summary)).lines().last().unwrap_or_default().to_owned()
    };
    let (there, away) = (node("web-1", "successful"), node("web-2", "left_out"));
    assert!(end(&[there, away.clone()]).starts_with("1 host ok, 1 left out; "));
    assert!(end(&[away]).starts_with("nobody was reached: 1 host left out; "));
}

#[test]
fn a_change_that_is_not_confirmed_says_until_when_it_is_put_back() {
    let resources = json!(["file[/x\n]"]);
    let fields = json!({"resources": resources, "error": "login refused", "reverts_at": 86_400 + 3_723});
    let text = told("not_confirmed", &fields);
    assert_eq!(
        bare(&text),
        "web-1   ! not confirmed, put back by 01:02:03 UTC: file[/x\\n]: login refused\n"
    );
    assert_eq!(told("confirmed", &json!({"resources": ["file[/x]"]})), "web-1   confirmed file[/x]\n");
}
