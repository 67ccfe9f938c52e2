//! Sessions: renewal, listing, revocation and sign-out, compatible with Better Auth.

use actix_web::test::TestRequest;
use taskbridge_domain::Timestamp;
use taskbridge_domain::sessions::{Jwt, Session, SessionPolicy, SessionToken};
use taskbridge_domain::testing::fixtures::{moment, session, user};

use crate::support::{Answer, Ports, anonymous};

const LIFETIME: std::time::Duration = SessionPolicy::DEFAULT.lifetime;
const CLEARED: [&str; 3] = [
    "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
];

/// Returns mocked ports that know one session: ann's, which expires at `expires_at`.
fn ending(expires_at: Timestamp) -> Ports {
    let mut ports = Ports::new();
    let row = Session { expires_at, ..session("ann") };
    ports
        .sessions
        .expect_find()
        .withf(|token| token.expose() == "token-of-ann")
        .return_once(move |_| Ok(Some((row, user("ann")))));
    ports
}

fn alive() -> Ports {
    ending(session("ann").expires_at)
}

fn with_jwt(mut ports: Ports) -> Ports {
    ports.issuer.expect_issue().return_once(|_| Ok(Jwt::new("header.claims.signature".into())));
    ports
}

fn anns(method: &str, path: &str) -> TestRequest {
    anonymous(method, &format!("/api/auth{path}")).insert_header(("authorization", "Bearer token-of-ann"))
}

fn anns_post(path: &str, body: &str) -> TestRequest {
    anns("POST", path).insert_header(("content-type", "application/json")).set_payload(body.to_owned())
}

fn assert_not_cacheable(answer: &Answer) {
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
}

#[actix_web::test]
async fn get_session_returns_the_user_and_a_jwt() {
    let answer = with_jwt(alive()).answer(anns("GET", "/get-session")).await;
    let expected = concat!(
        r#"{"session":{"expiresAt":"2026-11-28T01:45:03.000Z","token":"token-of-ann","#,
        r#""createdAt":"2026-11-21T01:45:03.000Z","updatedAt":"2026-11-21T01:45:03.002Z","ipAddress":"192.0.2.1","#,
        r#""userAgent":"fixtures/1.0","userId":"ann","id":"session-of-ann"},"#,
        r#""user":{"name":"Bøb 漢字 ann","email":"ann@example.test","emailVerified":true,"#,
        r#""image":"https://cdn.example.test/bob.png","createdAt":"2026-11-21T01:45:03.000Z","#,
        r#""updatedAt":"2026-11-21T01:45:03.001Z","id":"ann"}}"#
    );
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, expected));
    assert_eq!(answer.header("set-auth-jwt"), Some("header.claims.signature"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("set-auth-jwt"));
    assert!(answer.all("set-cookie").is_empty() && answer.header("set-auth-token").is_none());
    assert_not_cacheable(&answer);
}

#[actix_web::test]
async fn get_session_without_a_session_is_null() {
    let mut unknown = Ports::new();
    unknown.sessions.expect_find().return_once(|_| Ok(None));
    let stranger = anonymous("GET", "/api/auth/get-session");
    let forged = anonymous("GET", "/api/auth/get-session").insert_header(("cookie", "better-auth.session_token=a.b"));
    for (ports, request, cleared) in [
        (Ports::new(), stranger, &[][..]),
        (Ports::new(), forged, &[]),
        (unknown, anns("GET", "/get-session"), &CLEARED),
    ] {
        let answer = ports.answer(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "null"));
        assert_eq!(answer.all("set-cookie"), cleared);
        assert_not_cacheable(&answer);
    }
}

#[actix_web::test]
async fn get_session_succeeds_without_a_jwt() {
    let mut ports = alive();
    ports.issuer.expect_issue().return_once(|_| Err(taskbridge_domain::ports::SigningError::NoKey("no key".into())));
    let answer = ports.answer(anns("GET", "/get-session")).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-auth-jwt")), (200, None));
}

