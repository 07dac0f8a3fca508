//! The text of a component that holds a guest's recipes.

use std::{collections::BTreeSet, fmt::Write as _};

use super::Guest;

/// Where a guest's texts begin in its memory.
pub const STRINGS: usize = 4096;

const FALLIBLE: &str = "(result (result (error $error)))";

/// Name in the core module, interface, name there, parameters, result, core parameters.
type Function = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const OWN: &str = "(result (result (own $it) (error $error)))";
const FUNCTIONS: &[Function] = &[
    ("hostname", "facts", "hostname", "", "(result string)", "i32"),
    ("disk.all", "facts", "disks", "", "(result (list (own $it)))", "i32"),
    (
        "disk.name",
        "facts",
        "[method]disk.name",
        "(param \"self\" (borrow $it))",
        "(result string)",
        "i32 i32",
    ),
    (
        "attribute-text",
        "attributes",
        "text",
        "(param \"path\" string)",
        "(result (result (option string) (error $error)))",
        "i32 i32 i32",
    ),
    ("log", "log", "write", "(param \"level\" $level) (param \"message\" string)", "", "i32 i32 i32"),
    (
        "secret",
        "secrets",
        "placeholder",
        "(param \"name\" string)",
        "(result (result string (error $error)))",
        "i32 i32 i32",
    ),
    ("include-recipe", "evaluation", "include-recipe", "(param \"name\" string)", FALLIBLE, "i32 i32 i32"),
    (
        "custom-resource",
        "evaluation",
        "custom-resource",
        "(param \"name\" string) (param \"properties\" string)",
        "(result (result string (error $error)))",
        "i32 i32 i32 i32 i32",
    ),
    ("checkpoint", "evaluation", "checkpoint", "", FALLIBLE, "i32"),
    (
        "action",
        "common",
        "[method]declaration.action",
        "(param \"self\" (borrow $declaration)) (param \"actions\" (list string))",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    (
        "notifies",
        "common",
        "[method]declaration.notifies-named",
        "(param \"self\" (borrow $declaration)) (param \"action\" string) (param \"target\" string) (param \"timing\" $timing)",
        FALLIBLE,
        "i32 i32 i32 i32 i32 i32 i32",
    ),
    (
        "only-if",
        "common",
        "[method]declaration.only-if",
        "(param \"self\" (borrow $declaration)) (param \"guard\" (borrow $guard))",
        FALLIBLE,
        "i32 i32 i32",
    ),
    (
        "exists",
        "files",
        "exists",
        "(param \"path\" string)",
        "(result (result (own $guard) (error $error)))",
        "i32 i32 i32",
    ),
    ("file.declare", "files", "[static]file.declare", "(param \"path\" string)", OWN, "i32 i32 i32"),
    (
        "file.declaration",
        "files",
        "[method]file.declaration",
        "(param \"self\" (borrow $it))",
        "(result (own $declaration))",
        "i32) (result i32",
    ),
    (
        "file.content",
        "files",
        "[method]file.content",
        "(param \"self\" (borrow $it)) (param \"value\" string)",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    (
        "file.mode",
        "files",
        "[method]file.mode",
        "(param \"self\" (borrow $it)) (param \"value\" string)",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    ("template.declare", "files", "[static]template.declare", "(param \"path\" string)", OWN, "i32 i32 i32"),
    (
        "template.source",
        "files",
        "[method]template.source",
        "(param \"self\" (borrow $it)) (param \"value\" string)",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    (
        "template.variables",
        "files",
        "[method]template.variables",
        "(param \"self\" (borrow $it)) (param \"value\" string)",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    (
        "cookbook-file.declare",
        "files",
        "[static]cookbook-file.declare",
        "(param \"path\" string)",
        OWN,
        "i32 i32 i32",
    ),
    (
        "cookbook-file.source",
        "files",
        "[method]cookbook-file.source",
        "(param \"self\" (borrow $it)) (param \"value\" string)",
        FALLIBLE,
        "i32 i32 i32 i32",
    ),
    ("service.declare", "services", "[static]service.declare", "(param \"name\" string)", OWN, "i32 i32 i32"),
    (
        "service.declaration",
        "services",
        "[method]service.declaration",
        "(param \"self\" (borrow $it))",
        "(result (own $declaration))",
        "i32) (result i32",
    ),
    (
        "succeeds",
        "execute",
        "succeeds",
        "(param \"argv\" (list string))",
        "(result (result (own $guard) (error $error)))",
        "i32 i32 i32",
    ),
];

const ERROR: &str = r#"(type $e (record (field "code" string) (field "resource" string) (field "property" string) (field "message" string)))
(export "error" (type $error (eq $e)))"#;

/// All words of the text that begin with `$`.
fn identifiers(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| c.is_whitespace() || "()".contains(c))
        .filter_map(|word| word.strip_prefix('$'))
        .collect()
}

pub fn text(guest: &Guest) -> String {
    let bodies = guest.recipes.iter().map(|(_, body)| body.as_str());
    let resource = guest.resource.iter().map(|(.., body)| body.as_str());
    let code: String = bodies.chain(resource).chain([guest.raw.as_str()]).collect();
    let words = identifiers(&code);
    let used: Vec<&Function> = FUNCTIONS.iter().filter(|(id, ..)| words.contains(id)).collect();
    let version = guest.version;
    let mut text = String::from("(component\n");
    let _ = writeln!(text, "(import \"engine:cookbook/types@{version}\" (instance $types {ERROR}))");
    text.push_str("(alias export $types \"error\" (type $error))\n");
    for interface in
        ["common", "facts", "attributes", "log", "evaluation", "files", "services", "execute", "secrets"]
    {
        if interface == "common" || used.iter().any(|(_, of, ..)| *of == interface) {
            import(&mut text, version, interface, &used);
        }
    }
    core(&mut text, guest, &used);
    let _ = writeln!(
        text,
        r#"(alias core export $main "run" (core func $main-run))
        (func $run (param "recipe" string) (result (result (error $error)))
          (canon lift (core func $main-run) (memory $memory) (realloc $realloc)))
        (instance $recipes (export "error" (type $error)) (export "run" (func $run)))
        (export "engine:cookbook/recipes@{version}" (instance $recipes))"#
    );
    if guest.resource.is_some() {
        let _ = writeln!(
            text,
            r#"(alias core export $main "declare" (core func $main-declare))
            (func $declare (param "resource" string) (param "properties" string) (result (result string (error $error)))
              (canon lift (core func $main-declare) (memory $memory) (realloc $realloc)))
            (instance $resources (export "error" (type $error)) (export "declare" (func $declare)))
            (export "engine:cookbook/custom-resources@{version}" (instance $resources))"#
        );
    }
    text.push(')');
    text
}

fn import(text: &mut String, version: &str, interface: &str, used: &[&Function]) {
    let _ =
        writeln!(text, "(import \"engine:cookbook/{interface}@{version}\" (instance ${interface} {ERROR}");
    if interface == "common" {
        text.push_str(
            r#"(export "guard" (type $guard (sub resource))) (export "declaration" (type $declaration (sub resource)))
            (type $t (enum "before" "immediately" "delayed")) (export "timing" (type $timing (eq $t)))"#,
        );
    } else if ["files", "services", "execute"].contains(&interface) {
        text.push_str(
            r#"(alias outer 1 $declaration (type $d)) (export "declaration" (type $declaration (eq $d)))
            (alias outer 1 $guard (type $g)) (export "guard" (type $guard (eq $g)))"#,
        );
    } else if interface == "log" {
        text.push_str(r#"(type $l (enum "debug" "info" "warn")) (export "level" (type $level (eq $l)))"#);
    }
    for kind in ["file", "template", "cookbook-file", "service", "disk"] {
        let of_kind = |id: &str| id.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.'));
        if used.iter().any(|(id, of, ..)| *of == interface && of_kind(id)) {
            let _ = writeln!(text, "(export \"{kind}\" (type ${kind} (sub resource)))");
        }
    }
    for (id, _, name, parameters, result, _) in used.iter().filter(|(_, of, ..)| *of == interface) {
        let it = format!("${}", id.split('.').next().unwrap_or_default());
        let (parameters, result) = (parameters.replace("$it", &it), result.replace("$it", &it));
        let _ = writeln!(text, "(export \"{name}\" (func {parameters} {result}))");
    }
    text.push_str("))\n");
    if interface == "common" {
        text.push_str("(alias export $common \"declaration\" (type $declaration)) (alias export $common \"guard\" (type $guard))\n");
    }
}

fn core(text: &mut String, guest: &Guest, used: &[&Function]) {
    text.push_str(
        r#"(core module $libc-module (memory (export "memory") 2) (global $top (mut i32) (i32.const 65536))
          (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
            (global.get $top) (global.set $top (i32.add (global.get $top) (local.get 3)))
            (block $enough (loop $more
              (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
              (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))) unreachable))))
        (core instance $libc (instantiate $libc-module))
        (core module $main-module (import "libc" "memory" (memory 2))
        "#,
    );
    for (id, .., core) in used {
        let _ = writeln!(text, "(import \"host\" \"{id}\" (func ${id} (param {core})))");
    }
    text.push_str(&guest.raw);
    for (at, string) in guest.strings.iter().enumerate() {
        let start = STRINGS + guest.strings[..at].iter().map(String::len).sum::<usize>();
        let _ = write!(text, "(data (i32.const {start}) \"");
        for byte in string.bytes() {
            let _ = write!(text, "\\{byte:02x}");
        }
        text.push_str("\")\n");
    }
    for (name, body) in &guest.recipes {
        let _ = writeln!(
            text,
            "(func $recipe-{name} (result i32) (local $h i32) (local $d i32) (local $i i32)\n{body})"
        );
    }
    if let Some((.., body)) = &guest.resource {
        let _ = writeln!(
            text,
            "(func $answer (param $at i32) (param $length i32) (i32.store (i32.const 68) (local.get $at)) (i32.store (i32.const 72) (local.get $length)))
            (func (export \"declare\") (param i32 i32 i32 i32) (result i32) (local $h i32) (local $d i32) (local $i i32)\n{body})"
        );
    }
    // A recipe is known by its length and the sum of its name's bytes: enough for tests.
    text.push_str(
        "(func (export \"run\") (param $at i32) (param $length i32) (result i32) (local $sum i32) (local $i i32)
        (loop $next (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load8_u (i32.add (local.get $at) (local.get $i)))))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $length))))\n",
    );
    for (name, _) in &guest.recipes {
        let sum = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        let _ = writeln!(
            text,
            "(if (i32.eq (local.get $sum) (i32.const {sum})) (then (return (call $recipe-{name}))))"
        );
    }
    text.push_str("unreachable))\n");
    text.push_str(
        r#"(alias core export $libc "memory" (core memory $memory))
        (alias core export $libc "realloc" (core func $realloc))
        "#,
    );
    for (id, interface, name, ..) in used {
        let _ = writeln!(text, "(alias export ${interface} \"{name}\" (func $up-{id}))");
        let _ = writeln!(
            text,
            "(core func $low-{id} (canon lower (func $up-{id}) (memory $memory) (realloc $realloc)))"
        );
    }
    text.push_str("(core instance $host");
    for (id, ..) in used {
        let _ = write!(text, " (export \"{id}\" (func $low-{id}))");
    }
    text.push_str(
        ")\n(core instance $main (instantiate $main-module (with \"libc\" (instance $libc)) (with \"host\" (instance $host))))\n",
    );
}
