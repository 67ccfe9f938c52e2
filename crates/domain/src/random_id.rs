//! Random ids.

use crate::redacted;

/// 32 random letters and digits (190 bits of entropy), the form of Better Auth's ids and session tokens.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RandomId(String);
redacted!(RandomId);

impl RandomId {
    /// Length of an id in characters.
    pub const CHARS: usize = 32;
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// Generates an id. `random(n)` must return a uniformly distributed random number below `n`.
    pub fn draw(mut random: impl FnMut(usize) -> usize) -> Self {
        let alphabet = Self::ALPHABET;
        Self((0..Self::CHARS).map(|_| char::from(alphabet[random(alphabet.len()) % alphabet.len()])).collect())
    }

    /// Returns the id as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}
