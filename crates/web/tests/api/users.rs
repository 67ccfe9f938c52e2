//! Profiles, passwords, accounts and the set of public keys, compatible with Better Auth.

use actix_web::test::TestRequest;
use serde_json::json;
use taskbridge_domain::ports::{MockTokenIssuer, PublicKey, SigningError, StoreError};
use taskbridge_domain::testing::fixtures::{moment, session, user, user_id};
use taskbridge_domain::users::{Account, PasswordHash, UserImage, UserName};

use crate::support::{Answer, Ports, anonymous};

const CHANGES: [&str; 4] = ["/update-user", "/change-password", "/verify-password", "/delete-user"];

/// Returns mocked ports that know one session: ann's.
fn ports() -> Ports {
    let mut ports = Ports::new();
    let find = ports.sessions.expect_find().withf(|token| token.expose() == "token-of-ann");
    find.return_once(|_| Ok(Some((session("ann"), user("ann")))));
    ports
}

/// Returns mocked ports that know ann's session and her password hash `stored`. `is_right` is the result of every
/// password verification.
fn ports_with_password(stored: Option<&'static str>, is_right: bool) -> Ports {
    let mut ports = ports();
    let stored = stored.map(|stored| PasswordHash::new(stored.into()));
    ports.identity.expect_find_password().return_once(|_| Ok(stored));
    ports.hasher.expect_verify().returning(move |_, _, _| Ok(is_right));
    ports
}

fn anns(path: &str, body: &str) -> TestRequest {
    let request = anonymous("POST", &format!("/api/auth{path}"));
    let request = request.insert_header(("authorization", "Bearer token-of-ann"));
    request.insert_header(("content-type", "application/json")).set_payload(body.to_owned())
}

fn is_error(answer: &Answer, status: u16, code: Option<&str>, message: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    let expected = match code {
        Some(code) => json!({ "message": message, "code": code }),
        None => json!({ "message": message }),
    };
    assert_eq!(answer.json(), expected);
}

/// All bodies of this test are valid, because an invalid body would be reported instead of the missing session.
#[actix_web::test]
async fn changes_need_a_session() {
    let good = r#"{"name":"x","newPassword":"new password","currentPassword":"x","password":"x"}"#;
    for path in CHANGES {
        let request =
            anonymous("POST", &format!("/api/auth{path}")).insert_header(("content-type", "application/json"));
        is_error(&Ports::new().answer(request.set_payload(good)).await, 401, Some("UNAUTHORIZED"), "Unauthorized");
    }
    let accounts = Ports::new().answer(anonymous("GET", "/api/auth/list-accounts")).await;
    is_error(&accounts, 401, Some("UNAUTHORIZED"), "Unauthorized");
}

#[actix_web::test]
async fn a_profile_is_updated_and_the_session_cookie_set_again() {
    for (body, name, image) in [
        (r#"{"name":"Änn"}"#, Some("Änn"), None),
        (r#"{"name":""}"#, Some(""), None),
        (r#"{"image":"https://cdn.example.test/a.png"}"#, None, Some(Some("https://cdn.example.test/a.png"))),
        (
            r#"{"image":null,"name":"x","emailVerified":true,"role":"admin","id":"bob","email":""}"#,
            Some("x"),
            Some(None),
        ),
    ] {
        let mut ports = ports();
        let update = ports.identity.expect_update_profile().times(1).withf(move |user, change, now| {
            let given = change.name.as_ref().map(UserName::as_str);
            (user.as_str(), given, change.image.as_ref().map(|image| image.as_ref().map(UserImage::as_str)), *now)
                == ("ann", name, image, moment())
        });
        update.return_once(|_, _, _| Ok(true));
        let answer = ports.answer(anns("/update-user", body)).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "status": true })));
        assert!(answer.header("set-cookie").unwrap().starts_with("better-auth.session_token=token-of-ann."));
        assert!(answer.header("set-auth-token").unwrap().starts_with("token-of-ann."));
    }
}

