//! Verifying a token: signed with the secret or with a published key, remembered or new.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::Criterion;
use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::Sha256;
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::jwt::{
    ExpectedClaims, FetchJwks, JwtVerifier, KeySource, RemoteJwks, RemoteJwksConfig, SharedSecretKey, TrustedIssuer,
};
use taskbridge_domain::Cause;
use taskbridge_domain::ports::{AuthPort, Clock};
use taskbridge_domain::secret::SharedSecret;
use tokio::runtime::Runtime;

const SECRET: &str = "the-secret-of-the-benchmarks-0123456789";
const URL: &str = "https://app.example.test";
/// More than the cache can hold, so that in turn each is new again.
const MANY: usize = 20_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();

    let secret = SharedSecretKey::new(&SharedSecret::parse(SECRET).unwrap());
    let hs256 = verifier(Arc::new(secret));
    let signed: Vec<_> = (0..100).map(|user| with_secret(&claims(user))).collect();
    bench(&mut criterion, "token, HS256", &hs256, &signed);
    let forged: Vec<_> = signed.iter().map(|token| format!("{}AAAAAAAA", &token[..token.len() - 8])).collect();
    criterion.bench_function("token, HS256, forged", |bencher| {
        let mut forged = forged.iter().cycle();
        bencher.iter(|| assert!(verify(&hs256, forged.next().unwrap()).is_none()));
    });

    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let config = RemoteJwksConfig {
        refresh: Duration::from_hours(1),
        cool_down: Duration::from_secs(1),
        timeout: Duration::from_secs(5),
    };
    let keys = RemoteJwks::start(vec![Box::new(Issuer(key_set(&pair)))], config);
    let eddsa = verifier(Arc::new(keys));
    let signed: Vec<_> = (0..MANY).map(|user| with_key(&pair, &claims(user))).collect();
    // Waits for the key.
    runtime.block_on(eddsa.verify(&signed[0])).unwrap();
    bench(&mut criterion, "token, EdDSA, new", &eddsa, &signed);
    bench(&mut criterion, "token, EdDSA, seen before", &eddsa, &signed[..100]);
    criterion.final_summary();
}

fn bench(criterion: &mut Criterion, name: &str, verifier: &JwtVerifier, tokens: &[String]) {
    criterion.bench_function(name, |bencher| {
        let mut tokens = tokens.iter().cycle();
        bencher.iter(|| assert!(verify(verifier, tokens.next().unwrap()).is_some()));
    });
}

/// Returns the subject of a valid token. Does not wait once the key is known.
fn verify(verifier: &JwtVerifier, token: &str) -> Option<String> {
    Some(verifier.verify(token).now_or_never()?.ok()?.subject.to_string())
}

fn verifier(keys: Arc<dyn KeySource>) -> JwtVerifier {
    let expected = ExpectedClaims {
        issuers: vec![URL.into()],
        audiences: vec![URL.into()],
        require_issuer: true,
        leeway: Duration::from_secs(30),
    };
    JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(SystemClock))
}

/// Returns claims as Better Auth writes them.
fn claims(user: usize) -> Value {
    let id = format!("user-{user:028}");
    let now = SystemClock.now().unix_seconds();
    json!({ "iat": now, "name": "Ada", "email": "ada@example.test", "id": id, "sub": id, "exp": now + 86_400, "iss": URL, "aud": URL })
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn with_secret(claims: &Value) -> String {
    let message = message(&json!({ "alg": "HS256" }), claims);
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&message);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn with_key(pair: &Ed25519KeyPair, claims: &Value) -> String {
    let message = message(&json!({ "alg": "EdDSA", "kid": "bench" }), claims);
    let signature = pair.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key_set(pair: &Ed25519KeyPair) -> String {
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "bench", "x": public }] }).to_string()
}

/// Publishes a key set.
struct Issuer(String);

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(URL)
    }
}

#[async_trait]
impl FetchJwks for Issuer {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        Ok(self.0.clone().into_bytes())
    }
}
