//! Sign-up, sign-in and access tokens, compatible with Better Auth.

use actix_web::test::TestRequest;
use serde_json::json;
use taskbridge_domain::Cause;
use taskbridge_domain::ports::{Credential, HashError, RegisterError, SigningError, StoreError};
use taskbridge_domain::sessions::{Jwt, Session};
use taskbridge_domain::testing::fixtures::{moment, session, user};
use taskbridge_domain::users::PasswordHash;

use crate::support::{Answer, BODY_LIMIT, Ports, anonymous};

const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const TOKEN: &str = "/api/auth/token";

fn post(path: &str, body: &str) -> TestRequest {
    anonymous("POST", path).insert_header(("content-type", "application/json")).set_payload(body.to_owned())
}

fn credential() -> Credential {
    Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }
}

fn jwt() -> Jwt {
    Jwt::new("header.claims.signature".into())
}

/// Returns mocked ports with which ann can sign up.
fn open_door() -> Ports {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(None));
    ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
    ports.identity.expect_register().return_once(|_| Ok(()));
    ports.issuer.expect_issue().return_once(|_| Ok(jwt()));
    ports
}

/// Returns mocked ports with which ann can sign in.
fn known_user() -> Ports {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential())));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    ports.issuer.expect_issue().return_once(|_| Ok(jwt()));
    ports
}

/// Returns mocked ports that know one session: ann's, as modified by `change`.
fn known_session(change: impl FnOnce(Session) -> Session) -> Ports {
    let row = change(session("ann"));
    let mut ports = Ports::new();
    ports
        .sessions
        .expect_find()
        .withf(|token| token.expose() == "token-of-ann")
        .return_once(move |_| Ok(Some((row, user("ann")))));
    ports
}

fn validation(answer: &Answer) -> String {
    assert_eq!(answer.verdict(), (400, "VALIDATION_ERROR".into()), "{}", answer.body);
    answer.json()["message"].as_str().unwrap().to_owned()
}

