//! Generates key pairs as JSON Web Keys (RFC 7517, RFC 7518, RFC 8037), and parses stored private keys for signing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::EncodingKey;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rand::RngExt;
use serde::Deserialize;
use serde_json::json;

use super::algorithm::SigningAlgorithm;

/// Both halves of a new key pair, each as the JSON text of a JSON Web Key.
pub(super) struct KeyPair {
    pub(super) public: String,
    pub(super) private: String,
}

impl KeyPair {
    /// Generates a key pair with a random number generator that the operating system seeds.
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

/// Generates a P-256 private key. Repeats if the random value is not a valid key, which happens only about once in 2^32
/// attempts.
fn p256_secret() -> p256::SecretKey {
    loop {
        if let Ok(key) = p256::SecretKey::from_slice(&rand::rng().random::<[u8; 32]>()) {
            return key;
        }
    }
}

/// Parses a private JSON Web Key for signing. Returns `None` if it is not a valid key of `algorithm`.
pub(super) fn encoding_key(private: &str, algorithm: SigningAlgorithm) -> Option<EncodingKey> {
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
