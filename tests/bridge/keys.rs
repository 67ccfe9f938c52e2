//! Which keys verify which tokens. `crates/adapters/tests/jwt` has the complete tables.

use serde_json::{Value, json};
use support::forge::{encode, sign};
use support::issuer::Answer;
use support::server::SECRET;
use support::signer::claims;
use support::{Issuer, Signer};

use crate::site::{ANN, Site};

fn with(signer: &Signer, changes: &Value) -> Value {
    let mut jwk = signer.jwk();
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

/// Every algorithm that Better Auth offers except ES512.
#[tokio::test]
async fn every_kind_of_key_is_good_for_its_own_tokens() {
    let signers = [Signer::ed25519("ed"), Signer::p256("ec"), Signer::rsa("rs", "RS256"), Signer::rsa("ps", "PS256")];
    let issuer = Issuer::of(&signers.each_ref());
    let site = Site::start(&issuer.url, &[]);
    for signer in &signers {
        for _ in 0..3 {
            assert_eq!(site.status_of(signer).await, 200, "{}", signer.kid);
        }
        let mut claims = claims(&site.url, ANN);
        claims["aud"] = json!(["https://other.test", site.url]);
        let header = json!({ "alg": signer.algorithm, "kid": signer.kid, "typ": "JWT" });
        assert_eq!(site.status(&signer.sign(&header, &claims)).await, 200, "{}", signer.kid);
        for wrong in ["iss", "aud", "exp", "sub"] {
            let mut claims = claims.clone();
            claims[wrong] = json!(7);
            assert_eq!(site.status(&signer.sign(&header, &claims)).await, 401, "{wrong} {}", signer.kid);
            claims.as_object_mut().unwrap().remove(wrong);
            assert_eq!(site.status(&signer.sign(&header, &claims)).await, 401, "no {wrong} {}", signer.kid);
        }
        let token = site.token(signer);
        let (unsigned, signature) = token.rsplit_once('.').unwrap();
        let zeros = encode(vec![0; signature.len() * 3 / 4]);
        assert_eq!(site.status(&format!("{unsigned}.{zeros}")).await, 401, "{}", signer.kid);
        assert_eq!(site.status(&format!("{unsigned}.")).await, 401, "{}", signer.kid);
    }
}

/// A key set with keys of every kind: each is used for its purpose only.
#[tokio::test]
async fn no_key_does_what_it_is_not_for() {
    let (good, ed, ec) = (Signer::ed25519("good"), Signer::ed25519("ed"), Signer::p256("twin"));
    let (rs, nameless) = (Signer::rsa("rs", "RS256"), Signer::rsa("no-alg", "RS256"));
    let (twin, rival) = (Signer::ed25519("twin"), Signer::ed25519("twin"));
    let issuer = Issuer::of(&[]);
    issuer.answer(Answer::keys(&[
        good.jwk(),
        with(&ed, &json!({ "kid": "for encryption", "use": "enc" })),
        with(&ed, &json!({ "kid": "for signing", "key_ops": ["sign"] })),
        with(&ed, &json!({ "kid": "short", "x": encode([7; 31]) })),
        with(&ed, &json!({ "kid": "long", "x": encode([7; 33]) })),
        with(&ed, &json!({ "kid": "zero", "x": encode([0; 32]) })),
        rs.jwk(),
        with(&nameless, &json!({ "alg": null })),
        ec.jwk(),
        twin.jwk(),
        rival.jwk(),
    ]));
    let site = Site::start(&issuer.url, &[]);
    let claims = claims(&site.url, ANN);
    let token =
        |signer: &Signer, algorithm: &str, kid: &str| signer.sign(&json!({ "alg": algorithm, "kid": kid }), &claims);

    for kid in ["for encryption", "for signing", "short", "long", "zero"] {
        assert_eq!(site.status(&token(&ed, "EdDSA", kid)).await, 401, "{kid}");
    }
    let of_zeros = token(&ed, "EdDSA", "zero");
    let of_zeros = format!("{}.{}", of_zeros.rsplit_once('.').unwrap().0, encode([0; 64]));
    assert_eq!(site.status(&of_zeros).await, 401);

    for kid in ["rs", "no-alg"] {
        for (algorithm, status) in [("RS256", 200), ("PS256", 401), ("RS384", 401), ("RS512", 401)] {
            assert_eq!(site.status(&token(&rs, algorithm, kid)).await, status, "{algorithm} by {kid}");
        }
        let jwk = nameless.jwk();
        for secret in [jwk["n"].as_str().unwrap().to_owned(), jwk.to_string(), String::new()] {
            let header = json!({ "alg": "HS256", "kid": kid }).to_string();
            assert_eq!(site.status(&sign(header, claims.to_string(), secret.as_bytes())).await, 401);
        }
    }
    assert_eq!(site.status(&token(&ec, "ES256", "twin")).await, 200);
    for twin in [&twin, &rival] {
        assert_eq!(site.status(&token(twin, "EdDSA", "twin")).await, 401);
        assert_eq!(site.status(&token(twin, "ES256", "twin")).await, 401);
    }
    // Only one Ed25519 key is usable, so a token needs no key id; of RSA there are two.
    assert_eq!(site.status(&good.sign(&json!({ "alg": "EdDSA" }), &claims)).await, 200);
    assert_eq!(site.status(&rs.sign(&json!({ "alg": "RS256" }), &claims)).await, 401);
    assert_eq!(site.status_of(&good).await, 200);
}

/// The secret does not verify tokens of key pairs or the reverse, and keys inside a token are ignored.
#[tokio::test]
async fn secret_and_keys_are_apart() {
    let (ed, stranger) = (Signer::ed25519("ed"), Signer::ed25519("stranger"));
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &[("BETTER_AUTH_SECRET", SECRET)]);
    let claims = claims(&site.url, ANN);
    let hs256 = |header: Value, secret: &[u8]| sign(header.to_string(), claims.to_string(), secret);
    assert_eq!(site.status_of(&ed).await, 200);
    assert_eq!(site.status(&hs256(json!({ "alg": "HS256", "kid": "ed" }), SECRET.as_bytes())).await, 200);
    assert_eq!(site.status(&hs256(json!({ "alg": "HS256", "kid": "unknown" }), SECRET.as_bytes())).await, 200);

    let x = ed.jwk()["x"].as_str().unwrap().to_owned();
    for (name, token) in [
        ("HS256 by a public key", hs256(json!({ "alg": "HS256", "kid": "ed" }), x.as_bytes())),
        ("EdDSA by the secret", hs256(json!({ "alg": "EdDSA", "kid": "ed" }), SECRET.as_bytes())),
        ("EdDSA, an unknown kid", ed.sign(&json!({ "alg": "EdDSA", "kid": "unknown" }), &claims)),
        ("EdDSA, an unknown kid by the secret", hs256(json!({ "alg": "EdDSA", "kid": "else" }), SECRET.as_bytes())),
        ("HS256 by an Ed25519 key", ed.sign(&json!({ "alg": "HS256", "kid": "ed" }), &claims)),
        ("a stranger's", stranger.sign(&json!({ "alg": "EdDSA", "kid": "ed" }), &claims)),
        ("its own jwk", stranger.sign(&json!({ "alg": "EdDSA", "kid": "ed", "jwk": stranger.jwk() }), &claims)),
        ("none", ed.sign(&json!({ "alg": "none", "kid": "ed" }), &claims)),
    ] {
        assert_eq!(site.status(&token).await, 401, "{name}");
    }
}

