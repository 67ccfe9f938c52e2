//! Private keys as Better Auth encrypts them: XChaCha20-Poly1305 under the SHA-256 of the secret, in hexadecimal digits:
//! nonce, ciphertext, tag. Where secrets have versions, `$ba$<version>$` stands before that.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::RngExt;
use sha2::{Digest, Sha256};
use taskbridge_domain::secret::SharedSecret;
use thiserror::Error;

use super::stored_key::StoredPrivateKey;
use super::versioned_secrets::VersionedSecrets;
use crate::hex::{from_hex, hex};

const NONCE_BYTES: usize = 24;
const ENVELOPE: &str = "$ba$";

/// Why a private key is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CannotOpen {
    /// It is neither a JSON Web Key nor what seals one.
    #[error("it is stored in a form that is not known")]
    Malformed,
    /// The secret of its version is not configured.
    #[error("it was encrypted with version {0} of the secret, which BETTER_AUTH_SECRETS does not name")]
    NoSecret(u64),
    /// There are versions, and no secret from before them.
    #[error("it was encrypted before secrets had versions; set BETTER_AUTH_SECRET to the secret of that time")]
    NoUnnumbered,
    /// It was sealed with another secret.
    #[error("it was encrypted with another secret")]
    OtherSecret,
}

fn cipher(secret: &SharedSecret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Sha256::digest(secret.expose()))
}

/// Seals the text of a private key with the current secret.
pub(super) fn seal(plaintext: &str, secrets: &VersionedSecrets) -> Option<StoredPrivateKey> {
    seal_with(plaintext, secrets, rand::rng().random())
}

fn seal_with(plaintext: &str, secrets: &VersionedSecrets, nonce: [u8; NONCE_BYTES]) -> Option<StoredPrivateKey> {
    let ciphertext = cipher(secrets.current()).encrypt(&XNonce::from(nonce), plaintext.as_bytes()).ok()?;
    let version = secrets.version().map(|version| format!("{ENVELOPE}{version}$")).unwrap_or_default();
    // A string of JSON: that is what the column holds.
    Some(StoredPrivateKey::new(format!("\"{version}{}{}\"", hex(&nonce), hex(&ciphertext))))
}

/// The text of a private key. One that was stored as it is, which Better Auth can be told to do, needs no secret.
pub(super) fn open(sealed: &StoredPrivateKey, secrets: &VersionedSecrets) -> Result<String, CannotOpen> {
    let text = sealed.expose();
    if text.trim_start().starts_with('{') {
        return Ok(text.to_owned());
    }
    let text: String = serde_json::from_str(text).map_err(|_not_shown| CannotOpen::Malformed)?;
    let (version, digits) = match text.strip_prefix(ENVELOPE) {
        None => (None, text.as_str()),
        Some(rest) => {
            let (version, digits) = rest.split_once('$').ok_or(CannotOpen::Malformed)?;
            (Some(version.parse().map_err(|_not_shown| CannotOpen::Malformed)?), digits)
        }
    };
    let missing = || version.map_or(CannotOpen::NoUnnumbered, CannotOpen::NoSecret);
    let secret = secrets.find(version).ok_or_else(missing)?;
    let bytes = from_hex(digits).ok_or(CannotOpen::Malformed)?;
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(CannotOpen::Malformed)?;
    let plaintext =
        cipher(secret).decrypt(&XNonce::from(*nonce), ciphertext).map_err(|_fits_not| CannotOpen::OtherSecret)?;
    String::from_utf8(plaintext).map_err(|_not_shown| CannotOpen::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Recorded from Better Auth.
    const VECTORS: &str = include_str!("../../../../tests/vectors/jwks-encryption.json");

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    fn one(secret: &Value) -> VersionedSecrets {
        VersionedSecrets::one(SharedSecret::retired(text(secret)))
    }

    /// The secrets of a recorded case, as the environment would name them.
    fn secrets(case: &Value) -> VersionedSecrets {
        let Some(versions) = case["config"]["secrets"].as_array() else { return one(&case["secret"]) };
        let list: Vec<_> =
            versions.iter().map(|entry| format!("{}:{}", entry["version"], text(&entry["value"]))).collect();
        let unnumbered = case["config"]["legacySecret"].as_str().map(SharedSecret::retired);
        VersionedSecrets::parse(&list.join(","), unnumbered).unwrap()
    }

    #[test]
    fn what_better_auth_has_sealed_is_opened() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        for case in cases {
            let sealed = StoredPrivateKey::new(text(&case["row"]["privateKey"]).to_owned());
            assert_eq!(open(&sealed, &secrets(case)).unwrap(), text(&case["plaintext"]), "{}", case["name"]);
        }
        for case in vectors["freeText"].as_array().unwrap() {
            let sealed = StoredPrivateKey::new(case["encrypted"].to_string());
            assert_eq!(open(&sealed, &one(&case["secret"])).unwrap(), text(&case["data"]));
        }
        assert_eq!(cases.len(), 9);
    }

    #[test]
    fn what_is_sealed_is_what_better_auth_would_have_sealed() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let fixed = &vectors["fixedNonce"];
        let nonce = from_hex(text(&fixed["nonceHex"])).unwrap().try_into().unwrap();
        let sealed = seal_with(text(&fixed["plaintext"]), &one(&fixed["secret"]), nonce).unwrap();
        assert_eq!(sealed.expose(), fixed["encrypted"].to_string());

        let list = "7:the-secret-in-use-0123456789-abcdefghij,6:older";
        let secrets = VersionedSecrets::parse(list, None).unwrap();
        let sealed = seal("a key", &secrets).unwrap();
        assert!(sealed.expose().starts_with("\"$ba$7$"), "{}", sealed.expose());
        assert_eq!(open(&sealed, &secrets).as_deref(), Ok("a key"));
        assert_ne!(sealed, seal("a key", &secrets).unwrap(), "a nonce is never used again");
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let newer = "newer-secret-0123456789-abcdefghijklmnop";
        let sealed = |secrets: &VersionedSecrets| seal("a key", secrets).unwrap();
        let single = VersionedSecrets::one(SharedSecret::retired("single"));
        let rotated = VersionedSecrets::parse(&format!("2:{newer},1:older"), None).unwrap();
        let other = VersionedSecrets::one(SharedSecret::retired("other"));
        assert_eq!(open(&sealed(&single), &other), Err(CannotOpen::OtherSecret));
        assert_eq!(open(&sealed(&single), &rotated), Err(CannotOpen::NoUnnumbered));
        assert_eq!(open(&sealed(&rotated), &single), Err(CannotOpen::NoSecret(2)));
        for malformed in
            ["", "text", "\"", "\"\"", "\"xy\"", "\"abc\"", "\"$ba$\"", "\"$ba$x$00\"", "\"$ba$-1$00\"", "[]", "null"]
        {
            assert_eq!(
                open(&StoredPrivateKey::new(malformed.into()), &single),
                Err(CannotOpen::Malformed),
                "{malformed}"
            );
        }
        let short = StoredPrivateKey::new(format!("\"{}\"", "00".repeat(24)));
        assert_eq!(open(&short, &single), Err(CannotOpen::OtherSecret));
    }
}
