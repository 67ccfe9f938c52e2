//! Finds out why the signature of an HS256 token does not match the shared secret, for `taskbridge token explain`.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use taskbridge_domain::secret::SharedSecret;

/// Well-known secrets from documentation and examples, which Better Auth may have been configured with by mistake.
const EXAMPLES: [&str; 6] = [
    "better-auth-secret-123456789",
    "better-auth-secret-12345678901234567890",
    "your-secret-key",
    "your-secret-key-here",
    "secret",
    "",
];

/// Returns how the key that signed an HS256 token differs from `secret`, if the difference is a common mistake.
///
/// This is advice for an operator; it must never decide whether a token is accepted.
#[must_use]
pub fn diagnose_secret_mismatch(token: &str, secret: &SharedSecret) -> Option<&'static str> {
    let (signed, signature) = token.rsplit_once('.')?;
    let has_signed = |key: &[u8]| {
        let key = DecodingKey::from_secret(key);
        matches!(crypto::verify(signature, signed.as_bytes(), &key, Algorithm::HS256), Ok(true))
    };
    let text = std::str::from_utf8(secret.expose()).ok()?;
    let variants = [
        (format!("{text}\n"), "the secret with a line break at its end"),
        (format!("{text}\r\n"), "the secret with a line break at its end"),
        (format!("{text} "), "the secret with a space at its end"),
        (format!("\"{text}\""), "the secret with quotation marks around it"),
        (format!("'{text}'"), "the secret with quotation marks around it"),
        (text.trim_matches(['"', '\'']).to_owned(), "the secret without the quotation marks that it has here"),
        (text.to_lowercase(), "the secret in lower case"),
        (text.to_uppercase(), "the secret in upper case"),
        (STANDARD_NO_PAD.encode(text), "the secret encoded in base64"),
    ];
    if let Some((_, how)) = variants.iter().find(|(key, _)| key != text && has_signed(key.as_bytes())) {
        return Some(how);
    }
    let unpadded = text.trim_end_matches('=');
    let decoded = [
        STANDARD_NO_PAD.decode(unpadded).ok(),
        URL_SAFE_NO_PAD.decode(unpadded).ok(),
        base16ct::mixed::decode_vec(text).ok(),
    ];
    if decoded.iter().flatten().any(|key| has_signed(key)) {
        return Some("the bytes that the secret encodes, not its text");
    }
    EXAMPLES.iter().any(|key| has_signed(key.as_bytes())).then_some("a well-known example")
}
