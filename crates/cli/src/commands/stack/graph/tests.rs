use std::{collections::BTreeMap, path::Path};

use engine_model::StatusRecord;

use super::*;

const STACK: &str = r#"
description = "A <b>shop</b> & \"more\""

[cookbooks.site]
path = "site"

[layers.db]
description = "Keeps the data"
setup = ["site::db"]
shutdown = ["site::dump"]

[layers.app]
after = ["db"]
setup = ["site::install", "site::base"]
deploy = ["site::page"]

[layers.lb]
after = ["db", "app"]
configure = ["site::backends"]

[layers.mail]

[instances.db-1]
layers = ["db"]
host = "a"

[instances.app-1]
layers = ["app", "mail"]
host = "b"

[instances.app-2]
layers = ["app"]
host = "c"

[instances.lb-1]
layers = ["lb"]
host = "d"

[instances.spare]
host = "e"
registered = true

[apps.shop]
layers = ["app"]
"#;

fn graph() -> Graph {
    let name = |text: &str| text.parse().unwrap();
    let manifest = engine_manifest::parse(name("shop"), STACK, Path::new("stacks/shop.toml")).unwrap();
    let statuses: BTreeMap<_, _> = [
        ("db-1", InstanceStatus::Online),
        ("app-1", InstanceStatus::RunningSetup),
        ("app-2", InstanceStatus::ConnectionLost),
        ("spare", InstanceStatus::Registered),
    ]
    .into_iter()
    .map(|(instance, status)| (name(instance), StatusRecord { status, since_ms: 0 }))
    .collect();
    Graph::of(&manifest, &statuses)
}

#[test]
fn a_tree() {
    insta::assert_snapshot!(anstream::adapter::strip_str(&text::draw(&graph())));
}

#[test]
fn for_graphviz() {
    insta::assert_snapshot!(dot::draw(&graph()));
}

#[test]
fn a_picture() {
    let picture = svg::draw(&graph()).unwrap();
    assert!(!picture.contains("<b>") && picture.contains("&lt;b&gt;shop&lt;&#x2f;b&gt; &amp; "), "{picture}");
    insta::assert_snapshot!(picture);
}

#[test]
fn nothing_in_a_stack_steers_the_picture() {
    let mut graph = graph();
    let text = "\"]; <script>\\".to_owned();
    graph.layers[0].machines[0].name.clone_from(&text);
    graph.layers[0].name = text;
    let (picture, dot) = (svg::draw(&graph).unwrap(), dot::draw(&graph));
    assert!(!picture.contains("<script>") && picture.contains("&lt;script&gt;"), "{picture}");
    assert!(dot.contains("  \"\\\"]; <script>\\\\\" [label="), "{dot}");
}

#[test]
fn a_stack_without_anything() {
    let empty =
        Graph { name: "a".into(), description: String::new(), layers: Vec::new(), unassigned: Vec::new() };
    assert_eq!(anstream::adapter::strip_str(&text::draw(&empty)).to_string(), "a\n");
    assert!(svg::draw(&empty).unwrap().ends_with("</svg>\n"));
}
