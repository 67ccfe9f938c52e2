//! Asymmetric signing keys of issuers, and tokens signed with them by code that the server does not use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::{self, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
};
use serde_json::{Value, json};

use crate::forge::{encode, now};

/// A private key of an issuer.
pub struct Signer {
    /// The key id under which it is published.
    pub kid: String,
    /// The algorithm of the published key and of its tokens.
    pub algorithm: &'static str,
    key: Key,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl Signer {
    /// Generates an Ed25519 key.
    #[must_use]
    pub fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Key::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap());
        Self { kid: kid.into(), algorithm: "EdDSA", key }
    }

    /// Generates a P-256 key.
    #[must_use]
    pub fn p256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        let key = Key::P256(pair.unwrap());
        Self { kid: kid.into(), algorithm: "ES256", key }
    }

    /// Returns the RSA key of the tests, for `RS256` or `PS256`.
    #[must_use]
    pub fn rsa(kid: &str, algorithm: &'static str) -> Self {
        let keys: Value = serde_json::from_str(include_str!("../vectors/signing-keys.json")).unwrap();
        let der = STANDARD.decode(keys["rsa"][0].as_str().unwrap()).unwrap();
        Self { kid: kid.into(), algorithm, key: Key::Rsa(rsa::KeyPair::from_der(&der).unwrap()) }
    }

    /// Returns the public key as a JWK with the members that Better Auth writes.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Ed25519(key) => json!({ "crv": "Ed25519", "x": encode(key.public_key()), "kty": "OKP" }),
            Key::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) })
            }
            Key::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                json!({ "kty": "RSA", "n": encode(n), "e": encode(e) })
            }
        };
        jwk["alg"] = json!(self.algorithm);
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// Returns a valid token of the issuer at `url`, for this subject.
    #[must_use]
    pub fn token(&self, url: &str, subject: &str) -> String {
        self.sign(&json!({ "alg": self.algorithm, "kid": self.kid }), &claims(url, subject))
    }

    /// Signs these segments with the algorithm that the header names, if the key can.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Key::P256(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Key::Rsa(key) => {
                let encoding: &dyn RsaEncoding = match header["alg"].as_str() {
                    Some("PS256") => &RSA_PSS_SHA256,
                    Some("RS384") => &RSA_PKCS1_SHA384,
                    Some("RS512") => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", encode(signature))
    }
}

/// Returns valid claims of the issuer at `url` for this subject, as Better Auth writes them.
#[must_use]
pub fn claims(url: &str, subject: &str) -> Value {
    let now = now();
    json!({ "iat": now, "name": subject, "id": subject, "sub": subject, "exp": now + 900, "iss": url, "aud": url })
}
