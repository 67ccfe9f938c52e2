//! Claims: which are required, and who the caller is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use support::forge::{now, sign};
use support::user::PASSWORD;
use support::{Server, User};

use super::{HEADER, KEY, Site};

/// The JWT with which Better Auth caches a session in a cookie is signed with the same secret, but is not an access
/// token.
#[tokio::test]
async fn a_session_cache_cookie_is_no_token() {
    let site = Site::open().await;
    let (id, origin) = (&site.id, &site.server.origin);
    let cached = json!({
        "session": { "id": "s", "token": "t", "userId": id, "expiresAt": "2099-01-01T00:00:00.000Z" },
        "user": { "id": id, "email": "ann@example.test", "name": "ann", "emailVerified": false },
        "updatedAt": now() * 1000, "version": "1", "iat": now(), "exp": now() + 300,
    });
    let with = |more: Value| {
        let mut claims = cached.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.to_string()
    };
    let purpose = "better-auth:session-cache";
    let good = json!({ "sub": id, "iss": origin, "aud": origin });
    let typed = |typ: &str| json!({ "alg": "HS256", "typ": typ }).to_string();
    site.refuses([
        ("as the cookie has it", sign(HEADER, cached.to_string(), KEY)),
        ("without typ", sign(r#"{"alg":"HS256"}"#, cached.to_string(), KEY)),
        ("with a subject", sign(HEADER, with(json!({ "sub": id })), KEY)),
        ("for its own audience", sign(HEADER, with(json!({ "sub": id, "iss": origin, "aud": purpose })), KEY)),
        ("by typ alone", sign(typed("better-auth.session-cache+jwt"), with(good.clone()), KEY)),
        ("by typ in capitals", sign(typed("Better-Auth.Session-Cache+JWT"), with(good.clone()), KEY)),
    ])
    .await;
    site.accepts([("a token that says as much", sign(HEADER, with(good), KEY))]).await;
}

/// A required claim that is missing, of the wrong type, or not exactly the expected value is rejected.
#[tokio::test]
async fn a_claim_that_is_missing_wrong_or_of_another_type_is_refused() {
    let site = Site::open().await;
    let (id, ours, now) = (&site.id, &site.server.origin, now());
    let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let exp = [
        (now - 300).to_string(),
        (now - 120).to_string(),
        (now - 86_400).to_string(),
        format!("{}.5", now - 120),
        format!(r#""{}""#, now + 300),
        format!("[{}]", now + 300),
    ];
    let nbf = [(now + 300).to_string(), format!("{}.5", now + 120), format!(r#""{}""#, now - 300)];
    let one = [
        format!(r#"["{ours}"]"#),
        format!(r#"["{ours}","https://other.example.test"]"#),
        format!(r#"{{"{ours}":"{ours}"}}"#),
    ];
    // For both `iss` and `aud`.
    let near = [
        format!(r#""{ours}/""#),
        format!(r#""{ours}/api/auth""#),
        format!(r#""{ours}0""#),
        format!(r#"" {ours}""#),
        format!(r#""{ours} ""#),
        format!(r#""{ours}\u0000""#),
        format!(r#""{}""#, ours.to_uppercase()),
        format!(r#""{}""#, &ours[..ours.len() - 1]),
        format!(r#""{}""#, ours.replace("http://", "https://")),
        format!(r#""{}""#, ours.replace("http://", "")),
        format!(r#""{}""#, ours.replace("localhost", "127.0.0.1")),
    ];
    let strange = own(&[r#""https://evil.example.test""#, r#""""#, "null", "5", "true", "{}", "[]"]);
    let many = [
        format!(r#"[["{ours}"]]"#),
        format!(r#"["{ours}",5]"#),
        format!(r#"["{ours}",null]"#),
        format!(r#"["{ours}/"]"#),
        format!(r#"{{"{ours}":"{ours}"}}"#),
        format!(r#""https://other.example.test,{ours}""#),
        format!(r#""https://other.example.test {ours}""#),
        r#"["https://evil.example.test"]"#.into(),
        r#"[""]"#.into(),
    ];
    let sub = [format!(r#"["{id}"]"#), format!(r#"{{"id":"{id}"}}"#), format!(r#""{id}\u0000""#)];
    let tables = [
        ("exp", exp.into()),
        ("exp", own(&["0", "-1", "-1e308", "null", "true", "{}", r#""""#, r#""never""#, "1e400", "-1e400", "NaN"])),
        ("nbf", nbf.into()),
        ("nbf", own(&["1e18", "9223372036854775807", "1e308", "1e400", "null", "true", "[]", "{}"])),
        ("iss", one.into()),
        ("iss", near.clone().into()),
        ("iss", strange.clone()),
        ("aud", near.into()),
        ("aud", strange),
        ("aud", many.into()),
        ("sub", sub.into()),
        ("sub", own(&["5", "true", "null", "[]", "{}", r#""""#, r#""\u0000""#])),
    ];
    for (claim, values) in tables {
        let token = |value: String| (format!("{claim} {value}"), site.with(claim, Some(&value)));
        site.refuses(values.into_iter().map(token)).await;
    }
    site.refuses(["exp", "iss", "aud", "sub"].map(|claim| (claim, site.with(claim, None)))).await;
}

/// Times may differ by 30 seconds, and may be any JSON number.
#[tokio::test]
async fn times_are_numbers_of_any_size_with_a_small_leeway() {
    let site = Site::open().await;
    let times = [
        ("exp", (now() - 5).to_string()),
        ("nbf", (now() + 5).to_string()),
        ("exp", "9007199254740992".into()),
        ("exp", "9223372036854775808".into()),
        ("exp", "18446744073709551616".into()),
        ("exp", "10000000000000000000000000000000000000000".into()),
        ("exp", "1e308".into()),
        ("nbf", "-9223372036854775808".into()),
        ("nbf", "-1e308".into()),
    ];
    site.accepts(times.map(|(claim, value)| (format!("{claim} {value}"), site.with(claim, Some(&value))))).await;
}

/// The caller is the subject, byte by byte. Any other claim or spelling is a different user, whose path is
/// forbidden.
#[tokio::test]
async fn nobody_but_the_subject_is_the_caller() {
    let site = Site::open().await;
    let (id, first) = (&site.id, &site.id[..1]);
    let swapped: String = id
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let wide = char::from_u32(u32::from(first.as_bytes()[0]) - 0x20 + 0xff00).unwrap();
    let subjects = [
        swapped,
        format!("{id} "),
        format!(" {id}"),
        format!("{id}\n"),
        format!("{id}\t"),
        format!("{id}\u{200b}"),
        format!("{id}\u{301}"),
        format!("\u{feff}{id}"),
        format!("\u{202e}{id}"),
        id.replacen(first, &wide.to_string(), 1),
        id[1..].to_owned(),
        format!("{id}{first}"),
        format!("{id}/"),
        format!("%{:02x}{}", first.as_bytes()[0], &id[1..]),
        format!("{id},bob"),
        "bob".to_owned(),
        "*".to_owned(),
        "%".to_owned(),
    ];
    let claims = |subject: String| site.forge.claims(&subject);
    let impostor = {
        let names = ["id", "user_id", "userId", "uid", "email", "username", "preferred_username", "azp", "act", "Sub"];
        let mut claims = site.forge.claims("bob");
        claims.as_object_mut().unwrap().extend(names.map(|name| (name.to_owned(), json!(id))));
        claims
    };
    for claims in subjects.map(claims).into_iter().chain([impostor]) {
        let (status, _, body) = site.get(&site.forge.signed(&claims)).await;
        assert_eq!((status, &body["code"]), (403, &json!("FORBIDDEN")), "{claims}");
    }
    site.accepts([("honest", site.honest.clone())]).await;
}

/// Access tokens from sign-up, sign-in and `/token` are all valid and contain the user's public profile only.
#[tokio::test]
async fn an_issued_token_says_who_it_is_for_and_nothing_secret() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let credentials = json!({ "email": ann.email, "password": PASSWORD });
    let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials).send().await.unwrap();
    let signed_in = sign_in.headers()["set-auth-jwt"].to_str().unwrap().to_owned();
    let user = sign_in.json::<Value>().await.unwrap()["user"].clone();
    let fetched = ann.anonymous(Method::GET, "/api/auth/token").header("cookie", &ann.cookie).send().await.unwrap();
    let fetched = fetched.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    for token in [&ann.token, &signed_in, &fetched] {
        let segments: Vec<_> = token.split('.').map(|segment| URL_SAFE_NO_PAD.decode(segment).unwrap()).collect();
        let [header, claims, _] = segments.as_slice() else { panic!("{token}") };
        let header: Value = serde_json::from_slice(header).unwrap();
        assert_eq!(header["alg"], "HS256");
        let mut claims: Value = serde_json::from_slice(claims).unwrap();
        let (issued, expires) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        assert_eq!(expires - issued, 900);
        assert!(issued.abs_diff(now()) < 60, "{issued}");
        for (name, expected) in [("sub", &ann.id), ("iss", &server.origin), ("aud", &server.origin)] {
            assert_eq!(claims[name], **expected);
        }
        let claims = claims.as_object_mut().unwrap();
        claims.retain(|name, _| !["iat", "exp", "sub", "iss", "aud"].contains(&name.as_str()));
        // These are the fields that the user can see: no password, hash or session.
        assert_eq!(json!(claims), user);
        let list = ann.anonymous(Method::GET, &ann.tasks("")).bearer_auth(token).send().await.unwrap();
        assert_eq!(list.status(), 200);
    }
}

/// With `jwt.require_issuer = "off"`, a token that an app has signed with the secret may lack `iss` and `aud`, but not
/// have wrong ones. This is so where the secret signs all tokens, and where it is accepted besides key pairs. Without the
/// setting, all of these tokens are rejected.
#[tokio::test]
async fn only_a_setting_lets_tokens_lack_issuer_and_audience() {
    let off = ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "off");
    let pairs = [("JWT_ALGORITHM", "EdDSA"), ("TASKBRIDGE__JWT__ACCEPT_HS256", "on")];
    for settings in [vec![], pairs.to_vec()] {
        let strict = Site::open_with(&settings).await;
        let site = Site::open_with(&[&settings[..], &[off]].concat()).await;
        let bare = |site: &Site| {
            let claims = json!({ "sub": site.id, "exp": now() + 300 });
            [
                ("without both", sign(HEADER, claims.to_string(), KEY)),
                ("without iss", site.with("iss", None)),
                ("without aud", site.with("aud", None)),
            ]
        };
        strict.refuses(bare(&strict)).await;
        site.accepts(bare(&site)).await;
        let with = |more: Value| {
            let mut claims = json!({ "sub": site.id, "exp": now() + 300 });
            claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            sign(HEADER, claims.to_string(), KEY)
        };
        site.refuses([
            ("wrong iss", with(json!({ "iss": "https://evil.example.test" }))),
            ("empty iss", with(json!({ "iss": "" }))),
            ("wrong aud", with(json!({ "aud": "https://evil.example.test" }))),
            ("no aud in the list", with(json!({ "aud": [] }))),
            ("wrong iss, right aud", with(json!({ "iss": "x", "aud": site.server.origin }))),
            ("without sub", sign(HEADER, json!({ "exp": now() + 300 }).to_string(), KEY)),
            ("without exp", sign(HEADER, json!({ "sub": site.id }).to_string(), KEY)),
            (
                "another secret",
                sign(HEADER, json!({ "sub": site.id, "exp": now() + 300 }).to_string(), b"another secret"),
            ),
        ])
        .await;
    }
}

/// The cookie in which Better Auth caches a session names no subject, so it is rejected also with this setting. So is the
/// token with which Better Auth verifies an email address.
#[tokio::test]
async fn other_tokens_of_the_secret_are_no_access_tokens_without_issuer_either() {
    let site = Site::open_with(&[("TASKBRIDGE__JWT__REQUIRE_ISSUER", "off")]).await;
    let times = json!({ "iat": now(), "exp": now() + 300 });
    let with = |more: Value| {
        let mut claims = times.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sign(r#"{"alg":"HS256"}"#, claims.to_string(), KEY)
    };
    site.refuses([
        ("session cache", with(json!({ "session": { "userId": site.id }, "user": { "id": site.id }, "version": "1" }))),
        ("email verification", with(json!({ "email": "ann@example.test" }))),
    ])
    .await;
}
