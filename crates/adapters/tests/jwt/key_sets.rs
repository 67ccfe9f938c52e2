//! Tests of published key sets: each key verifies one algorithm only, and unusable keys are skipped.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use taskbridge_adapters::jwt::{ExpectedClaims, JwtVerifier, Rejection, RemoteJwks, TrustedIssuer};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{Clock, MockClock};
use taskbridge_domain::testing::fixtures::{clock_at, moment};

use crate::support::{
    CONFIG, Issuer, SECRET, SigningKey, claims, encode, expected, set, verifier, verifier_with, verify,
};

const VECTORS: &str = include_str!("../../../../tests/vectors/jwt.json");

async fn verdict(jwks: &[Value], token: &str) -> Result<String, Rejection> {
    verify(&verifier(&[&Issuer::answering(Some(&set(jwks)))]), token).await
}

fn not_enabled(algorithm: &str) -> Rejection {
    Rejection::Algorithm { found: algorithm.into(), enabled: "EdDSA, Ed25519, ES256, RS256, PS256".into() }
}

/// The tokens and key sets were recorded from Better Auth. Each token is verified at the times recorded with it.
#[tokio::test(start_paused = true)]
async fn recorded_tokens_are_accepted_or_rejected_as_recorded() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    let negatives = vectors["negatives"].as_array().unwrap();
    assert_eq!((cases.len(), negatives.len()), (19, 16));
    let verdict_on = async |case: &Value, moment: &str| {
        let now = Timestamp::from_unix_seconds(case[moment].as_i64().unwrap()).unwrap();
        let issuer = Issuer::answering(Some(&case["jwks"].to_string()));
        let keys = Arc::new(RemoteJwks::start(vec![Box::new(issuer)], CONFIG));
        let audience = case["audience"].as_str().or(case["audience"][1].as_str()).unwrap();
        // The leeway is short, because one recorded token must be rejected 20 seconds before its `nbf`.
        let leeway = Duration::from_secs(10);
        let expected = ExpectedClaims { leeway, ..expected(case["issuer"].as_str().unwrap(), audience) };
        let verifier = JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(clock_at(now)));
        verify(&verifier, case["token"].as_str().unwrap()).await
    };
    for case in cases {
        let expected = match case["alg"].as_str().unwrap() {
            "ES512" => Err(not_enabled("ES512")),
            _ => Ok(case["payload"]["sub"].as_str().unwrap().to_owned()),
        };
        for moment in ["verifyAt", "validFrom", "validUntil"] {
            assert_eq!(verdict_on(case, moment).await, expected, "{} at {moment}", case["name"]);
        }
    }
    for case in negatives {
        assert!(verdict_on(case, "verifyAt").await.is_err(), "{}", case["name"]);
    }
}

/// Shows that the tokens in the tests below are rejected only because of what these tests change.
#[tokio::test]
async fn each_kind_of_key_verifies_its_own_tokens() {
    let keys = SigningKey::all();
    let jwks = keys.each_ref().map(SigningKey::jwk);
    for (key, jwk) in keys.iter().zip(&jwks) {
        assert_eq!(verdict(&jwks, &key.token()).await.as_deref(), Ok("ann"), "{}", key.kid);
        assert_eq!(verdict(std::slice::from_ref(jwk), &key.token()).await.as_deref(), Ok("ann"), "{}", key.kid);
    }
}

/// RFC 9864 introduces the name `Ed25519` beside `EdDSA`. The key and the token may each use either name.
#[tokio::test]
async fn ed25519_has_two_names() {
    let key = SigningKey::ed25519("a");
    for published in [json!("EdDSA"), json!("Ed25519"), json!(null)] {
        for named in ["EdDSA", "Ed25519"] {
            let token = key.sign(&json!({ "alg": named, "kid": "a" }), &claims());
            let jwk = key.jwk_with(&json!({ "alg": published }));
            assert_eq!(verdict(&[jwk], &token).await.as_deref(), Ok("ann"), "{published} {named}");
        }
    }
}

