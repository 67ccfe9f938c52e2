//! `taskbridge token explain` in bridge mode: the cause is the true one, and the running server agrees.
//! `tests/api/explain.rs` has what both modes have.

use serde_json::{Value, json};
use support::authorization::{explain, judged_alike, values};
use support::forge::sign;
use support::issuer::Answer;
use support::server::{SECRET, run};
use support::signer::claims;
use support::{Issuer, Signer};

use crate::site::{ANN, QUICK, Site};

/// Returns the settings of a bridge with these key URLs, for both the server and the command.
fn settings<'a>(url: &'a str, jwks_url: &'a str) -> [(&'a str, &'a str); 5] {
    [("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", ""), ("JWKS_URL", jwks_url), QUICK[1]]
}

/// Asserts the status of the server's answer, and that the output of `token explain` contains each of these words: the
/// failed check, the cause and the advice.
async fn is_explained(case: &str, settings: &[(&str, &str)], token: &str, status: u16, words: [&str; 3]) {
    let site = Site::start(settings[1].1, settings);
    assert_eq!(site.status(token).await, status, "{case}");
    let variables = [settings, &[("RUST_LOG", "off")]].concat();
    let (is_accepted, text) = run(site.server.folder(), &["token", "explain", "--", token], &variables);
    assert_eq!(is_accepted, status == 200, "{case}: {text}");
    let verdict = match status {
        200 => "Accepted: ",
        401 => "Rejected (401): ",
        _ => "Cannot be verified now (503): ",
    };
    for (start, words) in ["  FAIL ", verdict, "Advice: "].into_iter().zip(words) {
        let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        assert!(line.contains(words), "{case}: {words:?} in {text}");
    }
}

const KEY: &str = "there is a trusted key";