/// An app without the JWT plugin publishes no keys, so requests do not wait for any.
#[tokio::test]
async fn where_no_keys_are_published_the_secret_decides_alone() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &[("BETTER_AUTH_SECRET", SECRET), ("JWKS_URL", "off")]);
    let header = json!({ "alg": "HS256" }).to_string();
    assert_eq!(site.status(&sign(header, claims(&site.url, ANN).to_string(), SECRET.as_bytes())).await, 200);
    assert_eq!(site.status_of(&ed).await, 401);
    assert_eq!(issuer.fetches(), 0);
}

/// The server never connects to a URL from a token.
#[tokio::test]
async fn no_address_in_a_token_is_visited() {
    let (ed, stranger) = (Signer::ed25519("ed"), Signer::ed25519("stranger"));
    let issuer = Issuer::of(&[&ed]);
    let theirs = Issuer::of(&[&stranger]);
    let site = Site::start(&issuer.url, &[]);
    let address = format!("{}/api/auth/jwks", theirs.url);
    for header in [
        json!({ "alg": "EdDSA", "kid": "stranger", "jku": address }),
        json!({ "alg": "EdDSA", "kid": address, "x5u": address }),
        json!({ "alg": "EdDSA", "kid": "ed", "jku": address }),
    ] {
        assert_eq!(site.status(&stranger.sign(&header, &claims(&site.url, ANN))).await, 401, "{header}");
        let mut claims = claims(&site.url, ANN);
        claims["iss"] = json!(theirs.url);
        assert_eq!(site.status(&stranger.sign(&header, &claims)).await, 401, "{header}");
    }
    assert_eq!(theirs.fetches(), 0);
}