/// For example, a key for RS256 does not verify a PS256 signature, whichever of the two algorithms the header names.
#[tokio::test]
async fn a_key_verifies_no_other_algorithm() {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let rs = SigningKey::rsa("r", RS256);
    let ps = SigningKey::rsa("r", PS256);
    for (jwk, own) in [
        (rs.jwk(), RS256),
        (ps.jwk(), PS256),
        // An RSA key without `alg` verifies only RS256, the RSA algorithm that RFC 7518, section 3.1, recommends.
        (rs.jwk_with(&json!({ "alg": null })), RS256),
    ] {
        for algorithm in [RS256, RS384, RS512, PS256, PS384, PS512] {
            let header = json!({ "alg": format!("{algorithm:?}"), "kid": "r" });
            let verdict = verdict(std::slice::from_ref(&jwk), &rs.sign_as(algorithm, &header, &claims())).await;
            assert_eq!(verdict.is_ok(), algorithm == own, "{algorithm:?} by a key for {own:?}: {verdict:?}");
            // The header names the algorithm of the key, but the signature uses another one.
            let header = json!({ "alg": format!("{own:?}"), "kid": "r" });
            let verdict = self::verdict(std::slice::from_ref(&jwk), &rs.sign_as(algorithm, &header, &claims())).await;
            assert_eq!(verdict.is_ok(), algorithm == own, "{algorithm:?} under the name of {own:?}: {verdict:?}");
        }
    }
}

/// Algorithm confusion: an attacker signs a token with HS256 and uses the public key as the secret. Covers every form
/// of the public key.
#[tokio::test]
async fn a_token_signed_with_a_public_key_as_hmac_secret_is_rejected() {
    for key in SigningKey::all() {
        for jwk in [key.jwk(), key.jwk_with(&json!({ "alg": null })), key.jwk_with(&json!({ "alg": "HS256" }))] {
            let text = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
            let raw = |name: &str| base64_decode(&text(name));
            let point = [vec![4], raw("x"), raw("y")].concat();
            let secrets = [text("x"), text("n"), jwk.to_string()].map(String::into_bytes);
            for secret in secrets.into_iter().chain([raw("x"), raw("n"), point, Vec::new()]) {
                let message = format!(
                    "{}.{}",
                    encode(json!({ "alg": "HS256", "kid": key.kid }).to_string()),
                    encode(claims().to_string())
                );
                let mac =
                    crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&secret), Algorithm::HS256).unwrap();
                let token = format!("{message}.{mac}");
                assert_eq!(verdict(std::slice::from_ref(&jwk), &token).await, Err(not_enabled("HS256")));
                let issuer = Issuer::answering(Some(&set(std::slice::from_ref(&jwk))));
                let both = verifier_with(Some(SECRET), &[&issuer], Arc::new(clock_at(moment())));
                assert_eq!(verify(&both, &token).await, Err(Rejection::Signature));
            }
        }
    }
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_secret_verifies_hs256_only_and_published_keys_never_do() {
    let key = SigningKey::ed25519("a");
    let both = verifier_with(Some(SECRET), &[&Issuer::of(&[&key])], Arc::new(clock_at(moment())));
    let hs256 = |header: Value, secret: &str| {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
        let secret = EncodingKey::from_secret(secret.as_bytes());
        format!("{message}.{}", crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap())
    };
    let named = json!({ "alg": "HS256", "kid": "a" });
    assert_eq!(verify(&both, &key.token()).await.as_deref(), Ok("ann"));
    assert_eq!(verify(&both, &hs256(named.clone(), SECRET)).await.as_deref(), Ok("ann"));
    assert_eq!(verify(&both, &hs256(named.clone(), "another")).await, Err(Rejection::Signature));
    assert_eq!(verify(&both, &key.sign(&named, &claims())).await, Err(Rejection::Signature));
    for kid in [json!("a"), json!("unknown")] {
        let token = hs256(json!({ "alg": "EdDSA", "kid": kid }), SECRET);
        let expected = if kid == "a" { Rejection::Signature } else { Rejection::NoKey };
        assert_eq!(verify(&both, &token).await, Err(expected));
    }
}

