//! Values that `Debug` does not show.

/// Implements `Debug` for a type such that it shows the name of the type and nothing of its content.
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
/// `secrecy` would not replace these types: they keep session tokens and JWTs apart and are compared, which its types do
/// not allow. Its erasure of memory would miss the copies in the buffers of HTTP and of the database driver.
#[macro_export]
macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);
        $crate::redacted!($name);

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
