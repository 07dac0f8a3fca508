use engine_model::{Connection, Layer};

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn instance(text: &str, layers: &[&str]) -> Instance {
    Instance {
        name: name(text),
        layers: layers.iter().map(|layer| name(layer)).collect(),
        connection: Connection::Local,
        address: text.to_owned(),
        hostname: text.to_owned(),
        registered: false,
    }
}

fn stack() -> Stack {
    Stack {
        layers: vec![Layer::new(name("lb")), Layer::new(name("app"))],
        instances: vec![instance("lb-1", &["lb"]), instance("both", &["lb", "app"])],
        ..Stack::new(name("demo"))
    }
}

/// What is declared, a line each, for reading.
fn script(stack: &Stack, instance: &str, command: Command, online: &[&str], facts: &Facts) -> String {
    let online: Vec<Name> = online.iter().map(|text| name(text)).collect();
    let instance = stack.instance(&name(instance)).unwrap();
    let lines: Vec<String> = resources(&Situation { stack, instance, command, online: &online, facts })
        .into_iter()
        .map(|resource| {
            let mut words = vec![format!("{}: {resource}", resource.recipe)];
            words.extend(resource.properties.iter().map(|(name, value)| format!("{name}={}", said(value))));
            words.extend(resource.actions.iter().map(|action| format!("-> {}", action.name())));
            words.join(" ")
        })
        .collect();
    lines.join("\n")
}

fn said(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::TextList(texts) => texts.join(", "),
        other => format!("{other:?}"),
    }
}

#[test]
fn updates_are_installed_at_setup_unless_a_layer_says_otherwise() {
    let mut stack = stack();
    let on = |stack: &Stack, instance, command| script(stack, instance, command, &[], &Facts::default());
    assert_eq!(on(&stack, "both", Command::Setup), "updates: package_update");
    assert_eq!(on(&stack, "both", Command::UpdateDependencies), "updates: package_update");
    assert_eq!(on(&stack, "both", Command::Deploy), "");
    stack.layers[1].update_on_setup = Some(false);
    assert_eq!(on(&stack, "lb-1", Command::Setup), "updates: package_update");
    assert_eq!(on(&stack, "both", Command::Setup), "");
    stack.update_on_setup = false;
    assert_eq!(on(&stack, "lb-1", Command::Setup), "");
    assert_eq!(on(&stack, "both", Command::UpdateDependencies), "updates: package_update");
}
