//! Secrets in environment variables of the command.

use std::env::{self, VarError};

use engine_scheduler::ports::SecretFailure;
use zeroize::Zeroizing;

pub(crate) fn read(variable: &str) -> Result<Zeroizing<String>, SecretFailure> {
    env::var(variable).map(Zeroizing::new).map_err(|error| match error {
        VarError::NotPresent => SecretFailure {
            message: format!("the environment variable `{variable}` is not set"),
            hint: Some("set it for this command".to_owned()),
        },
        // Its text is in the error.
        VarError::NotUnicode(_) => {
            super::failure(format!("the environment variable `{variable}` is not UTF-8"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_read_and_its_absence_named() {
        assert_eq!(read("CARGO_PKG_NAME").unwrap().as_str(), "engine-secrets");
        let failure = read("ENGINE_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(failure.message, "the environment variable `ENGINE_NO_SUCH_VARIABLE` is not set");
    }
}
