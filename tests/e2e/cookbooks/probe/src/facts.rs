//! All facts, written to a file: in a component they are to be the same as in a native test.

use engine_sdk::{Value, prelude::*};

#[path = "../../../../../sdk/rust/tests/typed/mod.rs"]
mod typed;

/// Where the facts go.
const FILE: &str = "/srv/facts.json";

pub(crate) fn write(ctx: &mut Context) -> Result<()> {
    let facts = ctx.facts();
    let typed = typed::typed(&facts);
    let all: Value = serde_json::from_str(&facts.json())
        .map_err(|error| Error::new("facts", format!("the facts are no JSON: {error}")))?;
    if typed != all {
        return Err(Error::new("facts", format!("typed facts {typed} differ from {all}")));
    }
    ctx.file(FILE).content(typed.to_string()).declare()?;
    Ok(())
}
