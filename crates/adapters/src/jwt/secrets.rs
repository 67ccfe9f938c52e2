//! Secrets that two programs took for the same.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use taskbridge_domain::secret::SharedSecret;

use crate::hex::from_hex;

/// What people have in place of their secret.
const EXAMPLES: [&str; 6] = [
    "better-auth-secret-123456789",
    "better-auth-secret-12345678901234567890",
    "your-secret-key",
    "your-secret-key-here",
    "secret",
    "",
];

/// How the key of an HS256 token differs from `secret`, if it is one of the usual mistakes: for a person who asks, never
/// for letting anybody in. `None` also for what is no such token.
#[must_use]
pub fn signed_with_a_variant(token: &str, secret: &SharedSecret) -> Option<&'static str> {
    let (signed, signature) = token.rsplit_once('.')?;
    let fits = |key: &[u8]| {
        let key = DecodingKey::from_secret(key);
        matches!(crypto::verify(signature, signed.as_bytes(), &key, Algorithm::HS256), Ok(true))
    };
    let text = std::str::from_utf8(secret.expose()).ok()?;
    let as_text = [
        (format!("{text}\n"), "the secret with a line break behind it"),
        (format!("{text}\r\n"), "the secret with a line break behind it"),
        (format!("{text} "), "the secret with a blank behind it"),
        (format!("\"{text}\""), "the secret with quotation marks around it"),
        (format!("'{text}'"), "the secret with quotation marks around it"),
        (text.trim_matches(['"', '\'']).to_owned(), "the secret without the quotation marks it has here"),
        (text.to_lowercase(), "the secret in lower case"),
        (text.to_uppercase(), "the secret in upper case"),
        (STANDARD_NO_PAD.encode(text), "the secret encoded in base64"),
    ];
    let unpadded = text.trim_end_matches('=');
    let decoded = [STANDARD_NO_PAD.decode(unpadded).ok(), URL_SAFE_NO_PAD.decode(unpadded).ok(), from_hex(text)];
    let texts = as_text.iter().find(|(key, _)| key != text && fits(key.as_bytes())).map(|(_, how)| *how);
    texts
        .or_else(|| {
            decoded.iter().flatten().any(|key| fits(key)).then_some("the bytes that the secret encodes, not its text")
        })
        .or_else(|| EXAMPLES.iter().any(|key| fits(key.as_bytes())).then_some("an example that everybody knows"))
}