#[actix_web::test]
async fn invalid_profile_updates_are_rejected_or_ignored() {
    let nothing = (None, "No fields to update".to_owned());
    let fixed = (Some("EMAIL_CAN_NOT_BE_UPDATED"), "Email can not be updated".to_owned());
    let invalid = |text: &str| (Some("VALIDATION_ERROR"), text.to_owned());
    let (long, picture) = ("x".repeat(101), "x".repeat(2049));
    for (body, (code, message)) in [
        (json!({}), nothing.clone()),
        (json!({ "foo": 1, "id": "bob", "role": "admin", "emailVerified": true, "createdAt": "x" }), nothing),
        (json!({ "email": "bob@example.test", "name": "x" }), fixed.clone()),
        (json!({ "email": 1, "name": 7 }), fixed),
        (json!([]), invalid("[body] Invalid input: expected record, received array")),
        (json!({ "name": 7 }), invalid("[body.name] Invalid input: expected string, received number")),
        (json!({ "name": null }), invalid("[body.name] Invalid input: expected string, received null")),
        (json!({ "image": {} }), invalid("[body.image] Invalid input: expected string, received object")),
        (json!({ "image": "a\0b" }), invalid("[body.image] Invalid input: must not contain a NUL character")),
        (json!({ "name": "a\0b" }), invalid("[body.name] Invalid input: must not contain a NUL character")),
        (json!({ "image": picture }), invalid("[body.image] Too big: expected string to have <=2048 characters")),
        (json!({ "name": long }), invalid("[body.name] Too big: expected string to have <=100 characters")),
    ] {
        is_error(&ports().answer(anns("/update-user", &body.to_string())).await, 400, code, &message);
    }
}

#[actix_web::test]
async fn updating_a_user_who_has_been_deleted_is_a_401() {
    let mut ports = ports();
    ports.identity.expect_update_profile().return_once(|_, _, _| Ok(false));
    let answer = ports.answer(anns("/update-user", r#"{"name":"x"}"#)).await;
    is_error(&answer, 401, Some("UNAUTHORIZED"), "Unauthorized");
    assert!(answer.header("set-cookie").unwrap().starts_with("better-auth.session_token=; Max-Age=0"));
}

const CHANGE: &str = r#"{"newPassword":"new password","currentPassword":"the password"}"#;
const CHANGE_AND_REVOKE: &str =
    r#"{"newPassword":"new password","currentPassword":"the password","revokeOtherSessions":true}"#;

#[actix_web::test]
async fn a_password_is_changed_and_sessions_end_on_request() {
    for (body, revoked) in [(CHANGE, false), (CHANGE_AND_REVOKE, true)] {
        let mut ports = ports_with_password(Some("stored"), true);
        ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("new".into())));
        let change = ports.identity.expect_change_password();
        change.withf(move |change| change.only_session.is_some() == revoked).return_once(|_| Ok(true));
        let answer = ports.answer(anns("/change-password", body)).await;
        assert_eq!(answer.status.as_u16(), 200);
        let told = answer.json();
        assert_eq!(told["user"]["id"], "ann");
        let token = told["token"].as_str();
        assert_eq!(token.is_some(), revoked, "{told}");
        let cookie = answer.header("set-cookie").map(str::to_owned);
        let expected = token.map(|token| format!("better-auth.session_token={token}."));
        assert_eq!(cookie.is_some(), revoked);
        assert!(cookie.unwrap_or_default().starts_with(&expected.unwrap_or_default()));
        assert_ne!(token, Some("token-of-ann"));
    }
}

#[actix_web::test]
async fn changing_a_password_requires_the_current_one() {
    let wrong = ports_with_password(Some("stored"), false).answer(anns("/change-password", CHANGE)).await;
    is_error(&wrong, 400, Some("INVALID_PASSWORD"), "Invalid password");
    let none = ports_with_password(None, false).answer(anns("/change-password", CHANGE)).await;
    is_error(&none, 400, Some("CREDENTIAL_ACCOUNT_NOT_FOUND"), "Credential account not found");
    let long = "x".repeat(129);
    for (new, current, code, message) in [
        ("short", "x", "PASSWORD_TOO_SHORT", "Password too short"),
        (&*long, "x", "PASSWORD_TOO_LONG", "Password too long"),
        ("new password", &*long, "PASSWORD_TOO_LONG", "Password too long"),
        (
            "new\0password",
            "x",
            "VALIDATION_ERROR",
            "[body.newPassword] Invalid input: must not contain a NUL character",
        ),
    ] {
        let body = json!({ "newPassword": new, "currentPassword": current }).to_string();
        is_error(&ports().answer(anns("/change-password", &body)).await, 400, Some(code), message);
    }
    let missing = "[body.newPassword] Invalid input: expected string, received undefined; \
                   [body.currentPassword] Invalid input: expected string, received undefined";
    let answer = Ports::new().answer(anns("/change-password", "{}")).await;
    is_error(&answer, 400, Some("VALIDATION_ERROR"), missing);
}

#[actix_web::test]
async fn a_password_is_verified() {
    let body = r#"{"password":"the password"}"#;
    let right = ports_with_password(Some("stored"), true).answer(anns("/verify-password", body)).await;
    assert_eq!((right.status.as_u16(), right.json()), (200, json!({ "status": true })));
    for stored in [Some("stored"), None] {
        let wrong = ports_with_password(stored, false).answer(anns("/verify-password", body)).await;
        is_error(&wrong, 400, Some("INVALID_PASSWORD"), "Invalid password");
    }
}