/// If a session was last renewed a day ago, the next request that uses it renews it and sets its cookie again.
#[actix_web::test]
async fn a_session_in_use_is_renewed() {
    let due = || {
        let mut ports = ending(moment().after(LIFETIME.saturating_sub(SessionPolicy::DEFAULT.update_age)));
        ports
            .sessions
            .expect_extend()
            .withf(|_, end, now| *end == moment().after(LIFETIME) && *now == moment())
            .return_once(|_, _, _| Ok(true));
        ports
    };
    let answer = with_jwt(due()).answer(anns("GET", "/get-session")).await;
    assert_eq!(answer.json()["session"]["expiresAt"], moment().after(LIFETIME).to_string());
    let cookies = answer.all("set-cookie");
    assert!(cookies.len() == 1 && cookies[0].starts_with("better-auth.session_token=token-of-ann."), "{cookies:?}");
    assert!(cookies[0].contains("; Max-Age=604800;"), "{cookies:?}");
    assert!(answer.header("set-auth-token").unwrap().starts_with("token-of-ann."));
    assert_eq!(answer.header("access-control-expose-headers"), Some("set-auth-jwt, set-auth-token"));

    let token = with_jwt(due()).answer(anns("GET", "/token")).await;
    assert!(token.all("set-cookie").len() == 1 && token.header("set-auth-token").is_some());
    assert_eq!(token.header("access-control-expose-headers"), Some("set-auth-token"));

    // If the request ends the session, the cookie is not set again.
    let mut ports = due();
    ports.sessions.expect_delete_all().times(1).return_once(|_| Ok(()));
    let ended = ports.answer(anns("POST", "/revoke-sessions")).await;
    assert_eq!(ended.all("set-cookie"), CLEARED);
    assert_eq!(ended.header("set-auth-token"), None);
}

/// A session is not renewed if the user signed in with `rememberMe: false`, or if the request has the query parameter
/// `disableRefresh` with any value, even `false`.
#[actix_web::test]
async fn a_session_is_not_renewed_if_user_or_client_opted_out() {
    let due = || with_jwt(ending(moment().after(LIFETIME.saturating_sub(SessionPolicy::DEFAULT.update_age))));
    for path in ["/get-session?disableRefresh=true", "/get-session?a=b&disableRefresh=false", "/token?disableRefresh=0"]
    {
        let answer = due().answer(anns("GET", path)).await;
        assert!(answer.status == 200 && answer.all("set-cookie").is_empty(), "{path}");
    }
    let mut door = with_jwt(Ports::new());
    door.identity.expect_find_credential().return_once(|_| {
        let password = Some(taskbridge_domain::users::PasswordHash::new("hashed".into()));
        Ok(Some(taskbridge_domain::ports::Credential { user: user("ann"), password }))
    });
    door.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    door.sessions.expect_create().return_once(|_, _| Ok(true));
    let body = r#"{"email":"ann@example.test","password":"correct horse","rememberMe":false}"#;
    let request = anonymous("POST", "/api/auth/sign-in/email").insert_header(("content-type", "application/json"));
    let signed_in = door.answer(request.set_payload(body)).await;
    let wish = signed_in.all("set-cookie")[1].split(';').next().unwrap().to_owned();
    let answer = due().answer(anns("GET", "/get-session").insert_header(("cookie", wish))).await;
    assert!(answer.status == 200 && answer.all("set-cookie").is_empty());
}

/// Better Auth can cache the session in the cookie `session_data`. The response removes this cookie, because its
/// content may be outdated.
#[actix_web::test]
async fn a_cached_session_is_cleared() {
    let request = anns("GET", "/get-session").insert_header(("cookie", "better-auth.session_data=x"));
    let answer = with_jwt(alive()).answer(request).await;
    assert_eq!(answer.all("set-cookie"), [CLEARED[1]]);
}

#[actix_web::test]
async fn deferred_renewal_is_not_supported() {
    let answer = Ports::new().answer(anonymous("POST", "/api/auth/get-session")).await;
    assert_eq!(answer.verdict(), (405, "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED".into()));
    let crossing = anonymous("POST", "/api/auth/get-session").insert_header(("cookie", "a=b"));
    assert_eq!(Ports::new().answer(crossing).await.verdict(), (403, "MISSING_OR_NULL_ORIGIN".into()));
}

#[actix_web::test]
async fn sessions_are_listed() {
    let mut ports = alive();
    ports.sessions.expect_list().return_once(|_, _, _| Ok(vec![session("ann"), session("ann")]));
    let answer = ports.answer(anns("GET", "/list-sessions")).await;
    let list = answer.json();
    assert_eq!((answer.status.as_u16(), list.as_array().unwrap().len()), (200, 2));
    assert_eq!(list[1]["token"], "token-of-ann");

    let mut ports = Ports::new();
    let day = SessionPolicy::DEFAULT.fresh_age.as_secs().cast_signed();
    let created_at = Timestamp::from_unix_seconds(moment().unix_seconds() - day).unwrap();
    let row = Session { created_at, ..session("ann") };
    ports.sessions.expect_find().return_once(|_| Ok(Some((row, user("ann")))));
    let stale = ports.answer(anns("GET", "/list-sessions")).await;
    assert_eq!(stale.verdict(), (403, "SESSION_NOT_FRESH".into()));
}

