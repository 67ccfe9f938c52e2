//! Fake issuers; each test chooses their keys and responses.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use taskbridge_adapters::jwt::{
    ExpectedClaims, FetchJwks, JwtVerifier, Rejection, RemoteJwks, RemoteJwksConfig, SharedSecretKey, TrustedIssuer,
};
use taskbridge_domain::Cause;
use taskbridge_domain::ports::{AuthError, AuthPort, Clock};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{clock_at, moment};
use tokio::sync::Semaphore;

pub(crate) const SECRET: &str = "shared-hs256-secret-not-for-production-0123456789";
pub(crate) const URL: &str = "https://app.example.test";

pub(crate) const CONFIG: RemoteJwksConfig = RemoteJwksConfig {
    refresh: Duration::from_mins(5),
    cool_down: Duration::from_secs(10),
    timeout: Duration::from_secs(5),
};

pub(crate) fn encode(segment: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(segment)
}

/// Returns the claims that a verifier expects in tokens of this issuer for this audience.
pub(crate) fn expected(issuer: &str, audience: &str) -> ExpectedClaims {
    ExpectedClaims {
        issuers: vec![issuer.into()],
        audiences: vec![audience.into()],
        require_issuer: true,
        leeway: Duration::from_secs(30),
    }
}

/// Verifies a token, and returns its subject or the reason for the rejection.
pub(crate) async fn verify(verifier: &JwtVerifier, token: &str) -> Result<String, Rejection> {
    match verifier.verify(token).await {
        Ok(claims) => Ok(claims.subject.to_string()),
        Err(AuthError::Rejected(_, cause)) => Err(*cause.downcast().unwrap()),
        Err(error @ AuthError::Unavailable(_)) => panic!("{error:?}"),
    }
}

/// Returns claims that are valid at [`moment`].
pub(crate) fn claims() -> Value {
    let now = moment().unix_seconds();
    json!({ "sub": "ann", "iat": now, "exp": now + 900, "iss": URL, "aud": URL })
}

/// A key of an issuer, with its private half, which can sign tokens.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// Returns an Ed25519 key that is derived from `kid`.
    pub(crate) fn ed25519(kid: &str) -> Self {
        // The DER prefix of RFC 8410, section 7, followed by a seed that repeats `kid`.
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend(kid.bytes().cycle().take(32));
        Self { kid: kid.into(), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&der) }
    }

    pub(crate) fn p256(kid: &str) -> Self {
        Self { kid: kid.into(), algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(&stored("p256", 0)) }
    }

    pub(crate) fn rsa(kid: &str, algorithm: Algorithm) -> Self {
        Self { kid: kid.into(), algorithm, key: EncodingKey::from_rsa_der(&stored("rsa", 0)) }
    }

    /// Returns a key of each supported algorithm.
    pub(crate) fn all() -> [Self; 4] {
        [Self::ed25519("ed"), Self::p256("ec"), Self::rsa("rs", Algorithm::RS256), Self::rsa("ps", Algorithm::PS256)]
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?}", self.algorithm)
    }

    /// Returns the public half of the key, in the form in which Better Auth publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// Returns the public half of the key with some members replaced. A member that is replaced by `null` is removed.
    pub(crate) fn jwk_with(&self, changes: &Value) -> Value {
        let mut jwk = self.jwk();
        let members = jwk.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap().clone() {
            if value.is_null() {
                members.remove(&name)
            } else {
                members.insert(name, value)
            };
        }
        jwk
    }

    /// Returns a valid token that this key has signed.
    pub(crate) fn token(&self) -> String {
        self.sign(&json!({ "alg": self.name(), "kid": self.kid }), &claims())
    }

    /// Returns a token with this header and these claims, signed with the algorithm of the key, whatever the header
    /// names.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_as(self.algorithm, header, claims)
    }

    /// Returns a token with this header and these claims, signed with `algorithm`.
    pub(crate) fn sign_as(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = crypto::sign(message.as_bytes(), &self.key, algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

fn stored(kind: &str, index: usize) -> Vec<u8> {
    let keys: Value = serde_json::from_str(include_str!("../../../../tests/vectors/signing-keys.json")).unwrap();
    STANDARD.decode(keys[kind][index].as_str().unwrap()).unwrap()
}

/// Returns a key set with these keys, as JSON text.
pub(crate) fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// An endpoint at which an issuer publishes its keys.
#[derive(Clone)]
pub(crate) struct Issuer(Arc<State>);

struct State {
    answer: Mutex<Option<String>>,
    fetches: AtomicUsize,
    /// Each response takes one permit, so that a test can delay responses.
    permits: Semaphore,
}

impl Issuer {
    /// Creates an issuer that publishes these keys.
    pub(crate) fn of(keys: &[&SigningKey]) -> Self {
        let issuer = Self::answering(None);
        issuer.publish(keys);
        issuer
    }

    /// Creates an issuer that responds to each request with `answer`. If this is `None`, the issuer cannot be reached.
    pub(crate) fn answering(answer: Option<&str>) -> Self {
        let answer = Mutex::new(answer.map(str::to_owned));
        Self(Arc::new(State { answer, fetches: AtomicUsize::new(0), permits: Semaphore::new(Semaphore::MAX_PERMITS) }))
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        self.answer(Some(&set(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>())));
    }

    pub(crate) fn answer(&self, answer: Option<&str>) {
        *self.0.answer.lock().unwrap() = answer.map(str::to_owned);
    }

    /// Delays the responses to all later requests until [`release`](Self::release) is called.
    pub(crate) fn hold(&self) {
        self.0.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn release(&self, answers: usize) {
        self.0.permits.add_permits(answers);
    }

    /// Returns the number of requests so far.
    pub(crate) fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an issuer of the tests")
    }
}

#[async_trait]
impl FetchJwks for Issuer {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        let answer = self.0.answer.lock().unwrap().clone();
        self.0.permits.acquire().await.unwrap().forget();
        answer.map(String::into_bytes).ok_or_else(|| "connection refused".into())
    }
}

/// Creates a verifier for the tokens of these issuers, at [`moment`].
pub(crate) fn verifier(issuers: &[&Issuer]) -> JwtVerifier {
    verifier_with(None, issuers, Arc::new(clock_at(moment())))
}

/// Creates a verifier for the tokens of these issuers and, if a secret is given, for HS256 tokens.
pub(crate) fn verifier_with(secret: Option<&str>, issuers: &[&Issuer], clock: Arc<dyn Clock>) -> JwtVerifier {
    let addresses = issuers.iter().map(|&issuer| -> Box<dyn FetchJwks> { Box::new(issuer.clone()) });
    let published = RemoteJwks::start(addresses.collect(), CONFIG);
    let mut trusted = vec![TrustedIssuer { keys: Arc::new(published), expected: expected(URL, URL) }];
    if let Some(secret) = secret {
        let keys = Arc::new(SharedSecretKey::new(&SharedSecret::parse(secret).unwrap()));
        trusted.insert(0, TrustedIssuer { keys, expected: expected(URL, URL) });
    }
    JwtVerifier::new(trusted, clock)
}