#[actix_web::test]
async fn a_user_can_be_deleted() {
    for body in ["{}", r#"{"password":"the password"}"#, r#"{"password":"","token":"","callbackURL":"/bye"}"#] {
        let mut ports = ports_with_password(Some("stored"), true);
        ports.identity.expect_delete().withf(|user| user.as_str() == "ann").times(1).return_once(|_| Ok(()));
        let answer = ports.answer(anns("/delete-user", body)).await;
        assert_eq!(answer.json(), json!({ "success": true, "message": "User deleted" }), "{body}");
        assert!(answer.header("set-cookie").unwrap().starts_with("better-auth.session_token=; Max-Age=0"));
    }
    let wrong = r#"{"password":"the password"}"#;
    let wrong = ports_with_password(Some("stored"), false).answer(anns("/delete-user", wrong)).await;
    is_error(&wrong, 400, Some("INVALID_PASSWORD"), "Invalid password");
    let token = ports().answer(anns("/delete-user", r#"{"token":"made-up"}"#)).await;
    is_error(&token, 404, Some("INVALID_TOKEN"), "Invalid token");
}

/// If users may not delete their accounts, the path `/delete-user` has the response 404, and it is absent from the
/// OpenAPI document.
#[actix_web::test]
async fn deletion_can_be_switched_off() {
    let answer = Ports { deletion: false, ..ports() }.answer(anns("/delete-user", "{}")).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (404, ""));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = Ports { deletion: false, ..Ports::new() }.answer(anonymous("GET", "/openapi.json")).await;
    assert!(document.json()["paths"]["/api/auth/delete-user"].is_null());
}

#[actix_web::test]
async fn accounts_are_listed_without_secrets() {
    let mut ports = ports();
    let account = Account {
        id: "account".into(),
        provider_id: "github".into(),
        account_id: "4711".into(),
        user_id: user_id("ann"),
        scopes: vec!["read:user".into(), "user:email".into()],
        created_at: moment(),
        updated_at: moment(),
    };
    ports.identity.expect_list_accounts().return_once(|_, _| Ok(vec![account]));
    let request = anonymous("GET", "/api/auth/list-accounts").insert_header(("authorization", "Bearer token-of-ann"));
    let expected = json!([{
        "id": "account", "providerId": "github", "accountId": "4711", "userId": "ann",
        "createdAt": "2026-11-21T01:45:03.000Z", "updatedAt": "2026-11-21T01:45:03.000Z",
        "scopes": ["read:user", "user:email"],
    }]);
    assert_eq!(ports.answer(request).await.json(), expected);
}

fn ports_with_keys(published: Result<Vec<PublicKey>, SigningError>) -> Ports {
    let mut issuer = MockTokenIssuer::new();
    issuer.expect_public_keys().return_once(|| published);
    Ports { issuer, ..Ports::new() }
}

#[actix_web::test]
async fn the_key_set_is_published() {
    let members = [("crv", "Ed25519"), ("kty", "OKP"), ("x", "0mTEOYNmrph_9B8B8P_6uk0kcb-Q1GPi5B99oqCDeMM")];
    let members = members.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let key = PublicKey { id: "the-kid".into(), algorithm: "EdDSA".into(), members };
    let answer = ports_with_keys(Ok(vec![key])).answer(anonymous("GET", "/api/auth/jwks")).await;
    let expected = json!({ "keys": [{
        "alg": "EdDSA", "crv": "Ed25519", "kty": "OKP", "x": "0mTEOYNmrph_9B8B8P_6uk0kcb-Q1GPi5B99oqCDeMM",
        "kid": "the-kid",
    }] });
    assert_eq!((answer.status.as_u16(), answer.json()), (200, expected));
    let failed = ports_with_keys(Err(SigningError::NoKey("a detail".into())));
    let failed = failed.answer(anonymous("GET", "/api/auth/jwks")).await;
    is_error(&failed, 500, Some("INTERNAL_SERVER_ERROR"), "Internal server error");
    let away = ports_with_keys(Err(StoreError::Unavailable("a detail".into()).into()));
    assert_eq!(away.answer(anonymous("GET", "/api/auth/jwks")).await.status, 503);
}

/// If there are no keys to publish, the response is a 404, as in Better Auth when another server signs the tokens.
#[actix_web::test]
async fn without_keys_the_key_set_is_a_404() {
    let answer = ports_with_keys(Ok(Vec::new())).answer(anonymous("GET", "/api/auth/jwks")).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (404, ""));
}