/// A key is skipped if it is not for signatures, has an unsupported type, is malformed, or is weak. The other keys
/// work.
#[tokio::test]
async fn an_unusable_key_does_not_affect_the_others() {
    let good = SigningKey::p256("good");
    let ed = SigningKey::ed25519("bad");
    let ec = SigningKey::p256("bad");
    let rsa = SigningKey::rsa("bad", Algorithm::RS256);
    let zeros = encode([0; 32]);
    // A weak key: the Ed25519 point of order one, as RFC 8032 encodes it.
    let identity = encode([[1].as_slice(), &[0; 31]].concat());
    let bytes = |key: &SigningKey, name: &str| base64_decode(key.jwk()[name].as_str().unwrap());
    let cut = |key: &SigningKey, name: &str| encode(&bytes(key, name)[1..]);
    let longer = |key: &SigningKey, name: &str| encode([bytes(key, name), vec![0]].concat());
    let even = |key: &SigningKey, name: &str| {
        let mut bytes = bytes(key, name);
        *bytes.last_mut().unwrap() &= 0xfe;
        encode(bytes)
    };
    let bad = [
        ed.jwk_with(&json!({ "use": "enc" })),
        ed.jwk_with(&json!({ "use": "" })),
        ed.jwk_with(&json!({ "use": ["sig"] })),
        ed.jwk_with(&json!({ "key_ops": ["sign"] })),
        ed.jwk_with(&json!({ "key_ops": [] })),
        ed.jwk_with(&json!({ "key_ops": "verify" })),
        ed.jwk_with(&json!({ "x": zeros })),
        ed.jwk_with(&json!({ "x": identity })),
        ed.jwk_with(&json!({ "x": cut(&ed, "x") })),
        ed.jwk_with(&json!({ "x": longer(&ed, "x") })),
        ed.jwk_with(&json!({ "x": "" })),
        ed.jwk_with(&json!({ "x": format!("{}=", ed.jwk()["x"].as_str().unwrap()) })),
        ed.jwk_with(&json!({ "x": null })),
        ed.jwk_with(&json!({ "x": 7 })),
        ed.jwk_with(&json!({ "crv": "Ed448" })),
        ed.jwk_with(&json!({ "crv": "X25519" })),
        ed.jwk_with(&json!({ "crv": null })),
        ed.jwk_with(&json!({ "kty": null })),
        ed.jwk_with(&json!({ "kty": "EC" })),
        ed.jwk_with(&json!({ "kty": "EC", "crv": "P-256" })),
        ed.jwk_with(&json!({ "kty": "RSA" })),
        ed.jwk_with(&json!({ "alg": "ES256" })),
        ed.jwk_with(&json!({ "alg": "HS256" })),
        ed.jwk_with(&json!({ "alg": "none" })),
        ed.jwk_with(&json!({ "alg": "" })),
        ed.jwk_with(&json!({ "alg": ["EdDSA"] })),
        ed.jwk_with(&json!({ "kid": 7 })),
        ed.jwk_with(&json!({ "kid": "k".repeat(257) })),
        ec.jwk_with(&json!({ "x": cut(&ec, "x") })),
        ec.jwk_with(&json!({ "y": longer(&ec, "y") })),
        ec.jwk_with(&json!({ "x": zeros })),
        ec.jwk_with(&json!({ "y": ec.jwk()["x"] })),
        ec.jwk_with(&json!({ "y": null })),
        ec.jwk_with(&json!({ "crv": "P-384", "alg": "ES384" })),
        ec.jwk_with(&json!({ "crv": "P-521", "alg": "ES512" })),
        ec.jwk_with(&json!({ "alg": "ES512" })),
        rsa.jwk_with(&json!({ "n": encode(&bytes(&rsa, "n")[128..]) })),
        rsa.jwk_with(&json!({ "n": encode([[0; 128].as_slice(), &bytes(&rsa, "n")[128..]].concat()) })),
        rsa.jwk_with(&json!({ "n": encode([bytes(&rsa, "n"), bytes(&rsa, "n"), vec![1]].concat()) })),
        rsa.jwk_with(&json!({ "n": even(&rsa, "n") })),
        rsa.jwk_with(&json!({ "n": "" })),
        rsa.jwk_with(&json!({ "n": null })),
        rsa.jwk_with(&json!({ "e": "AQ" })),
        rsa.jwk_with(&json!({ "e": even(&rsa, "e") })),
        rsa.jwk_with(&json!({ "e": "" })),
        rsa.jwk_with(&json!({ "e": "AQAAAAE" })),
        rsa.jwk_with(&json!({ "alg": "RS512" })),
        rsa.jwk_with(&json!({ "alg": "RSA-OAEP-256" })),
        json!({ "kty": "oct", "k": encode(SECRET), "alg": "HS256", "kid": "bad" }),
        json!({}),
        json!([]),
        json!(["OKP", "EdDSA", null, null, "bad", "Ed25519", ed.jwk()["x"]]),
        json!("a string"),
        json!(7),
        json!(null),
    ];
    for bad in bad {
        let jwks = [bad.clone(), good.jwk()];
        assert_eq!(verdict(&jwks, &good.token()).await.as_deref(), Ok("ann"), "{bad}");
        for key in [&ed, &ec, &rsa] {
            let verdict = verdict(&jwks, &key.token()).await;
            assert_eq!(verdict, Err(Rejection::NoKey), "{} accepted by {bad}", key.name());
        }
    }
}

