//! No text makes reading, checking or rendering panic.

use std::path::Path;

use engine_manifest::parse;
use proptest::prelude::*;

const GOOD: &str = include_str!("manifests/good/full.toml");

fn survive(text: &str) {
    let name = "stack".parse().unwrap();
    match parse(name, text, Path::new("stacks/stack.toml")) {
        Ok(manifest) => drop(manifest.warnings().render(true)),
        Err(problems) => {
            assert!(problems.has_errors());
            assert!(problems.iter().all(|problem| !problem.message.is_empty()));
            assert!(!problems.render(true).is_empty());
            assert!(!problems.render(false).contains('\u{1b}'));
        }
    }
}

fn boundary(text: &str, index: prop::sample::Index) -> usize {
    text.floor_char_boundary(index.index(text.len() + 1))
}

#[test]
fn what_a_string_of_the_file_makes_of_escapes_does_not_reach_the_terminal() {
    for text in [
        r#""\e[2J" = 1"#,
        r#"layers."\e[2J" = {}"#,
        r#"layers.l.setup = ["\e[2J", "\e::\e", "l\e"]"#,
        r#"layers.l.after = ["\e[2J"]"#,
        r#"instances.a = { host = "\e[2J", hostname = "\e", layers = ["\e", "\e"] }"#,
        r#"apps.a.layers = ["\e[2J"]"#,
        r#"cookbooks."\e" = { path = "\e", grants = { files = ["\e"], "\e" = 1 } }"#,
    ] {
        survive(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn anything_that_looks_like_toml(text in r#"([\[\]{}=."a-c0-9\n, '\\u#\r\t-]|layers|instances|apps|cookbooks){0,60}"#) {
        survive(&text);
    }

    #[test]
    fn a_good_file_with_a_hole_and_a_patch(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        patch in r#"(\PC|[\n\[\]{}="',.]){0,12}"#,
    ) {
        let (from, to) = (boundary(GOOD, from), boundary(GOOD, to));
        let (from, to) = (from.min(to), from.max(to));
        survive(&[&GOOD[..from], &patch, &GOOD[to..]].concat());
    }

    #[test]
    fn a_good_file_with_lines_shuffled(lines in Just(GOOD.lines().collect::<Vec<_>>()).prop_shuffle(), kept in 0..70_usize) {
        survive(&lines.into_iter().take(kept).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_good_file_with_a_value_replaced(
        line in any::<prop::sample::Index>(),
        value in r#"(1|-1|0x1f|1e9|nan|true|"x"|""|"~"|\[\]|\[""\]|\[\["\*\*"\]\]|\{\}|\{a=1\}|1979-05-27)"#,
    ) {
        let assignments: Vec<usize> =
            GOOD.lines().enumerate().filter(|(_, line)| line.contains(" = ")).map(|(at, _)| at).collect();
        let chosen = assignments[line.index(assignments.len())];
        let replaced: Vec<String> = GOOD
            .lines()
            .enumerate()
            .map(|(at, line)| match line.split_once(" = ") {
                Some((key, _)) if at == chosen => format!("{key} = {value}"),
                _ => line.to_owned(),
            })
            .collect();
        survive(&replaced.join("\n"));
    }
}

#[test]
fn nesting_without_end() {
    for deep in [100, 100_000] {
        survive(&format!("attributes = {}", "[".repeat(deep)));
        survive(&format!("attributes = {}", "{a=".repeat(deep)));
        survive(&format!("attributes{} = 1", ".a".repeat(deep)));
        survive(&format!("[attributes{}]", ".a".repeat(deep)));
        survive(&format!("{}x = 1", "[[attributes.a]]\n".repeat(deep / 100)));
    }
}
