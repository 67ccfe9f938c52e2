//! Better Auth's encryption of private keys: XChaCha20-Poly1305, whose key is the SHA-256 digest of the shared secret.
//! Nonce, ciphertext and tag are stored as hexadecimal digits. If the secret has a version, `$ba$<version>$` precedes
//! the digits.

use base16ct::{lower, mixed};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::RngExt;
use sha2::{Digest, Sha256};
use taskbridge_domain::secret::SharedSecret;
use thiserror::Error;

use super::keys::stored_key::StoredPrivateKey;
use super::versioned_secrets::VersionedSecrets;

const NONCE_BYTES: usize = 24;
const VERSION_PREFIX: &str = "$ba$";

/// Errors from decrypting a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecryptionError {
    /// The stored text is neither a JSON Web Key nor an encrypted one.
    #[error("it is stored in an unknown form")]
    Malformed,
    /// The key was encrypted with this version of the secret, which is not configured.
    #[error("it was encrypted with version {0} of the secret, which BETTER_AUTH_SECRETS does not name")]
    UnknownVersion(u64),
    /// The key was encrypted before secrets had versions, and the secret of that time is not configured.
    #[error("it was encrypted before secrets had versions; set BETTER_AUTH_SECRET to the secret of that time")]
    NoUnversionedSecret,
    /// The key was encrypted with a secret other than the configured one, so that decrypting it fails.
    #[error("it was encrypted with another secret")]
    OtherSecret,
}

fn cipher(secret: &SharedSecret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Sha256::digest(secret.expose()))
}

/// Encrypts a private key with the current secret.
pub(super) fn encrypt(plaintext: &str, secrets: &VersionedSecrets) -> Option<StoredPrivateKey> {
    encrypt_with(rand::rng().random(), plaintext, secrets)
}

fn encrypt_with(nonce: [u8; NONCE_BYTES], plaintext: &str, secrets: &VersionedSecrets) -> Option<StoredPrivateKey> {
    let ciphertext = cipher(secrets.current()).encrypt(&XNonce::from(nonce), plaintext.as_bytes()).ok()?;
    let version = secrets.version().map(|version| format!("{VERSION_PREFIX}{version}$")).unwrap_or_default();
    let digits = lower::encode_string(&[&nonce, ciphertext.as_slice()].concat());
    // Better Auth stores the encrypted key as a JSON string, so the digits are put in quotation marks.
    Some(StoredPrivateKey::new(format!("\"{version}{digits}\"")))
}

