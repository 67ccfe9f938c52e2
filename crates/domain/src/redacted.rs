//! Values that `Debug` does not show.

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

/// Defines a secret text with a redacted `Debug`.
///
/// The crate `secrecy` cannot replace these types: its types do not distinguish a session token from a JWT, and cannot
/// be compared. It erases the memory of a secret, but not the copies in the buffers of the HTTP server and of the
/// database driver.
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

            /// Returns the text.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
    };
}