/// Members that are not needed to verify a signature are ignored, even those of a private key, such as `d`.
#[tokio::test]
async fn unrelated_members_of_a_key_are_ignored() {
    let key = SigningKey::ed25519("a");
    for more in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["sign", "verify"] }),
        json!({ "use": "sig", "key_ops": ["verify"], "ext": true }),
        json!({ "d": "not even base64!" }),
        json!({ "d": 7, "x5c": "junk", "x5u": [], "exp": "never", "n": "AQAB" }),
        json!({ "kid": "k".repeat(256) }),
        json!({ "kid": "" }),
    ] {
        let jwk = key.jwk_with(&more);
        let token = key.sign(&json!({ "alg": "EdDSA", "kid": jwk["kid"] }), &claims());
        assert_eq!(verdict(std::slice::from_ref(&jwk), &token).await.as_deref(), Ok("ann"), "{jwk}");
    }
}

/// If a public key with a point of small order were accepted, a signature of zeros would match messages that were never
/// signed.
#[tokio::test]
async fn a_signature_of_zeros_is_not_accepted() {
    let keys = SigningKey::all();
    let zeros = keys[0].jwk_with(&json!({ "x": encode([0; 32]) }));
    let identity = keys[0].jwk_with(&json!({ "x": encode([[1].as_slice(), &[0; 31]].concat()) }));
    for key in &keys {
        let (unsigned, signature) =
            key.token().rsplit_once('.').map(|(left, right)| (left.to_owned(), right.len())).unwrap();
        let forged = format!("{unsigned}.{}", encode(vec![0; signature * 3 / 4]));
        let of_one = format!("{unsigned}.{}", encode([[1].as_slice(), &[0; 63]].concat()));
        for forged in [forged, of_one] {
            assert_eq!(verdict(&[key.jwk()], &forged).await, Err(Rejection::Signature), "{}", key.kid);
            for jwk in [&zeros, &identity] {
                assert!(verdict(std::slice::from_ref(jwk), &forged).await.is_err(), "{} by {jwk}", key.kid);
            }
        }
    }
}

/// Two keys with the same `kid` are both used if their algorithms differ. Otherwise, neither is used.
#[tokio::test]
async fn keys_with_the_same_kid_are_distinguished_by_algorithm_or_not_used() {
    let (ed, ec) = (SigningKey::ed25519("twin"), SigningKey::p256("twin"));
    let jwks = [ed.jwk(), ec.jwk()];
    for key in [&ed, &ec] {
        assert_eq!(verdict(&jwks, &key.token()).await.as_deref(), Ok("ann"));
    }
    let crossed = ed.sign(&json!({ "alg": "ES256", "kid": "twin" }), &claims());
    assert_eq!(verdict(&jwks, &crossed).await, Err(Rejection::Signature));

    let other = SigningKey::ed25519("another seed");
    let jwks = [ed.jwk(), other.jwk_with(&json!({ "kid": "twin" })), ec.jwk()];
    for key in [&ed, &other] {
        let token = key.sign(&json!({ "alg": "EdDSA", "kid": "twin" }), &claims());
        assert_eq!(verdict(&jwks, &token).await, Err(Rejection::NoKey));
    }
    assert_eq!(verdict(&jwks, &ec.token()).await.as_deref(), Ok("ann"));
}

#[tokio::test]
async fn a_token_or_key_without_kid_is_accepted_if_exactly_one_key_matches() {
    let (a, b, ec) = (SigningKey::ed25519("a"), SigningKey::ed25519("b"), SigningKey::p256("ec"));
    let nameless = |key: &SigningKey| key.jwk_with(&json!({ "kid": null }));
    let without = a.sign(&json!({ "alg": "EdDSA" }), &claims());
    let ok = Ok("ann".to_owned());
    for (jwks, token, expected) in [
        (vec![a.jwk(), ec.jwk()], &without, ok.clone()),
        (vec![nameless(&a)], &without, ok.clone()),
        (vec![nameless(&a), ec.jwk()], &a.token(), ok.clone()),
        (vec![nameless(&b), a.jwk()], &a.token(), ok),
        (vec![a.jwk(), b.jwk()], &without, Err(Rejection::NoKey)),
        (vec![nameless(&a), b.jwk()], &without, Err(Rejection::NoKey)),
        (vec![nameless(&a), nameless(&b)], &a.token(), Err(Rejection::NoKey)),
        (vec![b.jwk()], &without, Err(Rejection::NoKey)),
        (vec![b.jwk()], &a.token(), Err(Rejection::NoKey)),
        (vec![ec.jwk()], &without, Err(Rejection::NoKey)),
    ] {
        assert_eq!(verdict(&jwks, token).await, expected, "{jwks:?}");
    }
}

