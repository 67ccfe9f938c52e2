//! `taskbridge token explain`: it accepts the same tokens as the server, and reports the actual cause.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::Server;
use support::forge::{Forge, encode, now, sign};
use support::server::SECRET;

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Replaces these claims; `null` removes one.
fn with(claims: &Value, members: &Value) -> String {
    let mut claims = claims.clone();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims.to_string()
}

/// A token, the check that fails, and words of the cause and of the advice.
type Wrong = (String, &'static str, &'static str, &'static str);

fn wrong_tokens(forge: &Forge) -> Vec<Wrong> {
    let claims = forge.claims("ann");
    let good = forge.token("ann");
    let hs256 = |members: Value| sign(HS256, with(&claims, &members), SECRET.as_bytes());
    let header = |header: &str| sign(header, claims.to_string(), SECRET.as_bytes());
    let by = |key: String| sign(HS256, claims.to_string(), key.as_bytes());
    let opaque = "MRJbYmtEqQ2weOLEwerkxTXl8pTFvgyk";
    let [form, head, algorithm, signature] =
        ["three segments", "the header is", "the algorithm", "the key verifies the signature"];
    let [types, expiry, not_before, issuer, audience, subject] =
        ["of the right types", "exp exists", "nbf has", "iss is", "aud includes this API", "sub identifies"];
    let segments: Vec<_> = good.split('.').collect();
    let session = json!({ "session": { "id": "x" }, "user": { "id": "ann" }, "sub": null, "iss": null, "aud": null });
    vec![
        (String::new(), form, "malformed token", "the token is empty"),
        ("undefined".into(), form, "malformed token", "await"),
        (opaque.into(), form, "malformed token", "session token"),
        (format!("{opaque}.{}", encode("x")), form, "malformed token", "session cookie"),
        (format!("{opaque}.x%3D"), form, "malformed token", "percent-encoded"),
        (format!(r#"{{"token":"{good}"}}"#), head, "malformed header", "field `token`"),
        ("a.b.c.d.e".into(), form, "malformed token", "JWE"),
        (good.rsplit_once('.').unwrap().0.into(), form, "malformed token", "two dots"),
        (format!("{}.{}", segments[0], "x".repeat(9000)), form, "longer than", "definePayload"),
        (format!("\"{good}\""), head, "malformed header", "quotation marks"),
        (good.replacen('.', ". ", 1), signature, "wrong signature", "white space"),
        (good[4..].into(), head, "malformed header", "was cut off"),
        (header(r#"{"typ":"JWT"}"#), head, "malformed header", "no alg"),
        (header(r#"{"alg":"HS256","crit":["exp"]}"#), head, "crit", "without the header crit"),
        (header(r#"{"alg":"HS256","typ":"better-auth.session-cache+jwt"}"#), head, "session-cache", "get a JWT"),
        (header(r#"{"alg":"none"}"#), algorithm, r#""none" is not enabled"#, "the token is not signed"),
        (header(r#"{"alg":"HS512"}"#), algorithm, r#""HS512" is not enabled"#, r#"alg: "HS256""#),
        (header(r#"{"alg":"EdDSA","kid":"x"}"#), "a trusted key for the token", "no trusted key", "AUTH_MODE=bridge"),
        (header(r#"{"alg":"EdDSA"}"#), "a trusted key for the token", "no trusted key", "has no kid"),
        (header(r#"{"alg":"ES512","kid":"x"}"#), algorithm, r#""ES512" is not enabled"#, "choose EdDSA"),
        (by(format!("{SECRET}\n")), signature, "wrong signature", "line break at its end"),
        (by(format!("\"{SECRET}\"")), signature, "wrong signature", "quotation marks around"),
        (by(SECRET.to_uppercase()), signature, "wrong signature", "upper case"),
        (by("better-auth-secret-12345678901234567890".into()), signature, "wrong signature", "well-known example"),
        (by("another secret of somebody else altogether".into()), signature, "wrong signature", "another secret"),
        (
            format!("{}.{}.{}", segments[0], encode(with(&claims, &json!({ "sub": "bob" }))), segments[2]),
            signature,
            "wrong signature",
            "changed afterwards",
        ),
        (sign(HS256, "[]", SECRET.as_bytes()), types, "malformed claims", "not a JSON object"),
        (hs256(json!({ "exp": "tomorrow" })), types, "malformed claims", r#"exp is "tomorrow""#),
        (hs256(json!({ "sub": 7 })), types, "malformed claims", "sub is 7; it must be a string"),
        (hs256(json!({ "aud": { "x": 1 } })), types, "malformed claims", "list of strings"),
        (hs256(json!({ "exp": null })), expiry, "claim exp is missing", "setExpirationTime"),
        (hs256(json!({ "exp": now() - 7200 })), expiry, "expired", "it expired 2 hours ago"),
        (hs256(json!({ "exp": now() - 3600, "iat": now() + 3600 })), expiry, "expired", "clock"),
        (hs256(json!({ "nbf": now() + 3600 })), not_before, "not yet valid", "clocks"),
        (hs256(json!({ "iss": null })), issuer, "claim iss is missing", "setIssuer"),
        (hs256(json!({ "iss": "https://app.example.com/" })), issuer, "wrong issuer", "slash"),
        (hs256(json!({ "iss": "http://127.0.0.1:3000" })), issuer, "wrong issuer", "localhost"),
        (hs256(json!({ "aud": null })), audience, "claim aud is missing", "setAudience"),
        (hs256(json!({ "aud": ["other"] })), audience, "wrong audience", "jwt.audience"),
        (hs256(json!({ "aud": [] })), audience, "wrong audience", "jwt.audience"),
        (hs256(json!({ "sub": null })), subject, "claim sub is missing", "setSubject"),
        (hs256(json!({ "sub": "" })), subject, "claim sub is missing", "setSubject"),
        (hs256(json!({ "sub": null, "user_id": "ann" })), subject, "claim sub is missing", r#""user_id""#),
        (hs256(session), issuer, "claim iss is missing", "caches a session"),
    ]
}

/// Runs `token explain` with the settings of this server. Returns whether it accepts the token, and its output.
fn explained(server: &Server, arguments: &[&str]) -> (bool, String) {
    let (_, port) = server.address.rsplit_once(':').unwrap();
    server.run(&[&["token", "explain"], arguments].concat(), &[("PORT", port), ("RUST_LOG", "error")])
}

async fn status(server: &Server, token: &str) -> u16 {
    let request = reqwest::Client::new().get(server.url("/api/ann/tasks")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_true_cause_of_a_refusal_is_named_with_what_to_do() {
    let server = Server::start();
    let forge = Forge::of(&server);
    let table = wrong_tokens(&forge);
    assert!(table.len() >= 25);
    let mut advices = BTreeSet::new();
    for (token, check, cause, advice) in &table {
        assert_eq!(status(&server, token).await, 401, "{token}");
        let (is_accepted, text) = explained(&server, &["--", token]);
        assert!(!is_accepted, "{text}");
        let failed = text.lines().find(|line| line.trim_start().starts_with("FAIL")).unwrap();
        assert!(failed.contains(check), "{check} in {text}");
        let refused = text.lines().find(|line| line.starts_with("Rejected (401): ")).unwrap();
        assert!(refused.contains(cause), "{cause} in {text}");
        let to_do = text.lines().find(|line| line.starts_with("Advice: ")).unwrap();
        assert!(to_do.contains(advice), "{advice} in {text}");
        assert!(!text.contains(SECRET), "{text}");
        advices.insert(to_do.to_owned());
    }
    assert!(advices.len() >= 25, "{}", advices.len());
}

#[tokio::test]
async fn a_good_token_is_explained_in_plain_words() {
    let server = Server::start();
    let token = Forge::of(&server).token("ann");
    assert_eq!(status(&server, &token).await, 200);
    let file = server.folder().join("token.txt");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let pasted = format!("Authorization: Bearer {token}\n");
    for arguments in [vec![token.as_str()], vec![&pasted], vec!["--file", file.to_str().unwrap()]] {
        let (is_accepted, text) = explained(&server, &arguments);
        assert!(is_accepted, "{text}");
        assert!(text.contains(r#"Accepted: the user is "ann", with tasks at /api/"#), "{text}");
        for words in [r#"alg        "HS256""#, " minutes)", "HS256 with the secret shared with Better Auth"] {
            assert!(text.contains(words), "{words} in {text}");
        }
        assert!(!text.contains("FAIL") && !text.contains(SECRET), "{text}");
    }
    let (is_accepted, text) = explained(&server, &["--file", "/nowhere"]);
    assert!(!is_accepted && text.contains("/nowhere"), "{text}");
}

/// The setting is recommended for tokens that lack only `iss` and `aud`, and the server accepts them with it.
#[tokio::test]
async fn a_setting_is_recommended_for_a_token_that_lacks_only_issuer_and_audience() {
    const ADVICE: &str = r#"jwt.require_issuer = "off""#;
    let server = Server::start();
    let off = ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "off");
    let lenient = server.again_with(&[off]);
    let claims = Forge::of(&server).claims("ann");
    let hs256 = |members: Value| sign(HS256, with(&claims, &members), SECRET.as_bytes());
    // The two servers have different ports, and so different origins.
    let neither = hs256(json!({ "iss": null, "aud": null }));
    for token in [&neither, &hs256(json!({ "iss": null })), &hs256(json!({ "aud": null }))] {
        let (_, text) = explained(&server, &["--", token]);
        assert!(text.contains("is missing") && text.contains(ADVICE), "{text}");
        assert!(text.contains(".setIssuer(baseURL) and .setAudience(baseURL)"), "{text}");
    }
    assert_eq!((status(&server, &neither).await, status(&lenient, &neither).await), (401, 200));
    let (is_accepted, text) = server.run(&["token", "explain", "--", &neither], &[off]);
    assert!(is_accepted, "{text}");
    for members in [
        json!({ "iss": null, "aud": "other" }),
        json!({ "iss": null, "aud": null, "exp": now() - 3600 }),
        json!({ "iss": null, "aud": null, "sub": null }),
        json!({ "iss": "other", "aud": null }),
    ] {
        let (_, text) = explained(&server, &["--", &hs256(members)]);
        assert!(text.contains("Rejected") && !text.contains("require_issuer"), "{text}");
    }
}
