//! Input bytes as a token, and as the claims and header of a correctly signed token.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sha2::Sha256;
use taskbridge_adapters::jwt::{ExpectedClaims, JwtVerifier, SharedSecretKey, TrustedIssuer};
use taskbridge_domain::ports::{AuthError, AuthPort};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{clock_at, moment};

/// No seed is signed with this secret.
const SECRET: &str = "the-secret-of-the-fuzz-targets-0123456789";
const URL: &str = "https://app.example.test";
const LEEWAY: u16 = 30;
const GOOD_HEADER: &[u8] = br#"{"alg":"HS256"}"#;

static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let leeway = Duration::from_secs(LEEWAY.into());
    let expected =
        ExpectedClaims { issuers: vec![URL.into()], audiences: vec![URL.into()], require_issuer: true, leeway };
    let keys = Arc::new(SharedSecretKey::new(&SharedSecret::parse(SECRET).unwrap()));
    JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(clock_at(moment())))
});

pub(crate) fn check(data: &[u8]) {
    if let Ok(token) = std::str::from_utf8(data) {
        assert_eq!(subject(token), None, "forged");
    }

    if let Some(subject) = subject(&signed(GOOD_HEADER, data))
        && let Some(claims) = json(data)
    {
        let (now, leeway) = (f64::from(u32::try_from(moment().unix_seconds()).unwrap()), f64::from(LEEWAY));
        assert_eq!(claims["sub"], subject);
        assert!(!subject.is_empty());
        assert!(claims["exp"].as_f64().unwrap() > now - leeway);
        assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_f64().unwrap() <= now + leeway));
        assert_eq!(claims["iss"], URL);
        assert!(claims["aud"] == URL || claims["aud"].as_array().unwrap().contains(&URL.into()));
    }

    let good = json!({ "sub": "ann", "exp": moment().unix_seconds() + 60, "iss": URL, "aud": URL });
    if let Some(subject) = subject(&signed(data, good.to_string().as_bytes())) {
        assert_eq!(subject, "ann");
        if let Some(header) = json(data) {
            assert_eq!(header["alg"], "HS256");
            assert!(header.get("crit").is_none());
            assert_ne!(header["typ"], "better-auth.session-cache+jwt");
        }
    }
}

/// Parses JSON that the verifier has accepted. Returns `None` if a field that it ignores contains a lone surrogate or
/// an infinite number, which only this parser rejects.
fn json(accepted: &[u8]) -> Option<Value> {
    let _: IgnoredAny = serde_json::from_slice(accepted).unwrap();
    serde_json::from_slice(accepted).ok()
}

/// Returns the subject of a valid token.
fn subject(token: &str) -> Option<String> {
    match VERIFIER.verify(token).now_or_never().unwrap() {
        Ok(claims) => Some(claims.subject.to_string()),
        Err(AuthError::Rejected(..)) => None,
        Err(error @ AuthError::Unavailable(_)) => panic!("{error:?}"),
    }
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&message);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
