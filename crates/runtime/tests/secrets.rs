//! What a component can and cannot do with secrets.

mod support;

use engine_protocol::{Grants, Spec};
use support::*;

const DB: &str = "{{secret:db}}";

/// Asks for a secret, whose text then is at 68.
fn ask(guest: &mut Guest, name: &str) -> String {
    let name = guest.s(name);
    attempt("secret", &name)
}

/// Evaluates with files, and secrets that match this.
fn evaluate_with(
    guest: &Guest,
    secrets: &str,
    observed: &Observed,
) -> Result<Vec<engine_protocol::Resource>, String> {
    let mut kitchen = Kitchen::new(limits());
    let grants = Grants { secrets: vec![secrets.to_owned()], ..files(&["/**"]) };
    kitchen.add("web", &guest.packed(), grants);
    kitchen.load(None).unwrap_or_else(|errors| panic!("{errors:?}"));
    kitchen.evaluate_with(&["web"], observed).map(|batch| batch.resources).map_err(|failure| failure.message)
}

fn asks(name: &str) -> Guest {
    Guest::new("web").recipe("default", |g| ask(g, name) + &Guest::log_at(68) + "(i32.const 0)")
}

#[test]
fn a_granted_secret_is_a_text_that_logs_name_and_do_not_show() {
    let observed = Observed::default();
    evaluate_with(&asks("db"), "d*", &observed).unwrap();
    assert_eq!(observed.messages(), ["[secret db]"]);
}

#[test]
fn another_secret_is_not_given() {
    let observed = Observed::default();
    let message = evaluate_with(&asks("root-key"), "db", &observed).unwrap_err();
    assert_eq!(
        message,
        "recipe `web::default` failed: cookbook `web` is not granted secrets `root-key`; if it should be, add it to \
         [cookbooks.web.grants] in the stack file"
    );
    let message = evaluate_with(&asks("d}}{{secret:x"), "*", &observed).unwrap_err();
    assert!(message.contains("no name of a secret"), "{message}");
    assert_eq!(observed.messages(), Vec::<String>::new());
}

#[test]
fn who_is_granted_no_secret_cannot_import_them() {
    let message = load_message(&asks("db").packed(), files(&["/**"]));
    assert!(
        message.contains("it imports the capability `secrets`, of which the stack file grants nothing"),
        "{message}"
    );
}

#[test]
fn a_forged_text_needs_a_grant() {
    let forged = Guest::new("web")
        .recipe("default", |g| g.file("/etc/x", DB) + &g.set("file.mode", "0600") + "(i32.const 0)");
    let message = evaluate_with(&forged, "other", &Observed::default()).unwrap_err();
    assert!(message.contains("file[/etc/x]: cookbook `web` is not granted secrets `db`"), "{message}");
    let granted = evaluate_with(&forged, "db", &Observed::default()).unwrap();
    assert!(granted[0].common.sensitive);
}

#[test]
fn a_template_gets_a_secret_through_its_variables_and_the_text_is_the_same_each_time() {
    let guest = Guest::new("web").bundled("templates/t", "p={{ p }}\n").recipe("default", |g| {
        g.declare("template", "/etc/x")
            + &g.set("template.source", "t")
            + &g.set("template.variables", &format!("{{\"p\": \"{DB}\"}}"))
            + "(i32.const 0)"
    });
    let evaluated = || evaluate_with(&guest, "*", &Observed::default());
    // Without a mode everybody could read it.
    assert!(evaluated().unwrap_err().contains("mode is not set"));
    let private = Guest::new("web").recipe("default", |g| {
        g.file("/etc/x", &format!("p={DB}")) + &g.set("file.mode", "0640") + "(i32.const 0)"
    });
    let evaluated = || evaluate_with(&private, "*", &Observed::default()).unwrap();
    assert_eq!(evaluated(), evaluated());
    let Spec::File(file) = &evaluated()[0].spec else { panic!("it is a file") };
    assert_eq!(file.content.as_ref().unwrap().0, format!("p={DB}").into_bytes());
}

#[test]
fn a_node_that_is_named_after_a_secret_is_not_evaluated() {
    let mut kitchen = Kitchen::new(limits());
    kitchen.add("web", &asks("db").packed(), Grants { secrets: vec!["*".to_owned()], ..Grants::default() });
    kitchen.load(None).unwrap();
    let mut request = request(&["web"]);
    request.node.facts.hostname = DB.to_owned();
    let failure = kitchen.runtime.evaluate_blocking(request, Box::new(Observed::default())).unwrap_err();
    assert!(
        failure.message.contains("facts have a text in them that stands for a secret"),
        "{}",
        failure.message
    );
}
