//! The value of a secret.

use std::fmt;

use zeroize::Zeroizing;

/// The value of a secret. It is wiped when it goes, and nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// A value.
    pub fn new(text: Zeroizing<String>) -> Self {
        SecretValue(text)
    }

    /// The value itself. Whoever asks for it must not show it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_print_it() {
        let value = SecretValue::new(Zeroizing::new("hunter2".to_owned()));
        assert_eq!(format!("{value:?} {:?}", Some(&value)), "[secret] Some([secret])");
    }
}
