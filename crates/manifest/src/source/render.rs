//! Diagnostics as text.

use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str, renderer::DEFAULT_TERM_WIDTH,
};

use super::{Diagnostic, Diagnostics, Severity};

pub(super) fn render(diagnostics: &Diagnostics, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(DEFAULT_TERM_WIDTH);
    let path = diagnostics.source().path().display().to_string();
    let text = diagnostics.source().text();
    let reports: Vec<String> = diagnostics
        .iter()
        .map(|diagnostic| renderer.render(&[group(diagnostic, &path, text)]).trim_end().to_owned())
        .collect();
    reports.join("\n\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, path: &'a str, text: &'a str) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    if !diagnostic.labels.is_empty() {
        let annotations = diagnostic.labels.iter().enumerate().map(|(index, (span, label))| {
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            // A label may quote the file, where `\e` in a string is what a terminal obeys.
            let label = Some(normalize_untrusted_str(label)).filter(|label| !label.is_empty());
            kind.span(within(text, span)).label(label)
        });
        group = group.element(Snippet::source(text).path(path).annotations(annotations));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(normalize_untrusted_str(hint)));
    }
    group
}

/// The span, made one that can be cut out of the text: a later stage may be wrong about it, and a
/// message at a wrong place is better than none.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[test]
    fn spans_beyond_the_text_are_brought_back() {
        let text = "aäb\n";
        assert_eq!(within(text, &(2..3)), 1..3);
        assert_eq!(within(text, &(90..99)), 5..5);
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case at hand")]
        let reversed = 4..1;
        assert_eq!(within(text, &reversed), 4..4);
        let diagnostic = Diagnostic::error("odd").label(90..99, "here");
        let diagnostics = Diagnostics::new(Source::new("x.toml", text), vec![diagnostic]);
        assert!(diagnostics.to_string().contains("odd"));
    }

    #[test]
    fn a_diagnostic_may_have_no_place_and_colour_is_a_choice() {
        let diagnostic = Diagnostic::warning("nothing to see").hint("look elsewhere");
        let diagnostics = Diagnostics::new(Source::new("x.toml", ""), vec![diagnostic]);
        insta::assert_snapshot!(diagnostics.to_string(), @r"
        warning: nothing to see
         |
         = hint: look elsewhere
        ");
        assert!(diagnostics.render(true).contains('\u{1b}'));
        assert!(!diagnostics.render(false).contains('\u{1b}'));
    }
}