/// The body, the cookie and the header `set-auth-token` of the response all contain the new session token.
#[actix_web::test]
async fn the_response_to_a_sign_up_is_that_of_better_auth() {
    let body = r#"{"name":"Ann","email":"Ann@Example.test","password":"correct horse"}"#;
    let answer = open_door().answer(post(SIGN_UP, body)).await;
    assert_eq!(answer.status, 200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let id = answer.json()["user"]["id"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"token":"{token}","user":{{"name":"Ann","email":"ann@example.test","emailVerified":false,"image":null,"createdAt":"2026-11-21T01:45:03.000Z","updatedAt":"2026-11-21T01:45:03.000Z","id":"{id}"}}}}"#
    );
    assert_eq!(answer.body, expected);
    let set_auth_token = answer.header("set-auth-token").unwrap();
    assert!(set_auth_token.starts_with(&format!("{token}.")) && set_auth_token.ends_with('='));
    assert_eq!(answer.header("set-auth-jwt"), Some("header.claims.signature"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("set-auth-jwt, set-auth-token"));
    let encoded = set_auth_token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let cookie = format!("better-auth.session_token={encoded}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.all("set-cookie"), [cookie]);
}

/// With `rememberMe: false`, the cookies have no `Max-Age`, so the browser deletes them when it is closed.
#[actix_web::test]
async fn a_session_that_is_not_remembered_has_cookies_without_max_age() {
    let up = r#"{"name":"Ann","email":"ann@example.test","password":"correct horse","rememberMe":false}"#;
    let signed_in = r#"{"email":"ann@example.test","password":"correct horse","rememberMe":false}"#;
    for answer in [open_door().answer(post(SIGN_UP, up)).await, known_user().answer(post(SIGN_IN, signed_in)).await] {
        let cookies = answer.all("set-cookie");
        assert_eq!(cookies.len(), 2);
        assert!(cookies[0].starts_with("better-auth.session_token="));
        assert!(cookies[1].starts_with("better-auth.dont_remember=true."));
        assert!(cookies.iter().all(|cookie| cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax")));
        assert!(cookies.iter().all(|cookie| !cookie.contains("Max-Age")));
    }
}

#[actix_web::test]
async fn the_response_to_a_sign_in_is_that_of_better_auth() {
    let body = r#"{"email":"ANN@example.test","password":"correct horse"}"#;
    let answer = known_user().answer(post(SIGN_IN, body)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(r#"{"redirect":false,"token":""#));
    assert_eq!(answer.json()["user"]["id"], "ann");
    assert_eq!(answer.json().as_object().unwrap().len(), 3);
    assert_eq!(answer.header("set-auth-jwt"), Some("header.claims.signature"));
}

/// The error messages are exactly those of Better Auth, in the order of the fields in Better Auth's schema.
#[actix_web::test]
async fn invalid_sign_ups_have_the_messages_of_better_auth() {
    let long_name = format!(r#"{{"name":"{}","email":"a@b.co","password":"correct horse"}}"#, "x".repeat(101));
    let long_email = format!(r#"{{"name":"A","email":"{}@example.test","password":"correct horse"}}"#, "a".repeat(250));
    let cases = [
        (
            "{}",
            "[body.name] Invalid input: expected string, received undefined; [body.email] Invalid input: expected string, received undefined; [body.password] Invalid input: expected string, received undefined",
        ),
        (
            r#"{"rememberMe":"x","callbackURL":"/","image":{},"password":[],"email":true,"name":1}"#,
            "[body.name] Invalid input: expected string, received number; [body.email] Invalid input: expected string, received boolean; [body.password] Invalid input: expected string, received array; [body.image] Invalid input: expected string, received object; [body.rememberMe] Invalid input: expected boolean, received string",
        ),
        (
            "null",
            "[body] Invalid input: expected object, received null; [body] Invalid input: expected record, received null",
        ),
        (
            r#""x""#,
            "[body] Invalid input: expected object, received string; [body] Invalid input: expected record, received string",
        ),
        (
            "",
            "[body] Invalid input: expected object, received undefined; [body] Invalid input: expected record, received undefined",
        ),
        (r#"{"name":"B","email":"nope","password":"correct horse"}"#, "[body.email] Invalid email address"),
        (
            r#"{"name":"B","email":"b@example.test","password":""}"#,
            "[body.password] Too small: expected string to have >=1 characters",
        ),
        (
            r#"{"name":"B","email":"b@example.test","password":"correct horse","image":null}"#,
            "[body.image] Invalid input: expected string, received null",
        ),
        (&long_name, "[body.name] Too big: expected string to have <=100 characters"),
        (&long_email, "[body.email] Invalid email address"),
        (
            r#"{"name":"B\u0000","email":"b@example.test","password":"correct horse","image":"\u0000"}"#,
            "[body.name] Invalid input: must not contain a NUL character; [body.image] Invalid input: must not contain a NUL character",
        ),
        (
            r#"{"name":"B","email":"b@example.test","password":"correct\u0000horse"}"#,
            "[body.password] Invalid input: must not contain a NUL character",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(validation(&Ports::new().answer(post(SIGN_UP, body)).await), message, "{body}");
    }
}

#[actix_web::test]
async fn invalid_new_passwords_are_rejected() {
    for (password, code) in [
        ("short", "PASSWORD_TOO_SHORT"),
        (&*"x".repeat(73), "PASSWORD_TOO_LONG"),
        (&*"é".repeat(37), "PASSWORD_TOO_LONG"),
        (&*"x".repeat(129), "PASSWORD_TOO_LONG"),
    ] {
        let body = json!({ "name": "B", "email": "b@example.test", "password": password }).to_string();
        assert_eq!(Ports::new().answer(post(SIGN_UP, &body)).await.verdict(), (400, code.into()));
    }
}

#[actix_web::test]
async fn a_taken_address_is_422() {
    let body = r#"{"name":"Ann","email":"ann@example.test","password":"correct horse"}"#;
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential())));
    let first = ports.answer(post(SIGN_UP, body)).await;
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(None));
    ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
    ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
    let raced = ports.answer(post(SIGN_UP, body)).await;
    for answer in [first, raced] {
        assert_eq!(answer.status, 422);
        assert_eq!(
            answer.body,
            r#"{"message":"User already exists. Use another email.","code":"USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"}"#
        );
        assert!(answer.all("set-cookie").is_empty());
    }
}

#[actix_web::test]
async fn bodies_that_are_not_json_have_the_messages_of_better_auth() {
    for path in [SIGN_UP, SIGN_IN] {
        let malformed = Ports::new().answer(post(path, "{oops")).await;
        assert_eq!(malformed.body, r#"{"message":"Invalid JSON in request body","code":"BAD_REQUEST"}"#);
        assert_eq!(malformed.status, 400);
        let text = post(path, "{}").insert_header(("content-type", "text/plain; charset=utf-8"));
        let text = Ports::new().answer(text).await;
        assert_eq!(text.verdict(), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
        assert_eq!(
            text.json()["message"],
            r#"Content-Type "text/plain; charset=utf-8" is not allowed. Allowed types: application/x-www-form-urlencoded, application/json"#
        );
        let untyped = Ports::new().answer(anonymous("POST", path).set_payload("{}")).await;
        assert!(validation(&untyped).contains("received undefined"));
        let huge = Ports::new().answer(post(path, &" ".repeat(BODY_LIMIT + 1))).await;
        assert_eq!(huge.verdict(), (413, "PAYLOAD_TOO_LARGE".into()));
    }
    assert_eq!(
        validation(&Ports::new().answer(post(SIGN_IN, "[]")).await),
        "[body] Invalid input: expected object, received array"
    );
}

/// Whether the password is wrong, the user has no password or the address is unknown, one hash is verified and the
/// response is the same, so that neither the time nor the response reveals whether an account exists.
#[actix_web::test]
async fn a_wrong_password_and_an_unknown_address_read_the_same() {
    let body = r#"{"email":"ann@example.test","password":"correct horse"}"#;
    let mut answers = Vec::new();
    for found in [Some(credential()), Some(Credential { password: None, ..credential() }), None] {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(move |_| Ok(found));
        ports.hasher.expect_verify().times(1).return_once(|_, _, _| Ok(false));
        let answer = ports.answer(post(SIGN_IN, body)).await;
        assert_eq!(answer.status, 401);
        answers.push((answer.body.clone(), format!("{:?}", answer.headers)));
    }
    assert_eq!(answers[0].0, r#"{"message":"Invalid email or password","code":"INVALID_EMAIL_OR_PASSWORD"}"#);
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[actix_web::test]
async fn invalid_sign_ins_are_rejected_before_the_store_is_asked() {
    let email = Ports::new().answer(post(SIGN_IN, r#"{"email":"nobody","password":"correct horse"}"#)).await;
    assert_eq!(email.body, r#"{"message":"Invalid email","code":"INVALID_EMAIL"}"#);
    let long = json!({ "email": "ann@example.test", "password": "x".repeat(129) }).to_string();
    assert_eq!(Ports::new().answer(post(SIGN_IN, &long)).await.verdict(), (400, "PASSWORD_TOO_LONG".into()));
    let missing = Ports::new().answer(post(SIGN_IN, r#"{"password":5,"rememberMe":null}"#)).await;
    assert_eq!(
        validation(&missing),
        "[body.email] Invalid input: expected string, received undefined; [body.password] Invalid input: expected string, received number; [body.rememberMe] Invalid input: expected boolean, received null"
    );
}

/// If too many passwords are already being hashed, a sign-in does not wait: the response is a 503.
#[actix_web::test]
async fn a_busy_hasher_and_a_failing_store_are_503_and_a_broken_hasher_is_500() {
    let body = r#"{"email":"ann@example.test","password":"correct horse"}"#;
    let secret = || -> Cause { "secret detail".into() };
    for (error, status, code) in
        [(HashError::Busy, 503, "SERVICE_UNAVAILABLE"), (HashError::Failed(secret()), 500, "INTERNAL_SERVER_ERROR")]
    {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential())));
        ports.hasher.expect_verify().return_once(move |_, _, _| Err(error));
        let answer = ports.answer(post(SIGN_IN, body)).await;
        assert_eq!(answer.verdict(), (status, code.into()));
        assert_eq!(answer.header("retry-after").is_some(), status == 503);
        assert!(!answer.body.contains("secret detail"));
    }
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(move |_| Err(StoreError::Unavailable(secret())));
    assert_eq!(ports.answer(post(SIGN_IN, body)).await.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
}

/// Signs ann in and returns the session cookie as `name=value`.
async fn cookie() -> String {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential())));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    ports.issuer.expect_issue().return_once(|_| Ok(jwt()));
    let answer = ports.answer(post(SIGN_IN, r#"{"email":"ann@example.test","password":"correct horse"}"#)).await;
    answer.all("set-cookie")[0].split(';').next().unwrap().to_owned()
}

#[actix_web::test]
async fn an_access_token_is_issued_for_a_cookie_and_for_a_bearer_token() {
    let cookie = cookie().await;
    let signed = cookie.strip_prefix("better-auth.session_token=").unwrap().to_owned();
    let requests = [
        anonymous("GET", TOKEN).insert_header(("cookie", cookie.clone())),
        anonymous("GET", TOKEN).insert_header(("cookie", format!("a=b; {cookie}; c=d"))),
        anonymous("GET", TOKEN).insert_header(("authorization", format!("Bearer {signed}"))),
        anonymous("GET", TOKEN)
            .insert_header(("authorization", "Bearer x.forged"))
            .insert_header(("cookie", cookie.clone())),
    ];
    for request in requests {
        let mut ports = Ports::new();
        ports.sessions.expect_find().return_once(|_| Ok(Some((session("ann"), user("ann")))));
        ports.issuer.expect_issue().withf(|user| user.id.as_str() == "ann").return_once(|_| Ok(jwt()));
        let answer = ports.answer(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"token":"header.claims.signature"}"#));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mut ports = known_session(|row| row);
    ports.issuer.expect_issue().return_once(|_| Ok(jwt()));
    let bare = anonymous("GET", TOKEN).insert_header(("authorization", "bearer token-of-ann"));
    assert_eq!(ports.answer(bare).await.status, 200);
}

#[actix_web::test]
async fn without_a_session_no_access_token_is_issued() {
    for request in [
        anonymous("GET", TOKEN),
        anonymous("GET", TOKEN).insert_header(("cookie", "better-auth.session_token=forged.forged")),
        anonymous("GET", TOKEN).insert_header(("authorization", "Bearer header.claims.signature")),
        anonymous("GET", TOKEN).insert_header(("authorization", "Basic dG9rZW4=")),
    ] {
        let answer = Ports::new().answer(request).await;
        assert_eq!(answer.body, r#"{"message":"Unauthorized","code":"UNAUTHORIZED"}"#);
        assert_eq!(answer.status, 401);
        assert!(answer.all("set-cookie").is_empty());
    }
}

/// If the session of the request has expired or is unknown, the response is a 401 that removes the session cookies.
#[actix_web::test]
async fn a_session_that_is_over_is_401_and_its_cookies_go() {
    let mut expired = known_session(|row| Session {
        expires_at: taskbridge_domain::Timestamp::from_unix_seconds(moment().unix_seconds() - 1).unwrap(),
        ..row
    });
    expired.sessions.expect_delete().times(1).return_once(|_| Ok(()));
    let mut unknown = Ports::new();
    unknown.sessions.expect_find().return_once(|_| Ok(None));
    for ports in [expired, unknown] {
        let request = anonymous("GET", TOKEN).insert_header(("authorization", "Bearer token-of-ann"));
        let answer = ports.answer(request).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.all("set-cookie"),
            [
                "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
                "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
                "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
            ]
        );
    }
}

/// If no access token can be signed, the sign-in still succeeds, but the response has no header `set-auth-jwt`.
#[actix_web::test]
async fn a_sign_in_survives_an_issuer_that_fails() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential())));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    ports.issuer.expect_issue().return_once(|_| Err(SigningError::NoKey("secret detail".into())));
    let answer = ports.answer(post(SIGN_IN, r#"{"email":"ann@example.test","password":"correct horse"}"#)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("set-auth-jwt"), None);
    assert_eq!(answer.header("access-control-expose-headers"), Some("set-auth-token"));
    assert!(answer.header("set-auth-token").is_some());
}

/// As in Better Auth, the response to an unknown path or an unsupported method is a 404 without a body.
#[actix_web::test]
async fn everything_else_below_the_mount_is_an_empty_404() {
    for (method, path) in [
        ("GET", "/api/auth"),
        ("GET", "/api/auth/"),
        ("GET", "/api/auth/nope"),
        ("GET", SIGN_UP),
        ("GET", SIGN_IN),
        ("HEAD", TOKEN),
        ("OPTIONS", TOKEN),
        ("POST", TOKEN),
        ("GET", "/api/auth/token/"),
        ("GET", "/api/auth//token"),
        ("POST", "/api/auth/sign-up/email/"),
        ("GET", "/api/auth/tasks"),
        ("GET", "/api/auth/tasks/7"),
    ] {
        let answer = Ports::new().answer(anonymous(method, path)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""), "{method} {path}");
        assert_eq!(answer.header("content-type"), None);
    }
}

/// In bridge mode, users sign in at the app's own Better Auth, and the 404 for a path below `/api/auth` says so. The
/// tasks API is still served.
#[actix_web::test]
async fn without_an_auth_server_everything_below_the_mount_is_an_ordinary_404() {
    for (method, path) in
        [("POST", SIGN_UP), ("POST", SIGN_IN), ("GET", TOKEN), ("GET", "/api/auth"), ("PUT", "/api/auth/x")]
    {
        let ports = Ports { has_auth_server: false, ..Ports::new() };
        let answer = ports.answer(anonymous(method, path)).await;
        assert_eq!(answer.verdict(), (404, "NOT_FOUND".into()), "{method} {path}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("Better Auth"), "{}", answer.body);
    }
    let ports = Ports { has_auth_server: false, ..Ports::new() };
    assert_eq!(ports.answer(anonymous("GET", "/api/ann/tasks")).await.status, 401);
}

/// The tasks API accepts only access tokens. It rejects a session token, both in a cookie and as a bearer token.
#[actix_web::test]
async fn a_session_token_is_not_an_access_token() {
    let cookie = cookie().await;
    let request = anonymous("GET", "/api/ann/tasks").insert_header(("cookie", cookie.clone()));
    assert_eq!(Ports::new().answer(request).await.status, 401);
    let signed = cookie.split_once('=').unwrap().1.to_owned();
    let request = anonymous("GET", "/api/ann/tasks").insert_header(("authorization", format!("Bearer {signed}")));
    assert_eq!(Ports::new().answer(request).await.status, 401);
}
