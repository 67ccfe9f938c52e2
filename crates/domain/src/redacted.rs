//! Macros for types whose content `Debug` does not show, so that it does not appear in logs.

/// Implements `Debug` for a type. The output is the name of the type without its content, such as `Jwt(…)`.
#[doc(hidden)]
#[macro_export]
macro_rules! redacted {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

/// Defines a type for a secret text. The `Debug` output of the type does not contain the text.
///
/// The crate `secrecy` is not used: with it, a session token and a JWT would have the same type, and secrets could not
/// be compared. It would erase a secret from memory after use, but not the copies in the buffers of the HTTP server and
/// of the database driver.
#[macro_export]
macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);
        $crate::redacted!($name);

        impl $name {
            /// Wraps a text without checks.
            #[must_use]
            pub fn new(text: String) -> Self {
                Self(text)
            }

            /// Returns the secret text.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
    };
}
