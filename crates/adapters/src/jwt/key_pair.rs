//! Key pairs: made, and read back, in the form of JSON Web Keys (RFC 7517, RFC 7518, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rand::RngExt;
use serde::Deserialize;
use serde_json::json;

/// By what tokens of our own key pairs are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037): Better Auth's default.
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
}

impl SigningAlgorithm {
    /// Its name in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    pub(super) fn curve(self) -> &'static str {
        match self {
            Self::EdDsa => "Ed25519",
            Self::Es256 => "P-256",
        }
    }

    pub(super) fn jws(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }
}

/// A key pair that has just been made, both halves as JSON Web Keys.
pub(super) struct KeyPair {
    pub(super) public: String,
    pub(super) private: String,
}

impl KeyPair {
    /// A new one, out of a generator that the operating system seeds.
    pub(super) fn generate(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::EdDsa => {
                let secret: [u8; 32] = rand::rng().random();
                let key = ed25519_dalek::SigningKey::from_bytes(&secret);
                let (d, x) = (encode(&secret), encode(key.verifying_key().as_bytes()));
                Self {
                    public: json!({ "crv": "Ed25519", "x": x, "kty": "OKP" }).to_string(),
                    private: json!({ "crv": "Ed25519", "d": d, "x": x, "kty": "OKP" }).to_string(),
                }
            }
            SigningAlgorithm::Es256 => {
                let key = p256_secret();
                let point = key.public_key().to_encoded_point(false);
                let [x, y] = [point.x(), point.y()].map(|half| encode(half.map_or(&[][..], |half| &half[..])));
                let d = encode(&key.to_bytes());
                Self {
                    public: json!({ "kty": "EC", "x": x, "y": y, "crv": "P-256" }).to_string(),
                    private: json!({ "kty": "EC", "x": x, "y": y, "crv": "P-256", "d": d }).to_string(),
                }
            }
        }
    }
}

/// Almost every 32 bytes are one: at the first try, but for one time in 2^32.
fn p256_secret() -> p256::SecretKey {
    loop {
        if let Ok(key) = p256::SecretKey::from_slice(&rand::rng().random::<[u8; 32]>()) {
            return key;
        }
    }
}

/// The private half, to sign with; `None` for what is none of this algorithm.
pub(super) fn signing_key(private: &str, algorithm: SigningAlgorithm) -> Option<EncodingKey> {
    #[derive(Deserialize)]
    struct PrivateJwk {
        crv: String,
        d: String,
    }
    let PrivateJwk { crv, d } = serde_json::from_str(private).ok()?;
    let secret = URL_SAFE_NO_PAD.decode(d).ok().filter(|_| crv == algorithm.curve())?;
    match algorithm {
        SigningAlgorithm::EdDsa => {
            let key = ed25519_dalek::SigningKey::from_bytes(&secret.try_into().ok()?);
            Some(EncodingKey::from_ed_der(key.to_pkcs8_der().ok()?.as_bytes()))
        }
        SigningAlgorithm::Es256 => {
            let key = p256::SecretKey::from_slice(&secret).ok()?;
            Some(EncodingKey::from_ec_der(key.to_pkcs8_der().ok()?.as_bytes()))
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
