//! Tests of the claims whose accepted values are configurable: issuer and audience.

use std::sync::Arc;

use serde_json::{Value, json};
use taskbridge_adapters::jwt::{ExpectedClaims, JwtVerifier, Rejection, TrustedIssuer, VerificationStep};
use taskbridge_domain::testing::fixtures::{clock_at, moment};

use crate::support::{CONFIG, Issuer, SigningKey, URL, claims, expected, verifier, verify};

fn expecting(expected: ExpectedClaims, issuer: &Issuer) -> JwtVerifier {
    let keys = taskbridge_adapters::jwt::RemoteJwks::start(vec![Box::new(issuer.clone())], CONFIG);
    JwtVerifier::new(vec![TrustedIssuer { keys: Arc::new(keys), expected }], Arc::new(clock_at(moment())))
}

fn without(names: &[&str]) -> Value {
    let mut claims = claims();
    for name in names {
        claims.as_object_mut().unwrap().remove(*name);
    }
    claims
}

/// Even if the claim `iss` or `aud` is optional, a token in which it has a wrong value is rejected.
#[tokio::test]
async fn issuer_and_audience_may_be_missing_only_where_they_are_not_required() {
    let key = SigningKey::ed25519("a");
    let issuer = Issuer::of(&[&key]);
    let token = |claims: &Value| key.sign(&json!({ "alg": "EdDSA", "kid": "a" }), claims);
    let with = |name: &str, value: &str| {
        let mut claims = claims();
        claims[name] = json!(value);
        claims
    };
    for require_issuer in [true, false] {
        let verifier = expecting(ExpectedClaims { require_issuer, ..expected(URL, URL) }, &issuer);
        assert_eq!(verify(&verifier, &token(&claims())).await.as_deref(), Ok("ann"));
        for (names, missing) in [(&["iss"][..], "iss"), (&["aud"], "aud"), (&["iss", "aud"], "iss")] {
            let verdict = verify(&verifier, &token(&without(names))).await;
            let expected = if require_issuer { Err(Rejection::Missing(missing)) } else { Ok("ann".into()) };
            assert_eq!(verdict, expected, "without {names:?}, required: {require_issuer}");
        }
        for missing in ["exp", "sub"] {
            let verdict = verify(&verifier, &token(&without(&[missing]))).await;
            assert_eq!(verdict, Err(Rejection::Missing(missing)), "required: {require_issuer}");
        }
        let wrong = verify(&verifier, &token(&with("iss", "https://else.test"))).await;
        assert!(matches!(wrong, Err(Rejection::Issuer { .. })), "{wrong:?}");
        let wrong = verify(&verifier, &token(&with("aud", "https://else.test"))).await;
        assert!(matches!(wrong, Err(Rejection::Audience { .. })), "{wrong:?}");
    }
}

/// While an app moves to another URL, tokens with the old and with the new issuer and audience must be accepted.
#[tokio::test]
async fn several_issuers_and_audiences_may_be_accepted() {
    let key = SigningKey::ed25519("a");
    let lists = ExpectedClaims {
        issuers: vec!["old".into(), "new".into()],
        audiences: vec!["web".into(), "api".into()],
        ..expected(URL, URL)
    };
    let verifier = expecting(lists, &Issuer::of(&[&key]));
    for (iss, aud, is_good) in [
        (json!("old"), json!("api"), true),
        (json!("new"), json!(["else", "web"]), true),
        (json!("web"), json!("api"), false),
        (json!("old"), json!("old"), false),
        (json!("old"), json!(["else"]), false),
        (json!("old,new"), json!("api"), false),
        (json!(["old"]), json!("api"), false),
        (json!(URL), json!(URL), false),
    ] {
        let mut claims = claims();
        claims["iss"] = iss;
        claims["aud"] = aud;
        let verdict = verify(&verifier, &key.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims)).await;
        assert_eq!(verdict.is_ok(), is_good, "{claims} {verdict:?}");
    }
}

/// The error message contains the issuer in the token, escaped and truncated, and the accepted issuer.
#[tokio::test]
async fn the_rejection_of_an_issuer_names_both_sides() {
    let key = SigningKey::ed25519("a");
    let verifier = verifier(&[&Issuer::of(&[&key])]);
    let mut wrong = claims();
    wrong["iss"] = json!(format!("https://other.test/\n{}", "x".repeat(1000)));
    let message = verify(&verifier, &key.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &wrong)).await.unwrap_err();
    let message = message.to_string();
    assert!(message.starts_with(r#"wrong issuer: iss is "https://other.test/\nxxx"#), "{message}");
    assert!(message.ends_with(r#"xxx", jwt.issuer accepts "https://app.example.test""#), "{message}");
    assert!(message.len() < 300, "{message}");
}

#[tokio::test]
async fn the_report_ends_at_the_step_that_fails() {
    use VerificationStep::{
        Algorithm, Audience, Claims, Expiry, Format, Header, Issuer, Key, NotBefore, Signature, Subject,
    };
    let all = [Format, Header, Algorithm, Key, Signature, Claims, Expiry, NotBefore, Issuer, Audience, Subject];
    let key = SigningKey::ed25519("a");
    let verifier = verifier(&[&crate::support::Issuer::of(&[&key])]);
    let good = key.token();
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        key.sign(&json!({ "alg": "EdDSA", "kid": "a" }), &claims)
    };
    let header = |header: Value| key.sign(&header, &claims());
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    for (token, passed) in [
        (good.clone(), 11),
        ("junk".into(), 0),
        (header(json!({ "alg": "EdDSA", "kid": 7 })), 1),
        (header(json!({ "alg": "ES512", "kid": "a" })), 2),
        (header(json!({ "alg": "EdDSA", "kid": "b" })), 3),
        (format!("{unsigned}.AAAA"), 4),
        (with("exp", json!("soon")), 5),
        (with("exp", json!(1)), 6),
        (with("nbf", json!(1e12)), 7),
        (with("iss", json!("else")), 8),
        (with("aud", json!("else")), 9),
        (with("sub", json!("")), 10),
    ] {
        let report = verifier.explain(&token).await;
        assert_eq!(report.passed, all[..passed], "{:?}", report.result);
        assert_eq!(report.result.is_ok(), passed == all.len());
    }
}