/// A `kid` is compared verbatim, and never used as a path or a URL.
#[tokio::test(start_paused = true)]
async fn a_kid_is_only_compared() {
    let key = SigningKey::ed25519("../../dev/null");
    let issuer = Issuer::of(&[&key]);
    let verifier = verifier(&[&issuer]);
    assert_eq!(verify(&verifier, &key.token()).await.as_deref(), Ok("ann"));
    for kid in
        ["", "../../dev/nul", "../../dev/null ", "../../DEV/null", "\0", "http://127.0.0.1:1/", &"k".repeat(4096)]
    {
        let token = key.sign(&json!({ "alg": "EdDSA", "kid": kid }), &claims());
        assert_eq!(verify(&verifier, &token).await, Err(Rejection::NoKey), "{kid:?}");
    }
}

#[tokio::test]
async fn keys_in_the_header_of_a_token_are_ignored() {
    let key = SigningKey::ed25519("a");
    let stranger = SigningKey::ed25519("stranger");
    for more in [
        json!({ "jwk": stranger.jwk() }),
        json!({ "jwk": stranger.jwk(), "kid": "a" }),
        json!({ "jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/", "x5c": ["MIIB"], "kid": "a" }),
    ] {
        let mut header = json!({ "alg": "EdDSA" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let verdict = verdict(&[key.jwk()], &stranger.sign(&header, &claims())).await;
        let expected = if header.get("kid").is_some() { Rejection::Signature } else { Rejection::NoKey };
        assert_eq!(verdict, Err(expected), "{header}");
    }
}

#[tokio::test]
async fn the_rejection_of_an_algorithm_says_what_is_enabled_and_what_to_change() {
    let key = SigningKey::ed25519("a");
    let published = verifier(&[&Issuer::of(&[&key])]);
    for (algorithm, remedy) in [
        ("ES512", "; choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig } })"),
        ("HS256", "; set BETTER_AUTH_SECRET in bridge mode, or jwt.accept_hs256 in server mode, to accept it"),
        ("none", ""),
    ] {
        let message =
            verify(&published, &key.sign(&json!({ "alg": algorithm }), &claims())).await.unwrap_err().to_string();
        let enabled = "(enabled: EdDSA, Ed25519, ES256, RS256, PS256)";
        assert_eq!(message, format!("algorithm {algorithm:?} is not enabled {enabled}{remedy}"));
    }
    let message = verify(&published, &key.sign(&json!({ "alg": "x\n".repeat(999) }), &claims())).await.unwrap_err();
    assert!(message.to_string().len() < 200 && !message.to_string().contains('\n'), "{message}");
}

/// A clock that the test can set.
fn moving_clock() -> (Arc<AtomicI64>, Arc<dyn Clock>) {
    let seconds = Arc::new(AtomicI64::new(moment().unix_seconds()));
    let mut clock = MockClock::new();
    let shown = Arc::clone(&seconds);
    clock.expect_now().returning(move || Timestamp::from_unix_seconds(shown.load(Ordering::SeqCst)).unwrap());
    (seconds, Arc::new(clock))
}

/// When a token is sent again, everything except its signature is checked again.
#[tokio::test]
async fn the_claims_of_a_known_token_are_checked_every_time() {
    for key in SigningKey::all() {
        let (clock, shown) = moving_clock();
        let verifier = verifier_with(None, &[&Issuer::of(&[&key])], shown);
        let token = {
            let mut claims = claims();
            claims["nbf"] = claims["iat"].clone();
            key.sign(&json!({ "alg": key.name(), "kid": key.kid }), &claims)
        };
        for (later, expected) in [
            (0, Ok("ann")),
            (900, Ok("ann")),
            (931, Err(Rejection::Expired)),
            (-31, Err(Rejection::NotYetValid)),
            (10, Ok("ann")),
        ] {
            clock.store(moment().unix_seconds() + later, Ordering::SeqCst);
            let verdict = verify(&verifier, &token).await;
            assert_eq!(
                verdict.as_deref(),
                expected.as_deref().map_err(|error: &Rejection| error),
                "{later} {}",
                key.kid
            );
        }
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let other_claims =
            unsigned.split_once('.').unwrap().0.to_owned() + "." + &encode(claims().to_string().replace("ann", "bob"));
        assert_eq!(verify(&verifier, &format!("{other_claims}.{signature}")).await, Err(Rejection::Signature));
        assert_eq!(verify(&verifier, &format!("{unsigned}.")).await, Err(Rejection::Signature));
    }
}