#[actix_web::test]
async fn one_session_is_revoked() {
    for (token, cleared) in [("token-of-bob", &[][..]), ("token-of-ann", &CLEARED)] {
        let mut ports = alive();
        ports
            .sessions
            .expect_delete_owned()
            .withf(move |user, given: &SessionToken| user.as_str() == "ann" && given.expose() == token)
            .times(1)
            .return_once(|_, _| Ok(()));
        let answer = ports.answer(anns_post("/revoke-session", &format!(r#"{{"token":"{token}"}}"#))).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"status":true}"#));
        assert_eq!(answer.all("set-cookie"), cleared);
    }
}

#[actix_web::test]
async fn many_sessions_are_revoked() {
    let mut ports = alive();
    ports.sessions.expect_delete_all().withf(|user| user.as_str() == "ann").times(1).return_once(|_| Ok(()));
    let all = ports.answer(anns("POST", "/revoke-sessions")).await;
    assert_eq!((all.body.as_str(), all.all("set-cookie")), (r#"{"status":true}"#, CLEARED.to_vec()));

    let mut ports = alive();
    ports
        .sessions
        .expect_delete_others()
        .withf(|user, kept| user.as_str() == "ann" && kept.expose() == "token-of-ann")
        .times(1)
        .return_once(|_, _| Ok(()));
    let others = ports.answer(anns_post("/revoke-other-sessions", "{}")).await;
    assert_eq!((others.body.as_str(), others.all("set-cookie")), (r#"{"status":true}"#, vec![]));
}

/// As in Better Auth, the body is validated before the session is checked, so an invalid body is a 400 even without a
/// session.
#[actix_web::test]
async fn an_invalid_body_is_reported_before_the_session_is_checked() {
    for (path, body, code) in [
        ("/revoke-session", "{}", (400, "VALIDATION_ERROR")),
        ("/revoke-session", "[]", (400, "VALIDATION_ERROR")),
        ("/revoke-session", "{oops", (400, "BAD_REQUEST")),
        ("/revoke-sessions", "{oops", (400, "BAD_REQUEST")),
        ("/update-session", "[]", (400, "VALIDATION_ERROR")),
        ("/revoke-session", r#"{"token":"x"}"#, (401, "UNAUTHORIZED")),
        ("/revoke-sessions", "{}", (401, "UNAUTHORIZED")),
        ("/revoke-other-sessions", "{}", (401, "UNAUTHORIZED")),
        ("/update-session", "{}", (401, "UNAUTHORIZED")),
        ("/sign-out", "null", (400, "VALIDATION_ERROR")),
    ] {
        let request =
            anonymous("POST", &format!("/api/auth{path}")).insert_header(("content-type", "application/json"));
        let answer = Ports::new().answer(request.set_payload(body)).await;
        assert_eq!(answer.verdict(), (code.0, code.1.into()), "{path} {body}");
    }
    let answer = alive().answer(anns_post("/update-session", r#"{"token":"x","userId":"bob"}"#)).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, r#"{"message":"No fields to update"}"#));
}

/// Signing out without a session or with a forged cookie has the same response as signing out of a session, but deletes
/// no session.
#[actix_web::test]
async fn signing_out_ends_the_session_of_a_valid_signature_only() {
    let mut ports = Ports::new();
    ports.sessions.expect_delete().withf(|token| token.expose() == "token-of-ann").times(1).return_once(|_| Ok(()));
    let forged = anonymous("POST", "/api/auth/sign-out")
        .insert_header(("cookie", "better-auth.session_token=token-of-ann.AAAA"))
        .insert_header(("origin", "https://app.example.test"));
    for (ports, request) in [
        (ports, anns_post("/sign-out", "{}")),
        (Ports::new(), anonymous("POST", "/api/auth/sign-out")),
        (Ports::new(), forged),
    ] {
        let answer = ports.answer(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, r#"{"success":true}"#));
        assert_eq!(answer.all("set-cookie"), CLEARED);
    }
}

/// A link on any page can cause a GET request, so the operations below do not accept GET.
#[actix_web::test]
async fn a_get_changes_nothing() {
    for path in ["/sign-out", "/revoke-session", "/revoke-sessions", "/revoke-other-sessions", "/update-session"] {
        let answer = Ports::new().answer(anns("GET", path)).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""), "{path}");
    }
}

#[actix_web::test]
async fn ok_and_error_are_served() {
    assert_eq!(Ports::new().answer(anonymous("GET", "/api/auth/ok")).await.body, r#"{"ok":true}"#);
    for (query, shown) in [
        ("error=state_mismatch", "Code: state_mismatch<"),
        ("error=%3Cscript%3E", "Code: UNKNOWN<"),
        ("error=a%00b", "Code: UNKNOWN<"),
        ("", "Code: UNKNOWN<"),
    ] {
        let answer = Ports::new().answer(anonymous("GET", &format!("/api/auth/error?{query}"))).await;
        assert!(answer.status == 200 && answer.body.contains(shown), "{query}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    }
}
