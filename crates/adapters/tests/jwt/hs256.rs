//! Tests of HS256 with the shared secret, on recorded, valid and manipulated tokens.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use taskbridge_adapters::jwt::{JwtIssuer, JwtIssuerConfig, JwtVerifier, Rejection, SharedSecretKey, TrustedIssuer};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::TokenIssuer;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{clock_at, moment, user};

use crate::stored_keys::signing_with_the_secret;
use crate::support::{SECRET, URL, encode, expected, verify};

const VECTORS: &str = include_str!("../../../../tests/vectors/hs256.json");

fn verifier_at(secret: &str, issuer: &str, audience: &str, now: Timestamp) -> JwtVerifier {
    let expected = expected(issuer, audience);
    let keys = Arc::new(SharedSecretKey::new(&SharedSecret::parse(secret).unwrap()));
    JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(clock_at(now)))
}

/// Verifies a token at [`moment`], and returns its subject or the reason for the rejection.
async fn verdict(token: &str) -> Result<String, Rejection> {
    verify(&verifier_at(SECRET, URL, URL, moment()), token).await
}

/// Signs these raw segments with HMAC-SHA-256, regardless of the algorithm in the header.
fn signed(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>, secret: &[u8]) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn with_header(header: &str) -> String {
    signed(header, claims().to_string(), SECRET.as_bytes())
}

fn with_claims(claims: &str) -> String {
    signed(r#"{"alg":"HS256"}"#, claims, SECRET.as_bytes())
}

/// Returns claims that are valid at [`moment`].
fn claims() -> Value {
    let now = moment().unix_seconds();
    json!({ "sub": "ann", "iat": now, "exp": now + 900, "iss": URL, "aud": URL })
}

/// Returns a token with valid claims, except that the claim `name` is replaced by `raw` or, if `raw` is `None`,
/// removed. `raw` is JSON text, because not every number fits into a `Value`.
fn changed(name: &str, raw: Option<&str>) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    let rest = claims.to_string();
    match raw {
        Some(raw) => with_claims(&format!("{{\"{name}\":{raw},{}", &rest[1..])),
        None => with_claims(&rest),
    }
}

/// Each recorded token is verified at the time for which it was recorded.
#[tokio::test]
async fn recorded_hs256_tokens_are_accepted_or_rejected_as_recorded() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_owned();
    let verdict_on = async |case: &Value| {
        let now = Timestamp::from_unix_seconds(case["verifyAt"].as_i64().unwrap()).unwrap();
        let verifier = verifier_at(&text(case, "secret"), &text(case, "issuer"), &text(case, "audience"), now);
        verify(&verifier, &text(case, "token")).await
    };
    let cases = vectors["cases"].as_array().unwrap();
    let negatives = vectors["negatives"].as_array().unwrap();
    assert_eq!((cases.len(), negatives.len()), (4, 6));
    for case in cases {
        // The verifier requires the claim `iss`, so it rejects those of the recorded tokens that lack it.
        let expected =
            if case["issuer"].is_null() { Err(Rejection::Missing("iss")) } else { Ok(text(&case["payload"], "sub")) };
        assert_eq!(verdict_on(case).await, expected, "{}", case["name"]);
    }
    for case in negatives {
        assert!(verdict_on(case).await.is_err(), "{}", case["name"]);
    }
}

