//! `taskbridge token explain`: it accepts the same tokens as the server, and reports the actual cause.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::authorization::{explain, judged_alike, values};
use support::forge::{Forge, encode, now, sign};
use support::server::SECRET;
use support::{Server, User};

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
        (hs256(json!({ "exp": null })), "exp is absent", "claim exp is missing", "setExpirationTime"),
        (hs256(json!({ "exp": now() - 7200 })), expiry, "expired", "it expired 2 hours ago"),
        (hs256(json!({ "exp": now() - 3600, "iat": now() + 3600 })), expiry, "expired", "clock"),
        (hs256(json!({ "nbf": now() + 3600 })), not_before, "not yet valid", "clocks"),
        (hs256(json!({ "iss": null })), "iss is absent", "claim iss is missing", "setIssuer"),
        (hs256(json!({ "iss": "https://app.example.com/" })), issuer, "wrong issuer", "slash"),
        (hs256(json!({ "iss": "http://127.0.0.1:3000" })), issuer, "wrong issuer", "localhost"),
        (hs256(json!({ "aud": null })), "aud is absent", "claim aud is missing", "setAudience"),
        (hs256(json!({ "aud": ["other"] })), audience, "wrong audience", "jwt.audience"),
        (hs256(json!({ "aud": [] })), audience, "wrong audience", "jwt.audience"),
        (hs256(json!({ "sub": null })), "sub is absent", "claim sub is missing", "setSubject"),
        (hs256(json!({ "sub": "" })), subject, "claim sub is missing", "setSubject"),
        (hs256(json!({ "sub": null, "user_id": "ann" })), "sub is absent", "claim sub is missing", r#""user_id""#),
        (hs256(session), "iss is absent", "claim iss is missing", "caches a session"),
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

#[tokio::test]
async fn the_server_and_the_command_judge_each_header_alike() {
    let server = Server::start();
    let forge = Forge::of(&server);
    let table = values(&forge.token("ann"));
    assert!(table.len() >= 60, "{}", table.len());
    for (value, status) in &table {
        judged_alike(&server, value, *status).await;
    }
    let hs256 = |members: Value| sign(HS256, with(&forge.claims("ann"), &members), SECRET.as_bytes());
    for (members, status) in [
        (json!({ "iss": null, "aud": null }), 401),
        (json!({ "exp": now() - 3600 }), 401),
        (json!({ "image": "x".repeat(9000) }), 401),
        (json!({ "image": "x".repeat(5000) }), 200),
    ] {
        judged_alike(&server, &format!("Bearer {}", hs256(members)), status).await;
    }
}

/// The command names what is wrong with a header that the server rejects before it verifies the token.
#[tokio::test]
async fn what_is_wrong_with_a_header_is_named() {
    let server = Server::start();
    let token = Forge::of(&server).token("ann");
    let (start, end) = token.split_at(30);
    let scheme = "not the Bearer scheme";
    for (pasted, cause, advice) in [
        (format!("Authorization: {token}"), scheme, "the word Bearer before the token is missing"),
        (format!("Bearer: {token}"), scheme, "followed by ':' instead of a space"),
        (format!("Authorization: Bearer\t{token}"), scheme, "followed by a tab instead of a space"),
        (format!("JWT {token}"), scheme, r#"the scheme is "JWT" instead of Bearer"#),
        (format!("Authorization: authorization=Bearer {token}"), scheme, "repeats the name of the header"),
        ("curl http://x.test/tasks".into(), "no Authorization header", "send the header"),
        ("curl x.test/tasks".into(), "no Authorization header", "send the header"),
        (
            "fetch(\"http://x.test/tasks\", { \"method\": \"GET\" })".into(),
            "no Authorization header",
            "send the header",
        ),
        (format!("Authorization: \"Bearer {token}\""), scheme, "quotation marks around the value"),
        (format!("Bearer \u{200b}{token}"), "not ASCII", "U+200B"),
        (format!("Authorization: Bearer {start}\n  {end}"), r"control character '\n'", "send it in one line"),
        ("Authorization: Bearer".into(), "no token after Bearer", "the token is empty"),
        (String::new(), "no token after Bearer", "the token is empty"),
        ("Cookie: better-auth.session_token=x".into(), "no Authorization header", "send the header"),
        (
            format!("Authorization: Bearer {token}\r\nauthorization: Bearer {token}"),
            "several Authorization headers",
            "send one header",
        ),
        (format!("Bearer Bearer {token}"), "malformed header", "sent twice"),
        (format!("Bearer {token}, Bearer {token}"), "malformed token", "several tokens"),
        (format!("Bearer {token},"), "wrong signature", "comma"),
        ("Bearer ${token}".into(), "malformed token", "backticks"),
        (format!("Bearer {}", "x".repeat(70_000)), "larger than 65536 bytes", "no setting raises this limit"),
    ] {
        let (_, text) = explain(&server, &pasted);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        assert!(line("Rejected (").contains(cause), "{cause}: {text}");
        assert!(line("Advice: ").contains(advice), "{advice}: {text}");
        assert!(!text.contains("Accepted"), "{text}");
    }
}

#[tokio::test]
async fn the_header_is_found_in_what_is_pasted() {
    let server = Server::start();
    let token = Forge::of(&server).token("ann");
    let header = "the header Authorization";
    for (pasted, input) in [
        (token.clone(), "a token without a header; send it as `Authorization: Bearer <token>`"),
        (format!("bearer {token}\n"), "the value of a header Authorization"),
        (format!("authorization:Bearer {token}\r\n"), header),
        (format!("GET / HTTP/1.1\r\nHost: x.test\r\nAuthorization: Bearer {token}\r\nAccept: */*\r\n\r\n"), header),
        (format!("> GET / HTTP/1.1\n> Host: x.test\n> Authorization: Bearer {token}\n> Accept: */*\n"), header),
        (format!("curl -H \"Authorization: Bearer {token}\" 'http://x.test/api'"), header),
        (format!("curl 'http://x.test/api' \\\n  -H 'accept: */*' \\\n  -H 'authorization: Bearer {token}'"), header),
        (
            format!(
                "curl ^\"http://x.test/api^\" ^\n  -H ^\"accept: */*^\" ^\n  -H ^\"authorization: Bearer {token}^\""
            ),
            header,
        ),
        (
            format!(
                "fetch(\"http://x.test/api\", {{\n  \"headers\": {{\n    \"accept\": \"*/*\",\n    \
                 \"authorization\": \"Bearer {token}\"\n  }},\n  \"method\": \"GET\"\n}});"
            ),
            header,
        ),
        (
            format!(
                "Invoke-WebRequest -UseBasicParsing -Uri \"http://x.test/api\" `\n-Headers @{{\n\"accept\"=\"*/*\"\n  \
                 \"authorization\"=\"Bearer {token}\"\n}}"
            ),
            header,
        ),
        (format!(r#"{{"headers":[{{"name":"Authorization","value":"Bearer {token}"}}]}}"#), header),
        (format!("{{\n  \"name\": \"authorization\",\n  \"value\": \"Bearer {token}\"\n}}"), header),
        (format!(r#"{{"Authorization": "Bearer {token}", "accept": "*/*"}}"#), header),
        (format!("accept\n*/*\nauthorization\nBearer {token}\nconnection\nkeep-alive\n"), header),
        (format!("* [HTTP/2] [1] [accept: */*]\n* [HTTP/2] [1] [authorization: Bearer {token}]\n"), header),
    ] {
        let (status, text) = explain(&server, &pasted);
        assert_eq!(status, 200, "{pasted}: {text}");
        assert_eq!(text.lines().next(), Some(format!("Input: {input}").as_str()), "{text}");
    }
}

/// A header in another notation is judged as the same header in a line of its own.
#[tokio::test]
async fn a_wrong_header_in_another_notation_is_rejected() {
    let server = Server::start();
    let token = Forge::of(&server).token("ann");
    for (pasted, cause) in [
        (format!(r#"{{"Authorization": "{token}"}}"#), "not the Bearer scheme"),
        (format!("curl ^\"http://x.test/^\" -H ^\"authorization: Bearer {token}x^\""), "wrong signature"),
        ("accept\n*/*\nauthorization\nBearer undefined\nconnection\nclose\n".into(), "malformed token"),
    ] {
        let (status, text) = explain(&server, &pasted);
        assert_eq!(status, 401, "{text}");
        assert!(text.contains(cause), "{cause}: {text}");
    }
}

/// The command judges nothing if it may have missed the header.
#[tokio::test]
async fn a_text_in_an_unknown_notation_is_not_judged() {
    let server = Server::start();
    let token = Forge::of(&server).token("ann");
    for pasted in [
        format!("curl --oauth2-bearer {token} http://x.test/tasks"),
        format!("http http://x.test/tasks Authorization:'Bearer {token}'"),
        format!("authorization=Bearer {token}"),
        format!("axios.get(url, {{ headers: {{ Authorization: `Bearer {token}` }} }})"),
        format!("TOKEN={token}"),
        format!("export TOKEN=\"{token}\""),
        format!("$env:TOKEN = \"{token}\""),
    ] {
        let (is_accepted, text) = explained(&server, &["--", &pasted]);
        assert!(
            !is_accepted && text.contains("Not judged: no header Authorization was recognized"),
            "{pasted}: {text}"
        );
        let advice = "Advice: paste only the line `Authorization: Bearer <token>`, or only the token";
        assert!(text.contains(advice) && !text.contains("Rejected"), "{text}");
    }
}

/// Editors and shells of Windows write byte order marks and UTF-16.
#[tokio::test]
async fn files_of_windows_are_read_or_their_encoding_is_named() {
    let server = Server::start();
    let header = format!("Authorization: Bearer {}\r\n", Forge::of(&server).token("ann"));
    let file = server.folder().join("token.txt");
    let path = file.to_str().unwrap();
    std::fs::write(&file, format!("\u{feff}{header}")).unwrap();
    let (is_accepted, text) = explained(&server, &["--file", path]);
    assert!(is_accepted, "{text}");
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let piped = server.run_with_input(&["token", "explain"], &[("PORT", port)], &format!("\u{feff}{header}"));
    assert_eq!(piped.code, Some(0), "{}{}", piped.stdout, piped.stderr);
    let utf16: Vec<u8> = format!("\u{feff}{header}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&file, utf16).unwrap();
    let (is_accepted, text) = explained(&server, &["--file", path]);
    assert!(!is_accepted && text.contains(&format!("cannot read {path}: the text is UTF-16; save it")), "{text}");
}

/// The server accepts the token of a deleted user until it expires, but creates no tasks for them.
#[tokio::test]
async fn a_user_who_does_not_exist_is_noted() {
    const NOTE: &str = "Note: the database has no such user";
    let server = Server::start();
    let nobody = Forge::of(&server).token("nobody");
    let tasks = reqwest::Client::new().post(server.url("/api/nobody/tasks")).json(&json!({ "title": "x" }));
    assert_eq!(tasks.bearer_auth(&nobody).send().await.unwrap().status(), 401);
    let (status, text) = explain(&server, &nobody);
    assert!(status == 200 && text.contains(NOTE), "{text}");
    let user = User::sign_up(&server, "ann").await;
    let (status, text) = explain(&server, &user.token);
    assert!(status == 200 && !text.contains(NOTE), "{text}");
}

/// Says what makes the token long, and whether anything else is wrong with it. Contents are cut.
#[tokio::test]
async fn a_token_over_the_size_limit_is_explained() {
    let server = Server::start();
    let claims = Forge::of(&server).claims("ann");
    let signed = |members: Value| sign(HS256, with(&claims, &members), SECRET.as_bytes());
    let long = signed(json!({ "image": "x".repeat(9000) }));
    let (_, text) = explain(&server, &long);
    let advice = text.lines().last().unwrap();
    for words in [r#"of which "image" has 9002"#, &format!("to {} or more", long.len()), "would be accepted"] {
        assert!(advice.contains(words), "{words}: {text}");
    }
    assert!(text.len() < 3000 && text.contains("(9002 characters)"), "{text}");
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let raised = [("PORT", port), ("TASKBRIDGE__JWT__MAX_BYTES", &long.len().to_string())];
    let (is_accepted, text) = server.run(&["token", "explain", "--", &long], &raised);
    assert!(is_accepted, "{text}");
    let (_, text) = explain(&server, &signed(json!({ "image": "x".repeat(9000), "exp": now() - 7200 })));
    assert!(text.contains("without this limit: expired; it expired 2 hours ago"), "{text}");
}

/// The contents of a token can be those of an attacker.
#[tokio::test]
async fn control_characters_in_a_token_are_escaped() {
    let server = Server::start();
    let token = sign(HS256, "{\"\\u001b[2Jx\":\"\u{9b}2J\"}", b"another secret");
    let (_, text) = explain(&server, &token);
    assert!(text.contains(r"\u{1b}[2Jx") && text.contains(r"\u{9b}2J"), "{text:?}");
    assert!(!text.contains(['\u{1b}', '\u{9b}']), "{text:?}");
}

#[tokio::test]
async fn the_enabled_algorithms_are_named_for_a_token_of_the_shared_secret() {
    let server = Server::start_with(&[("JWT_ALGORITHM", "EdDSA")]);
    let (status, text) = explain(&server, &Forge::of(&server).token("ann"));
    assert_eq!(status, 401, "{text}");
    assert!(text.contains(r#"algorithm "HS256" is not enabled (enabled: EdDSA, "#), "{text}");
}
