//! Invalid bodies for sign-up and sign-in.

use reqwest::Response;
use serde_json::json;
use support::raw::{request, send_unfinished};
use support::user::PASSWORD;

use crate::site::{JSON, OneUser, SIGN_IN, SIGN_UP, parsed};

/// Both routes reject a body with the status, code and message of Better Auth, and check the password last.
#[tokio::test]
async fn bodies_of_sign_up_and_sign_in_are_refused_in_better_auths_words() {
    let site = OneUser::open().await;
    let up = |email: &str, password: &str| json!({ "name": "B", "email": email, "password": password }).to_string();
    let sign_in = |email: &str, password: &str| json!({ "email": email, "password": password }).to_string();
    let missing = |field: &str| format!("[body.{field}] Invalid input: expected string, received undefined");
    let long = "x".repeat(129);
    let schema = |message: &str| (400, "VALIDATION_ERROR", message.to_owned());
    let of_up = |received: &str| {
        let one = |expected| format!("[body] Invalid input: expected {expected}, received {received}");
        schema(&[one("object"), one("record")].join("; "))
    };
    let of_in = |received: &str| schema(&format!("[body] Invalid input: expected object, received {received}"));
    let (short, too_long) = (
        (400, "PASSWORD_TOO_SHORT", "Password too short".to_owned()),
        (400, "PASSWORD_TOO_LONG", "Password too long".to_owned()),
    );
    let taken = (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.".to_owned());
    let malformed = (400, "BAD_REQUEST", "Invalid JSON in request body".to_owned());
    let refused = (401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password".to_owned());
    let no_email = (400, "INVALID_EMAIL", "Invalid email".to_owned());
    let bad_email = schema("[body.email] Invalid email address");
    let nul = |field: &str| schema(&format!("[body.{field}] Invalid input: must not contain a NUL character"));
    let wrong = r#"{"rememberMe":"x","image":{},"password":[],"email":true,"name":1}"#;
    let wrong_types = schema(
        "[body.name] Invalid input: expected string, received number; \
         [body.email] Invalid input: expected string, received boolean; \
         [body.password] Invalid input: expected string, received array; \
         [body.image] Invalid input: expected string, received object; \
         [body.rememberMe] Invalid input: expected boolean, received string",
    );
    let null_image = r#"{"name":"B","email":"b@example.test","password":"long enough","image":null}"#;
    for (path, body, (status, code, message)) in [
        (SIGN_UP, "{}".to_owned(), schema(&["name", "email", "password"].map(missing).join("; "))),
        (SIGN_UP, wrong.into(), wrong_types),
        (SIGN_UP, null_image.into(), schema("[body.image] Invalid input: expected string, received null")),
        (SIGN_UP, "null".into(), of_up("null")),
        (SIGN_UP, r#""x""#.into(), of_up("string")),
        (SIGN_UP, "[]".into(), of_up("array")),
        (SIGN_UP, "1".into(), of_up("number")),
        (SIGN_UP, "true".into(), of_up("boolean")),
        (SIGN_UP, String::new(), of_up("undefined")),
        (SIGN_UP, "{oops".into(), malformed.clone()),
        (SIGN_UP, "{} x".into(), malformed.clone()),
        (SIGN_UP, up("nope", "long enough"), bad_email.clone()),
        (SIGN_UP, up("", "long enough"), bad_email.clone()),
        (SIGN_UP, up(" b@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("b@example.test\r\nBcc: c@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("b@example.test\0", "long enough"), bad_email.clone()),
        (SIGN_UP, up("ann@ex\u{e4}mple.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("\u{ff41}nn@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up(&format!("{}@example.test", "b".repeat(400)), "long enough"), bad_email.clone()),
        (
            SIGN_UP,
            up("b@example.test", ""),
            schema("[body.password] Too small: expected string to have >=1 characters"),
        ),
        (SIGN_UP, up("b@example.test", "short"), short.clone()),
        (SIGN_UP, up("b@example.test", "1234567"), short),
        (SIGN_UP, up("b@example.test", &"x".repeat(73)), too_long.clone()),
        (SIGN_UP, up("b@example.test", &"é".repeat(37)), too_long.clone()),
        (SIGN_UP, up("b@example.test", &long), too_long.clone()),
        (SIGN_UP, up("b@example.test", "long\0enough"), nul("password")),
        (SIGN_UP, up("b@example.test", "\0\0\0\0\0\0\0\0"), nul("password")),
        (SIGN_UP, up("b@example.test", "long enough").replace(r#""B""#, r#""\u0000""#), nul("name")),
        (SIGN_UP, up("ann@example.test", "long enough"), taken.clone()),
        (SIGN_UP, up("ANN@Example.Test", "long enough"), taken),
        (SIGN_IN, "{}".into(), schema(&["email", "password"].map(missing).join("; "))),
        (SIGN_IN, "null".into(), of_in("null")),
        (SIGN_IN, "[]".into(), of_in("array")),
        (SIGN_IN, String::new(), of_in("undefined")),
        (SIGN_IN, "{oops".into(), malformed),
        (SIGN_IN, r#"{"email":5,"password":{}}"#.into(), {
            schema(
                "[body.email] Invalid input: expected string, received number; \
                 [body.password] Invalid input: expected string, received object",
            )
        }),
        (SIGN_IN, sign_in("nobody", PASSWORD), no_email.clone()),
        (SIGN_IN, sign_in("", PASSWORD), no_email),
        (SIGN_IN, sign_in("ann@example.test", &long), too_long),
        (SIGN_IN, sign_in("ann@example.test", ""), refused.clone()),
        (SIGN_IN, sign_in("ann@example.test", "wrong"), refused.clone()),
        (SIGN_IN, sign_in("nobody@example.test", PASSWORD), refused),
    ] {
        let line = format!("POST {path} HTTP/1.1");
        let answer = send_unfinished(&site.server, &request(&line, &[JSON], body.as_bytes())).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert_eq!(answer.body, format!(r#"{{"message":{},"code":"{code}"}}"#, json!(message)), "{path} {body}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path} {body}");
        for header in ["set-cookie", "set-auth-token", "set-auth-jwt"] {
            assert_eq!(answer.header(header), None, "{path} {body}");
        }
    }
    // No account was created.
    assert_eq!(
        site.post(SIGN_UP, &json!({ "name": "", "email": "b@example.test", "password": "12345678" })).await.status(),
        200
    );
}

/// Media types are checked as in Better Auth, where a body without one counts as missing.
#[tokio::test]
async fn sign_up_and_sign_in_take_json_only() {
    let site = OneUser::open().await;
    let sign_in = json!({ "email": site.ann.email, "password": PASSWORD }).to_string();
    let post = async |path: &str, headers: &[&str], body: &[u8]| {
        send_unfinished(&site.server, &request(&format!("POST {path} HTTP/1.1"), headers, body)).await
    };
    for media_type in
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;x=y"]
    {
        let answer = post(SIGN_IN, &[&format!("Content-Type: {media_type}")], sign_in.as_bytes()).await;
        assert_eq!(answer.status, 200, "{media_type}: {answer:?}");
    }
    for path in [SIGN_UP, SIGN_IN] {
        for media_type in
            ["text/plain", "application/vnd.api+json", "multipart/form-data; boundary=b", "application/xml"]
        {
            let answer = post(path, &[&format!("Content-Type: {media_type}")], sign_in.as_bytes()).await;
            let body = parsed(&answer);
            assert_eq!((answer.status, &body["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")), "{path} {media_type}");
            let message = body["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("Content-Type {media_type:?} is not allowed. ")), "{message}");
            assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        }
        let answer = post(path, &[], sign_in.as_bytes()).await;
        let message = parsed(&answer)["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(message.ends_with("received undefined"), "{message}");

        let large = request(&format!("POST {path} HTTP/1.1"), &[JSON, "Content-Length: 10000000"], b"");
        let answer = send_unfinished(&site.server, &large).await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
        for hostile in
            [b"{\"email\":\"\xff\"}".to_vec(), vec![b'['; 60_000], br#"{"email":"\ud800","password":"x"}"#.to_vec()]
        {
            let answer = post(path, &[JSON], &hostile).await;
            assert_eq!((answer.status, &parsed(&answer)["code"]), (400, &json!("BAD_REQUEST")), "{path}: {answer:?}");
        }
    }
}

/// Below `/api/auth`, an unknown path or method is answered with 404 and an empty body, as in Better Auth.
#[tokio::test]
async fn what_is_not_there_below_api_auth_is_an_empty_404() {
    let site = OneUser::open().await;
    for (method, path) in [
        ("GET", SIGN_UP),
        ("GET", SIGN_IN),
        ("PUT", SIGN_IN),
        ("DELETE", SIGN_IN),
        ("OPTIONS", SIGN_IN),
        ("POST", "/api/auth/token"),
        ("OPTIONS", "/api/auth/token"),
        ("HEAD", "/api/auth/token"),
        ("TRACE", "/api/auth/token"),
        ("POST", "/api/auth/sign-in/email/"),
        ("POST", "/api/auth//sign-in/email"),
        ("POST", "/api/auth/sign-in"),
        ("POST", "/api/auth/Sign-In/Email"),
        ("GET", "/api/auth/token/"),
        ("GET", "/api/auth/nothing"),
        ("GET", "/api/auth/"),
        ("GET", "/api/auth"),
    ] {
        let bearer = format!("Authorization: Bearer {}", site.ann.session);
        let answer =
            send_unfinished(&site.server, &request(&format!("{method} {path} HTTP/1.1"), &[&bearer], b"")).await;
        let shown = (answer.status, answer.body.as_str(), answer.header("content-type"));
        assert_eq!(shown, (404, "", None), "{method} {path}");
    }
}

/// The whole password counts, and every refusal is the same.
#[tokio::test]
async fn only_the_very_password_signs_in() {
    let site = OneUser::open().await;
    let sixty_four = "a".repeat(64);
    let seventy_two = "0123456789ab".repeat(6);
    let accents = "é".repeat(36);
    let emoji = "🔑🔑🔑🔑";
    for (name, password, others) in [
        (
            "p",
            "correct horse",
            vec!["correct horse ", " correct horse", "Correct horse", "correct hors", "correct horsee"],
        ),
        (
            "nul",
            "nul-password",
            vec!["nul-password\0nul-password", "nul-password\0nul-password\0nul-password", "nul-password\0", "\0"],
        ),
        ("long", &sixty_four, vec![&sixty_four[1..], "a"]),
        ("longest", &seventy_two, vec![&seventy_two[..71], "0123456789ab0123456789ab"]),
        ("bytes", &accents, vec![&accents[2..]]),
        ("emoji", emoji, vec!["🔑🔑🔑", "🔒🔒🔒🔒"]),
        ("composed", "café-\u{fb01}rst", vec!["cafe-first"]),
    ] {
        let email = format!("{name}@example.test");
        let sign_up = site.post(SIGN_UP, &json!({ "name": name, "email": email, "password": password })).await;
        assert_eq!(sign_up.status(), 200, "{name}");
        let sign_in = async |password: &str| site.post(SIGN_IN, &json!({ "email": email, "password": password })).await;
        let accepted = sign_in(password).await;
        assert_eq!(accepted.status(), 200, "{name}");
        let unknown = site.post(SIGN_IN, &json!({ "email": "x@example.test", "password": password })).await;
        let expected = shown(unknown).await;
        assert_eq!(expected.0, 401);
        let tails = [format!("{password}x"), format!("{password}\0"), password.repeat(2)];
        for other in
            others.into_iter().map(str::to_owned).chain(tails).filter(|other| other.encode_utf16().count() <= 128)
        {
            assert_eq!(shown(sign_in(&other).await).await, expected, "{name} {other:?}");
        }
    }
    // Texts with the same NFKC form are the same password.
    let composed = json!({ "email": "composed@example.test", "password": "cafe\u{301}-first" });
    assert_eq!(site.post(SIGN_IN, &composed).await.status(), 200);
}

/// Returns everything in an answer except its date and its request id.
async fn shown(response: Response) -> (u16, Vec<(String, String)>, String) {
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let differs = |(name, _): &(String, String)| name == "date" || name == "x-request-id";
    let mut headers: Vec<_> = response.headers().iter().map(header).filter(|header| !differs(header)).collect();
    headers.sort_unstable();
    (response.status().as_u16(), headers, response.text().await.unwrap())
}