/// Shows that the manipulated tokens in the tests below are rejected only because of the manipulation.
#[tokio::test]
async fn valid_tokens_are_accepted() {
    let now = moment().unix_seconds();
    for token in [
        with_claims(&claims().to_string()),
        with_header(r#"{"alg":"HS256","typ":"JWT"}"#),
        with_header(r#"{"alg":"HS256","typ":"at+jwt","kid":"anything"}"#),
        with_header(r#"{"alg":"HS256","kid":""}"#),
        with_header(" {\n\"alg\" : \"HS256\" , \"x\" : [1,{}] } "),
        changed("aud", Some(&format!(r#"["https://other.test","{URL}"]"#))),
        changed("exp", Some(&format!("{}.5", now + 60))),
        changed("exp", Some("1e15")),
        changed("exp", Some(&format!("{}", 1_u64 << 53))),
        changed("nbf", Some(&format!("{now}"))),
        changed("iat", None),
        changed("name", Some("{\"nested\":[[[[]]]]}")),
    ] {
        assert_eq!(verdict(&token).await.as_deref(), Ok("ann"), "{token}");
    }
}

/// Covers headers with `alg: none`, duplicate members, `crit`, wrong types and malformed JSON.
#[tokio::test]
async fn manipulated_headers_are_rejected() {
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let kid = format!(r#"{{"alg":"HS256","kid":{}}}"#, "[".repeat(3));
    let headers = [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"NONE"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":""}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":256}"#,
        r#"{"alg":{}}"#,
        r#"{"alg":" HS256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":"HS256","kid":null}"#,
        r#"{"alg":"HS256","kid":[]}"#,
        r#"{"alg":"HS256","kid":{}}"#,
        r#"{"alg":"HS256","crit":["x"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","typ":"better-auth.session-cache+jwt"}"#,
        r#"{"alg":"HS256","typ":1}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647}"#,
        r#"["HS256"]"#,
        r#"["HS256",null,null,null]"#,
        r#""HS256""#,
        "256",
        "null",
        "true",
        "",
        "{",
        "{}",
        r#"{"alg":"HS256"}x"#,
        "\u{feff}{\"alg\":\"HS256\"}",
        r#"{"alg":"HS256","x":"\ud800"#,
        &kid,
    ];
    for header in headers {
        assert!(verdict(&with_header(header)).await.is_err(), "accepted {header}");
    }
    assert!(verdict(&signed(b"{\"alg\":\"HS256\xff\"}", claims().to_string(), SECRET.as_bytes())).await.is_err());
    // An unknown member is accepted however deeply it is nested, because it is skipped without recursion.
    assert!(verdict(&with_header(&deep)).await.is_ok());
}

/// A token is verified only with the shared secret: keys that the header contains or refers to are ignored, and a
/// similar secret does not match.
#[tokio::test]
async fn a_token_signed_with_another_key_is_rejected() {
    let header = r#"{"alg":"HS256","kid":"../../../../dev/null","jku":"http://127.0.0.1:9/jwks","x5u":"http://127.0.0.1:9/","jwk":{"kty":"oct","k":"AA"},"x5c":["MIIB"]}"#;
    let payload = claims().to_string();
    let newline = format!("{SECRET}\n");
    for key in [
        "",
        "secret",
        "\0",
        "better-auth-secret-12345678901234567890",
        &newline,
        &SECRET.to_uppercase(),
        &SECRET[..SECRET.len() - 1],
        &URL_SAFE_NO_PAD.encode(SECRET),
    ] {
        let token = signed(header, &payload, key.as_bytes());
        assert_eq!(verdict(&token).await, Err(Rejection::Signature), "accepted with key {key:?}");
    }
    // The same header is accepted if the token is signed with the right secret.
    assert!(verdict(&signed(header, &payload, SECRET.as_bytes())).await.is_ok());
}

/// A token has exactly one valid encoding, without padding, white space, characters of other alphabets or stray bits.
#[tokio::test]
async fn other_encodings_of_a_token_are_rejected() {
    let good = with_claims(&claims().to_string());
    let segments: Vec<_> = good.split('.').collect();
    for junk in ["=", "==", "+", "/", " ", "\n", "\t", "\0", "%3D", "%2E", "é"] {
        for index in 0..3 {
            for (before, after) in [(junk, ""), ("", junk)] {
                let mut changed: Vec<_> = segments.iter().map(|&segment| segment.to_owned()).collect();
                changed[index] = format!("{before}{}{after}", changed[index]);
                assert!(verdict(&changed.join(".")).await.is_err(), "accepted {junk:?} in segment {index}");
            }
        }
    }
    // The last base64url digit of a signature of 32 bytes has two unused bits, which must be zero.
    let (start, last) = good.split_at(good.len() - 1);
    let twin = char::from(last.as_bytes()[0] + 1);
    assert!(verdict(&format!("{start}{twin}")).await.is_err());
    for count in [0, 1, 2, 4, 5, 6] {
        let token = vec![segments[0]; count].join(".");
        assert!(verdict(&token).await.is_err(), "accepted {count} segments");
    }
    let long = format!("{}.{}.{}", segments[0], encode(vec![b' '; 7000]), segments[2]);
    assert_eq!(verdict(&long).await, Err(Rejection::TooLong { max_bytes: 8192 }));
}

/// A valid payload is one JSON object in UTF-8 with the claims of an access token.
#[tokio::test]
async fn manipulated_payloads_are_rejected() {
    for payload in [
        "",
        "null",
        "[]",
        r#"["ann",9999999999,null,"https://app.example.test","https://app.example.test"]"#,
        r#""ann""#,
        "7",
        "{",
        "{}",
        r#"{"session":{"id":"x"},"user":{"id":"ann"},"updatedAt":1795225503000,"version":"1","exp":9999999999}"#,
        &format!("{}x", claims()),
        &format!("\u{feff}{}", claims()),
        &claims().to_string().replace("ann", "\\ud800"),
        &format!("{{\"sub\":\"bob\",{}", &claims().to_string()[1..]),
        &format!("{{\"exp\":9999999999,{}", &claims().to_string()[1..]),
    ] {
        assert!(verdict(&with_claims(payload)).await.is_err(), "accepted {payload}");
    }
    let mut bytes = claims().to_string().into_bytes();
    let position = bytes.windows(3).position(|window| window == b"ann").unwrap();
    bytes[position] = 0xff;
    assert!(verdict(&signed(r#"{"alg":"HS256"}"#, bytes, SECRET.as_bytes())).await.is_err());
    let utf16: Vec<u8> = claims().to_string().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(verdict(&signed(r#"{"alg":"HS256"}"#, utf16, SECRET.as_bytes())).await.is_err());
}

/// For each claim, covers an absent value, a value of the wrong type, and a wrong value.
#[tokio::test]
async fn each_claim_is_checked() {
    use Rejection::{Expired, Malformed, Missing, NotYetValid};
    let now = moment().unix_seconds();
    let at = |seconds: i64| (now + seconds).to_string();
    let claims = Malformed("claims");
    let accepted = format!("{URL:?}");
    let issuer = |found: &str| Rejection::Issuer { found: format!("{found:?}"), accepted: accepted.clone() };
    let audience = |found: &str| Rejection::Audience { found: found.into(), accepted: accepted.clone() };
    let table = [
        ("exp", None, Missing("exp")),
        ("exp", Some("null".into()), claims.clone()),
        ("exp", Some("\"9999999999\"".into()), claims.clone()),
        ("exp", Some("true".into()), claims.clone()),
        ("exp", Some("[9999999999]".into()), claims.clone()),
        ("exp", Some("{}".into()), claims.clone()),
        ("exp", Some("1e400".into()), claims.clone()),
        ("exp", Some("NaN".into()), claims.clone()),
        ("exp", Some("0".into()), Expired),
        ("exp", Some("-1".into()), Expired),
        ("exp", Some("-1e308".into()), Expired),
        ("exp", Some(at(-86_400)), Expired),
        ("exp", Some(at(-300)), Expired),
        ("exp", Some(at(-120)), Expired),
        ("exp", Some(at(-30)), Expired),
        ("nbf", Some(at(300)), NotYetValid),
        ("nbf", Some(at(31)), NotYetValid),
        ("nbf", Some("1e308".into()), NotYetValid),
        ("nbf", Some("null".into()), claims.clone()),
        ("nbf", Some("\"0\"".into()), claims.clone()),
        ("nbf", Some("[0]".into()), claims.clone()),
        ("iss", None, Missing("iss")),
        ("iss", Some("null".into()), claims.clone()),
        ("iss", Some("\"\"".into()), issuer("")),
        ("iss", Some("\"https://app.example.tes\"".into()), issuer("https://app.example.tes")),
        ("iss", Some("\"https://app.example.test/\"".into()), issuer("https://app.example.test/")),
        ("iss", Some("\"https://APP.example.test\"".into()), issuer("https://APP.example.test")),
        ("iss", Some("1".into()), claims.clone()),
        ("iss", Some("{}".into()), claims.clone()),
        ("iss", Some(format!("[\"{URL}\"]")), claims.clone()),
        ("aud", None, Missing("aud")),
        ("aud", Some("null".into()), claims.clone()),
        ("aud", Some("[]".into()), audience("an empty list")),
        ("aud", Some("\"\"".into()), audience("\"\"")),
        ("aud", Some("\"https://app.example\"".into()), audience("\"https://app.example\"")),
        ("aud", Some("[\"https://other.test\"]".into()), audience("\"https://other.test\"")),
        ("aud", Some("7".into()), claims.clone()),
        ("aud", Some("{}".into()), claims.clone()),
        ("aud", Some(format!("[[\"{URL}\"]]")), claims.clone()),
        ("aud", Some(format!("[\"{URL}\",7]")), claims.clone()),
        ("sub", None, Missing("sub")),
        ("sub", Some("\"\"".into()), Missing("sub")),
        ("sub", Some("null".into()), claims.clone()),
        ("sub", Some("7".into()), claims.clone()),
        ("sub", Some("true".into()), claims.clone()),
        ("sub", Some("[\"ann\"]".into()), claims.clone()),
        ("sub", Some("{\"id\":\"ann\"}".into()), claims.clone()),
        ("sub", Some("\"a\\u0000\"".into()), Missing("sub")),
    ];
    for (name, raw, expected) in table {
        let token = changed(name, raw.as_deref());
        assert_eq!(verdict(&token).await, Err(expected), "{name} = {raw:?}");
    }
}

/// The leeway is exact to the second, both for `exp` and for `nbf`.
#[tokio::test]
async fn the_leeway_is_thirty_seconds() {
    let now = moment().unix_seconds();
    assert!(verdict(&changed("exp", Some(&(now - 29).to_string()))).await.is_ok());
    assert!(verdict(&changed("nbf", Some(&(now + 30).to_string()))).await.is_ok());
}

/// Claims other than `sub` that name a user are ignored.
#[tokio::test]
async fn only_sub_is_the_identity() {
    let mut claims = claims();
    for other in ["id", "user_id", "userId", "uid", "email", "name", "azp", "client_id"] {
        claims[other] = json!("victim");
    }
    assert_eq!(verdict(&with_claims(&claims.to_string())).await.as_deref(), Ok("ann"));
}

#[tokio::test]
async fn issued_tokens_have_the_claims_of_better_auth() {
    let config = JwtIssuerConfig { issuer: URL.into(), audience: URL.into(), lifetime: Duration::from_mins(15) };
    let keys = Arc::new(signing_with_the_secret(SharedSecret::parse(SECRET).unwrap()));
    let issuer = JwtIssuer::new(keys, config, Arc::new(clock_at(moment())));
    let token = issuer.issue(&user("ann")).await.unwrap();
    assert_eq!(verdict(token.expose()).await.as_deref(), Ok("ann"));

    let decode =
        |segment: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap() };
    let segments: Vec<_> = token.expose().split('.').collect();
    let now = moment().unix_seconds();
    assert_eq!(decode(segments[0]), json!({ "alg": "HS256", "typ": "JWT" }));
    assert_eq!(
        decode(segments[1]),
        json!({
            "iat": now, "exp": now + 900, "iss": URL, "aud": URL, "sub": "ann",
            "id": "ann", "name": "Bøb 漢字 ann", "email": "ann@example.test", "emailVerified": true,
            "image": "https://cdn.example.test/bob.png",
            "createdAt": "2026-11-21T01:45:03.000Z", "updatedAt": "2026-11-21T01:45:03.001Z",
        })
    );
}
