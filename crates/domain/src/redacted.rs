//! Values that `Debug` does not show.

/// Implements `Debug` for a type such that it shows the name of the type and nothing of its content.
macro_rules! redacted {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}
pub(crate) use redacted;

/// Defines a secret text with a redacted `Debug`.
macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);
        crate::redacted::redacted!($name);

        impl $name {
            /// Takes over a text without checks.
            #[must_use]
            pub fn new(text: String) -> Self {
                Self(text)
            }

            /// Returns the text.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use secret_text;
