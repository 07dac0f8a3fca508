//! Templates: Jinja syntax through `minijinja` (kept well, no I/O, strict undefined values), so that
//! cookbooks of every language have the same ones.

use minijinja::{Environment, UndefinedBehavior, Value, value::Serde};
use serde::Serialize;

/// Something that all templates see. Cheap to clone.
pub type Global = Value;

/// What templates are to see, in their form.
pub fn global(of: &impl Serialize) -> Global {
    Value::from(Serde(of))
}

/// Renders the templates of one cookbook for one node.
#[derive(Debug)]
pub struct Renderer {
    environment: Environment<'static>,
}

/// Why a template could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("{}", describe(.0))]
pub struct TemplateError(#[from] minijinja::Error);

fn describe(error: &minijinja::Error) -> String {
    use std::fmt::Write as _;
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

impl Renderer {
    /// A renderer in which every template sees `node` (the facts) and `attributes`.
    pub fn new(node: Global, attributes: Global) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = environment
            .syntax()
            .to_builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()
            .expect("the standard delimiters are valid");
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        // A template may not run for ever: the loop in it is the guest's.
        environment.set_fuel(Some(5_000_000));
        environment.add_global("node", node);
        environment.add_global("attributes", attributes);
        Renderer { environment }
    }

    /// Renders `text`, which is remembered under `name` and parsed once.
    pub fn render(
        &mut self,
        name: &str,
        text: &str,
        variables: &serde_json::Value,
    ) -> Result<String, TemplateError> {
        if self.environment.get_template(name).is_err() {
            self.environment.add_template_owned(name.to_owned(), text.to_owned())?;
        }
        Ok(self.environment.get_template(name)?.render(Serde(variables))?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(text: &str, variables: &serde_json::Value) -> Result<String, TemplateError> {
        let (node, attributes) = (global(&json!({"hostname": "web"})), global(&json!({"port": 80})));
        Renderer::new(node, attributes).render("t", text, variables)
    }

    #[test]
    fn variables_facts_and_attributes_are_seen() {
        let text = "{% for b in list %}\n{{ b }}:{{ attributes.port }}\n{% endfor %}\n{{ node.hostname }}\n";
        assert_eq!(render(text, &json!({"list": ["x", "y"]})).unwrap(), "x:80\ny:80\nweb\n");
    }

    #[test]
    fn nothing_is_escaped_and_undefined_is_an_error() {
        assert_eq!(render("{{ a }}", &json!({"a": "<&>"})).unwrap(), "<&>");
        assert!(render("{{ nobody }}", &json!({})).is_err());
        assert!(render("{{ nobody.there }}", &json!({})).is_err());
    }

    #[test]
    fn a_template_that_never_ends_runs_out_of_fuel() {
        let bomb = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}";
        let message = render(bomb, &json!({})).unwrap_err().to_string();
        assert!(message.contains("fuel"), "{message}");
    }
}
