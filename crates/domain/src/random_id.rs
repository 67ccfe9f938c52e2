//! Random ids.

/// 32 letters and digits drawn at random: Better Auth's form of ids and session tokens (190 bits).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RandomId(String);
crate::redacted!(RandomId);

impl RandomId {
    /// The number of characters.
    pub const CHARS: usize = 32;
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// Draws an id; `random(n)` gives a number below `n`, each with the same chance.
    pub fn draw(mut random: impl FnMut(usize) -> usize) -> Self {
        let alphabet = Self::ALPHABET;
        Self((0..Self::CHARS).map(|_| char::from(alphabet[random(alphabet.len()) % alphabet.len()])).collect())
    }

    /// The characters.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}
