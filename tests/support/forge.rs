//! HS256 tokens, valid or not, signed by code that the server does not use.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{SECRET, Server};

/// Creates tokens that look like those of a server.
#[derive(Debug, Clone)]
pub struct Forge {
    origin: String,
}

impl Forge {
    /// Returns a forge with the secret and the origin of this server.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self { origin: server.origin.clone() }
    }

    /// Returns valid claims for this subject.
    #[must_use]
    pub fn claims(&self, subject: &str) -> Value {
        let now = now();
        json!({ "sub": subject, "iat": now, "exp": now + 300, "iss": self.origin, "aud": self.origin })
    }

    /// Returns a valid token for this subject.
    #[must_use]
    pub fn token(&self, subject: &str) -> String {
        self.signed(&self.claims(subject))
    }

    /// Signs these claims with a valid header.
    #[must_use]
    pub fn signed(&self, claims: &Value) -> String {
        sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string(), SECRET.as_bytes())
    }
}

/// Signs header and payload with HMAC-SHA-256, even if the header names another algorithm.
#[must_use]
pub fn sign(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, key: &[u8]) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&message);
    format!("{message}.{}", encode(mac.finalize().into_bytes()))
}

/// Encodes as base64url without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns the number of seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tokens for a real server are made by the real clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
