//! What later stages use: finding and loading files, pointing into them.

use std::fs;

use engine_manifest::{Diagnostic, LoadError, find, load, parse};
use engine_model::LifecycleEvent;

const STACK: &str = r#"[cookbooks.nginx]
path = "nginx"
grants = { packages = ["nginx"] }

[layers.web]
setup = ["nginx", "nginx::site"]

[instances.web-1]
layers = ["web"]
host = "web-1"

[apps.site]
layers = ["web"]
"#;

#[test]
fn later_stages_point_into_the_file() {
    let manifest = parse("demo".parse().unwrap(), STACK, "stacks/demo.toml".as_ref()).unwrap();
    let (nginx, web) = ("nginx".parse().unwrap(), "web".parse().unwrap());
    let text = |span: Option<std::ops::Range<usize>>| &STACK[span.unwrap()];
    assert_eq!(text(manifest.span_of_recipe(&web, LifecycleEvent::Setup, 1)), r#""nginx::site""#);
    assert_eq!(manifest.span_of_recipe(&web, LifecycleEvent::Setup, 2), None);
    assert_eq!(manifest.span_of_recipe(&web, LifecycleEvent::Deploy, 0), None);
    assert_eq!(text(manifest.span_of_cookbook(&nginx)), "nginx");
    assert_eq!(text(manifest.span_of_cookbook_source(&nginx)), r#""nginx""#);
    assert_eq!(text(manifest.span_of_grants(&nginx)), r#"{ packages = ["nginx"] }"#);
    assert_eq!(text(manifest.span_of_layer(&web)), "web");
    assert_eq!(text(manifest.span_of_instance(&"web-1".parse().unwrap())), "web-1");
    assert_eq!(text(manifest.span_of_app(&"site".parse().unwrap())), "site");
    assert!(manifest.warnings().is_empty());

    let span = manifest.span_of_recipe(&web, LifecycleEvent::Setup, 1).unwrap();
    let problem = Diagnostic::error("cookbook `nginx` has no recipe `site`")
        .label(span, "did you mean `nginx::sites`?")
        .label(manifest.span_of_cookbook(&nginx).unwrap(), "the cookbook")
        .hint("run `engine cookbook show nginx`");
    insta::assert_snapshot!(manifest.diagnostic(problem), @r#"
    error: cookbook `nginx` has no recipe `site`
     --> stacks/demo.toml:6:19
      |
    1 | [cookbooks.nginx]
      |            ----- the cookbook
    ...
    6 | setup = ["nginx", "nginx::site"]
      |                   ^^^^^^^^^^^^^ did you mean `nginx::sites`?
      |
      = hint: run `engine cookbook show nginx`
    "#);
}

#[test]
fn a_stack_is_found_by_name_from_below_and_by_path() {
    let root = tempfile::tempdir().unwrap();
    let below = root.path().join("a/b");
    fs::create_dir_all(root.path().join("stacks")).unwrap();
    fs::create_dir_all(&below).unwrap();
    let demo = root.path().join("stacks/demo.toml");
    fs::write(&demo, STACK).unwrap();
    fs::write(root.path().join("stacks/other.toml"), "").unwrap();
    fs::write(root.path().join("stacks/Not A Stack.toml"), "").unwrap();
    fs::write(below.join("plain.toml"), "").unwrap();

    assert_eq!(find("demo", root.path()).unwrap(), demo);
    assert_eq!(find("demo", &below).unwrap(), demo);
    assert_eq!(find("plain", &below).unwrap(), below.join("plain.toml"));
    assert_eq!(find("stacks/demo.toml", root.path()).unwrap(), demo);
    assert_eq!(find(demo.to_str().unwrap(), &below).unwrap(), demo);
    assert_eq!(load(&demo).unwrap().stack.name.as_str(), "demo");

    let error = find("dmeo", &below).unwrap_err();
    assert_eq!(error.stacks, ["demo", "other"]);
    assert_eq!(error.suggestion(), Some("demo"));
    assert_eq!(error.hint(), "did you mean `demo`?");
    assert!(error.to_string().starts_with("no stack `dmeo`; looked for "), "{error}");
    assert_eq!(find("unlike", &below).unwrap_err().hint(), "there are `demo` and `other`");
    assert!(find("stacks", root.path()).is_err(), "a directory is no stack");
}

#[test]
fn what_cannot_be_loaded_says_why() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = root.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    assert!(matches!(load(write("My Stack.toml", b"")), Err(LoadError::Name { .. })));
    assert!(matches!(load(write("latin.toml", b"# \xe4")), Err(LoadError::Read { .. })));
    assert!(matches!(load(root.path().join("absent.toml")), Err(LoadError::Read { .. })));
    let error = load(write("bad.toml", b"x = 1")).unwrap_err();
    assert!(error.to_string().contains("unknown key `x` in the stack file"), "{error}");
}
