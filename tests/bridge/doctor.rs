//! `taskbridge doctor`, of an issuer.

use std::process::Command;

use serde_json::{Value, json};
use support::issuer::Answer;
use support::server::{SECRET, outcome};
use support::{Issuer, Signer};

fn doctor(url: &str, more: &[(&str, &str)]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let variables = [&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", "")], more].concat();
    let (code, text) = outcome(folder.path(), &["doctor", "--json"], &variables);
    assert!(!text.contains("hunter2"), "{text}");
    (code, serde_json::from_str(&text).unwrap())
}

/// Returns the state, the finding and the advice of each check with that name.
fn told(report: &Value, name: &str) -> Vec<[String; 3]> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks.map(|check| ["state", "found", "advice"].map(|member| text(&check[member]))).collect()
}

/// The time now, moved by so much, as heads have it (RFC 9110, section 5.6.7).
fn date(shift: &str) -> String {
    let mut command = Command::new("date");
    let now = command.args(["-u", "-d", shift, "+%a, %d %b %Y %H:%M:%S GMT"]).env("LC_ALL", "C");
    String::from_utf8(now.output().unwrap().stdout).unwrap().trim().into()
}

#[test]
fn keys_are_told_and_clocks_compared() {
    let (ed, ec) = (Signer::ed25519("ed"), Signer::p256("ec"));
    let issuer = Issuer::of(&[]);
    let keys = json!({ "keys": [ed.jwk(), ec.jwk()] }).to_string();
    for (sent_at, more, state, found) in [
        (None, None, "skip", "did not send its time"),
        (None, Some("date: yesterday"), "skip", "did not send its time"),
        (Some("now"), None, "ok", "http"),
        (Some("5 minutes ago"), Some("age: 300"), "ok", "http"),
        (Some("5 minutes ago"), None, "warn", "seconds behind"),
        (Some("now 5 minutes"), None, "warn", "seconds ahead"),
    ] {
        let sent_at = sent_at.map(|shift| format!("date: {}", date(shift)));
        let lines: Vec<_> = sent_at.into_iter().chain(more.map(String::from)).collect();
        issuer.answer(Answer::Response(200, lines.clone(), keys.clone()));
        let (code, report) = doctor(&issuer.url, &[]);
        assert_eq!(code, Some(0), "{report}");
        let [[jwks, keys, _]] = told(&report, "jwks").try_into().unwrap();
        assert!(jwks == "ok" && keys.contains(r#"EdDSA, kid "ed"; ES256, kid "ec""#), "{report}");
        assert!(keys.contains(&format!("{}/api/auth/jwks: 200 in ", issuer.url)), "{report}");
        let [clock] = told(&report, "clock").try_into().unwrap();
        assert!(clock[0] == state && clock[1].contains(found), "{lines:?}: {report}");
        assert_eq!(clock[2].contains("NTP"), state == "warn", "{report}");
    }
}

#[test]
fn an_issuer_that_does_not_publish_keys_fails_and_is_told_why() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[]);
    let es512 = json!({ "alg": "ES512", "crv": "P-521", "kty": "EC", "x": "AA", "y": "AA", "kid": "es512" });
    let status = |status: u16| Answer::Response(status, vec!["location: /keys".into()], String::new());
    for (answer, state, found, advice) in [
        (Answer::body("<!DOCTYPE html><p>Sign in"), "fail", "not a JSON object with an array of keys", "set JWKS_URL"),
        (Answer::body("{}"), "fail", "not a JSON object", "set JWKS_URL"),
        (status(404), "fail", "404", "jwt()"),
        (status(307), "fail", "307", "redirects are not followed"),
        (status(401), "fail", "401", "allow this path"),
        (status(500), "fail", "500", "log of the app"),
        (Answer::Nothing, "fail", "/api/auth/jwks: ", "check that the app is running"),
        (Answer::Silence, "fail", "no answer within", "check that the app is running"),
        (Answer::Large(1024 * 1024), "fail", "limit", "check that the app is running"),
        (Answer::keys(std::slice::from_ref(&es512)), "fail", "ES512 is not supported", "choose EdDSA"),
        (Answer::keys(&[es512, ed.jwk()]), "warn", r#"0, kid "es512""#, "choose EdDSA"),
        (Answer::keys(&[]), "warn", "usable keys: none", "request a token"),
    ] {
        issuer.answer(answer.clone());
        let (code, report) = doctor(&issuer.url, &[]);
        assert_eq!(code, Some(i32::from(state == "fail")), "{answer:?}: {report}");
        let [jwks] = told(&report, "jwks").try_into().unwrap();
        assert!(jwks[0] == state && jwks[1].contains(found) && jwks[2].contains(advice), "{answer:?}: {report}");
        let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "fail");
        assert_eq!(failed.count(), usize::from(state == "fail"), "{report}");
    }
}

/// An app without the JWT plugin may sign its tokens with the secret.
#[test]
fn an_app_without_keys_may_be_meant_if_there_is_a_secret() {
    let issuer = Issuer::of(&[]);
    issuer.answer(Answer::Response(404, Vec::new(), String::new()));
    for (secret, recommends) in [(SECRET, true), ("", false)] {
        let (code, report) = doctor(&issuer.url, &[("BETTER_AUTH_SECRET", secret)]);
        let [[state, found, advice]] = told(&report, "jwks").try_into().unwrap();
        assert!(code == Some(1) && state == "fail" && found.contains("404"), "{report}");
        assert_eq!(advice.contains("set JWKS_URL=off"), recommends, "{report}");
    }
}

/// Each for itself, without the query, which may be a key to the keys; also when the secret is wrong.
#[test]
fn every_address_is_told() {
    let ed = Signer::ed25519("ed");
    let (issuer, gone) = (Issuer::of(&[&ed]), Issuer::of(&[]).url.clone());
    let addresses = format!("{}/api/auth/jwks, {gone}/api/auth/jwks?key=hunter2", issuer.url);
    let (code, report) = doctor(&issuer.url, &[("JWKS_URL", &addresses), ("BETTER_AUTH_SECRET", "short")]);
    assert_eq!(code, Some(1));
    let [good, bad] = told(&report, "jwks").try_into().unwrap();
    assert!(good[0] == "ok" && good[1].contains(r#"kid "ed""#), "{report}");
    assert!(bad[0] == "fail" && bad[1].contains(&gone) && bad[1].ends_with(": Connection refused"), "{report}");
    assert_eq!(told(&report, "secret")[0][0], "fail", "{report}");
    assert_eq!(told(&report, "hash")[0][0], "skip", "{report}");
}