#[tokio::test]
async fn an_issuer_that_gives_no_keys_is_told_with_its_address_and_reason() {
    let ed = Signer::ed25519("ed");
    let answer = |status: u16, body: &str| Answer::Response(status, Vec::new(), body.into());
    for (answer, cause, advice) in [
        (answer(200, "<!DOCTYPE html><title>Sign in</title>"), "is not a JSON object with an array of keys", "a page"),
        (answer(200, "null"), "is not a JSON object with an array of keys", "JWKS_URL"),
        (answer(500, ""), "has status 500, not 200", "npx auth@latest migrate"),
        (answer(404, ""), "has status 404, not 200", "add jwt() to the plugins"),
        (answer(307, ""), "has status 307, not 200", "set JWKS_URL to the target"),
        (answer(401, ""), "has status 401, not 200", "requires credentials"),
    ] {
        let issuer = Issuer::of(&[]);
        issuer.answer(answer);
        let address = format!("{}/api/auth/jwks", issuer.url);
        let told = format!("({address}: the response {cause})");
        let token = ed.token(&issuer.url, ANN);
        is_explained(cause, &settings(&issuer.url, ""), &token, 503, [KEY, &told, advice]).await;
    }
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_told_and_with_two_the_one_that_is_to_blame() {
    let (ed, unknown) = (Signer::ed25519("ed"), Signer::ed25519("unknown"));
    let issuer = Issuer::of(&[&ed]);
    let gone = Issuer::of(&[]).url.clone();
    let [here, away] = [&issuer.url, &gone].map(|url| format!("{url}/api/auth/jwks"));
    let nobody = format!("{away} cannot be reached");
    let alone = settings(&gone, "");
    is_explained("away", &alone, &ed.token(&gone, ANN), 503, [KEY, "Connection refused", &nobody]).await;
    let both = format!("{here},{away}");
    let two = settings(&issuer.url, &both);
    let told = format!("cannot be fetched now ({away}: ");
    is_explained("one of two", &two, &unknown.token(&issuer.url, ANN), 503, [KEY, &told, &nobody]).await;
    is_explained("the other of two", &two, &ed.token(&issuer.url, ANN), 200, ["", ANN, ""]).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told() {
    let (ed, rs, stranger) = (Signer::ed25519("ed"), Signer::rsa("rs", "RS256"), Signer::ed25519("stranger"));
    let issuer = Issuer::of(&[&ed, &rs]);
    let url = issuer.url.as_str();
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid });
    let with = |name: &str, value: Value| {
        let mut claims = claims(url, ANN);
        claims[name] = value;
        ed.sign(&header("EdDSA", "ed"), &claims)
    };
    let hs256 = sign(r#"{"alg":"HS256"}"#, claims(url, ANN).to_string(), b"a secret that the server does not have");
    let secret = "set BETTER_AUTH_SECRET of this server";
    for (case, token, words) in [
        ("no such kid", stranger.token(url, ANN), [KEY, "no trusted key", r#"no key with the kid "stranger""#]),
        (
            "another app",
            stranger.token("https://else.test", ANN),
            [KEY, "no trusted key", r#"the issuer of the token is "https://else.test""#],
        ),
        (
            "another algorithm",
            ed.sign(&header("EdDSA", "rs"), &claims(url, ANN)),
            [KEY, "no trusted key", r#"RS256, kid "rs""#],
        ),
        (
            "the same kid",
            Signer::ed25519("ed").token(url, ANN),
            ["the key verifies the signature", "wrong signature", "did not sign it"],
        ),
        (
            "another issuer",
            with("iss", json!("https://else.test")),
            ["iss is", r#"iss is "https://else.test""#, "jwt.issuer"],
        ),
        ("a slash", with("iss", json!(format!("{url}/"))), ["iss is", "wrong issuer", "the slash at its end"]),
        ("https", with("iss", json!(url.replace("http:", "https:"))), ["iss is", "wrong issuer", "http and https"]),
        ("another audience", with("aud", json!("api")), ["aud includes", r#"aud is "api""#, "jwt.audience"]),
        ("no secret", hs256, ["the algorithm", r#""HS256" is not enabled"#, secret]),
    ] {
        is_explained(case, &settings(url, ""), &token, 401, words).await;
    }
    issuer.answer(Answer::keys(&[]));
    let words = [KEY, "no trusted key", "publishes no usable key"];
    is_explained("an empty set", &settings(url, ""), &ed.token(url, ANN), 401, words).await;
}

/// The keys of an app without the JWT plugin, whose tokens are signed with the secret.
fn without_plugin() -> Issuer {
    let issuer = Issuer::of(&[]);
    issuer.answer(Answer::Response(404, Vec::new(), String::new()));
    issuer
}

#[tokio::test]
async fn the_server_and_the_command_judge_each_header_alike() {
    let issuer = without_plugin();
    let site = Site::start(&issuer.url, &[("BETTER_AUTH_SECRET", SECRET), QUICK[1]]);
    let hs256 = |claims: Value| sign(r#"{"alg":"HS256"}"#, claims.to_string(), SECRET.as_bytes());
    for (value, status) in &values(&hs256(claims(&issuer.url, "ann"))) {
        judged_alike(&site.server, value, *status).await;
    }
    let published = Signer::ed25519("ed").token(&issuer.url, "ann");
    judged_alike(&site.server, &format!("Bearer {published}"), 503).await;
    judged_alike(&site.server, &published, 401).await;

    let mut without_issuer = claims(&issuer.url, "ann");
    for name in ["iss", "aud"] {
        without_issuer.as_object_mut().unwrap().remove(name);
    }
    judged_alike(&site.server, &format!("Bearer {}", hs256(without_issuer.clone())), 200).await;
    let (_, text) = explain(&site.server, &hs256(without_issuer));
    for claim in ["iss", "aud"] {
        assert!(text.contains(&format!("  ok   {claim} is absent and not required\n")), "{text}");
    }
    assert!(!text.contains("is a trusted issuer") && !text.contains("includes this API"), "{text}");
}

#[tokio::test]
async fn an_absent_issuer_is_called_absent() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let mut absent = claims(&issuer.url, ANN);
    absent.as_object_mut().unwrap().remove("iss");
    let signed = |kid: &str| ed.sign(&json!({ "alg": "EdDSA", "kid": kid }), &absent);
    let settings = settings(&issuer.url, "");
    let words = ["iss is absent", "claim iss is missing", "setIssuer"];
    is_explained("known key", &settings, &signed("ed"), 401, words).await;
    let words = [KEY, "no trusted key", "the token names no issuer (iss)"];
    is_explained("unknown key", &settings, &signed("other"), 401, words).await;
}

#[tokio::test]
async fn no_keys_are_recommended_for_an_app_that_signs_with_the_secret() {
    let issuer = without_plugin();
    let token = Signer::ed25519("ed").token(&issuer.url, ANN);
    for (secret, recommends) in [(SECRET, true), ("", false)] {
        let site = Site::start(&issuer.url, &[("BETTER_AUTH_SECRET", secret), QUICK[1]]);
        let (status, text) = explain(&site.server, &token);
        let advice = text.lines().last().unwrap();
        assert!(status == 503 && advice.contains("add jwt() to the plugins"), "{text}");
        assert_eq!(advice.contains("set JWKS_URL=off"), recommends, "{text}");
    }
}