/// Decrypts a private key. If Better Auth was configured to store the key in plain text, returns it unchanged.
pub(super) fn decrypt(stored: &StoredPrivateKey, secrets: &VersionedSecrets) -> Result<String, DecryptionError> {
    let text = stored.expose();
    if text.trim_start().starts_with('{') {
        return Ok(text.to_owned());
    }
    let text: String = serde_json::from_str(text).map_err(|_secret| DecryptionError::Malformed)?;
    let (version, digits) = match text.strip_prefix(VERSION_PREFIX) {
        None => (None, text.as_str()),
        Some(rest) => {
            let (version, digits) = rest.split_once('$').ok_or(DecryptionError::Malformed)?;
            (Some(version.parse().map_err(|_secret| DecryptionError::Malformed)?), digits)
        }
    };
    let missing = || version.map_or(DecryptionError::NoUnversionedSecret, DecryptionError::UnknownVersion);
    let secret = secrets.find(version).ok_or_else(missing)?;
    let bytes = mixed::decode_vec(digits).map_err(|_secret| DecryptionError::Malformed)?;
    let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(DecryptionError::Malformed)?;
    let plaintext = cipher(secret)
        .decrypt(&XNonce::from(*nonce), ciphertext)
        .map_err(|_authentication| DecryptionError::OtherSecret)?;
    String::from_utf8(plaintext).map_err(|_secret| DecryptionError::Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Keys that Better Auth encrypted, with the secrets and the decrypted keys.
    const VECTORS: &str = include_str!("../../../../tests/vectors/jwks-encryption.json");

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    fn single(secret: &Value) -> VersionedSecrets {
        VersionedSecrets::single(SharedSecret::unchecked(text(secret)))
    }

    /// Returns the secrets of a test vector, after parsing them as values of the environment variables.
    fn secrets(case: &Value) -> VersionedSecrets {
        let Some(versions) = case["config"]["secrets"].as_array() else { return single(&case["secret"]) };
        let list: Vec<_> =
            versions.iter().map(|entry| format!("{}:{}", entry["version"], text(&entry["value"]))).collect();
        let unnumbered = case["config"]["legacySecret"].as_str().map(SharedSecret::unchecked);
        VersionedSecrets::parse(&list.join(","), unnumbered).unwrap()
    }

    #[test]
    fn keys_that_better_auth_encrypted_are_decrypted() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        for case in cases {
            let encrypted = StoredPrivateKey::new(text(&case["row"]["privateKey"]).to_owned());
            assert_eq!(decrypt(&encrypted, &secrets(case)).unwrap(), text(&case["plaintext"]), "{}", case["name"]);
        }
        for case in vectors["freeText"].as_array().unwrap() {
            let encrypted = StoredPrivateKey::new(case["encrypted"].to_string());
            assert_eq!(decrypt(&encrypted, &single(&case["secret"])).unwrap(), text(&case["data"]));
        }
        assert_eq!(cases.len(), 9);
    }

    #[test]
    fn keys_are_encrypted_as_better_auth_encrypts_them() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let fixed = &vectors["fixedNonce"];
        let nonce = mixed::decode_vec(text(&fixed["nonceHex"])).unwrap().try_into().unwrap();
        let encrypted = encrypt_with(nonce, text(&fixed["plaintext"]), &single(&fixed["secret"])).unwrap();
        assert_eq!(encrypted.expose(), fixed["encrypted"].to_string());

        let list = "7:the-secret-in-use-0123456789-abcdefghij,6:older";
        let secrets = VersionedSecrets::parse(list, None).unwrap();
        let encrypted = encrypt("a key", &secrets).unwrap();
        assert!(encrypted.expose().starts_with("\"$ba$7$"), "{}", encrypted.expose());
        assert_eq!(decrypt(&encrypted, &secrets).as_deref(), Ok("a key"));
        assert_ne!(encrypted, encrypt("a key", &secrets).unwrap(), "a nonce is never reused");
    }

    #[test]
    fn a_key_that_cannot_be_decrypted_says_why() {
        let newer = "newer-secret-0123456789-abcdefghijklmnop";
        let encrypted = |secrets: &VersionedSecrets| encrypt("a key", secrets).unwrap();
        let single = VersionedSecrets::single(SharedSecret::unchecked("single"));
        let rotated = VersionedSecrets::parse(&format!("2:{newer},1:older"), None).unwrap();
        let other = VersionedSecrets::single(SharedSecret::unchecked("other"));
        assert_eq!(decrypt(&encrypted(&single), &other), Err(DecryptionError::OtherSecret));
        assert_eq!(decrypt(&encrypted(&single), &rotated), Err(DecryptionError::NoUnversionedSecret));
        assert_eq!(decrypt(&encrypted(&rotated), &single), Err(DecryptionError::UnknownVersion(2)));
        for malformed in
            ["", "text", "\"", "\"\"", "\"xy\"", "\"abc\"", "\"$ba$\"", "\"$ba$x$00\"", "\"$ba$-1$00\"", "[]", "null"]
        {
            assert_eq!(
                decrypt(&StoredPrivateKey::new(malformed.into()), &single),
                Err(DecryptionError::Malformed),
                "{malformed}"
            );
        }
        let short = StoredPrivateKey::new(format!("\"{}\"", "00".repeat(24)));
        assert_eq!(decrypt(&short, &single), Err(DecryptionError::OtherSecret));
    }
}
