//! Protection against cross-site request forgery.

use actix_web::test::TestRequest;
use taskbridge_domain::ports::Credential;
use taskbridge_domain::sessions::Jwt;
use taskbridge_domain::testing::fixtures::user;
use taskbridge_domain::users::PasswordHash;

use crate::support::{Answer, Ports, anonymous};

const OURS: (&str, &str) = ("origin", "https://app.example.test");
const THEIRS: (&str, &str) = ("origin", "https://evil.example");

/// Returns mocked ports with which ann can sign in, unless the origin of the request is rejected first.
fn door() -> Ports {
    let mut ports = Ports::new();
    ports
        .identity
        .expect_find_credential()
        .returning(|_| Ok(Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) })));
    ports.hasher.expect_verify().returning(|_, _, _| Ok(true));
    ports.sessions.expect_create().returning(|_, _| Ok(true));
    ports.issuer.expect_issue().returning(|_| Ok(Jwt::new("jwt".into())));
    ports
}

fn sign_in(headers: &[(&str, &str)], more: &str) -> TestRequest {
    let body = format!(r#"{{"email":"ann@example.test","password":"correct horse"{more}}}"#);
    let request = anonymous("POST", "/api/auth/sign-in/email").insert_header(("content-type", "application/json"));
    headers.iter().fold(request.set_payload(body), |request, header| request.insert_header(*header))
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.verdict(), (403, code.into()), "{}", answer.body);
    assert!(answer.all("set-cookie").is_empty());
}

/// The headers of a request, and the expected error code, or `None` if the request must be accepted.
type Case = (&'static [(&'static str, &'static str)], Option<&'static str>);

#[actix_web::test]
async fn pages_of_untrusted_origins_cannot_sign_in() {
    let (missing, invalid) = ("MISSING_OR_NULL_ORIGIN", "INVALID_ORIGIN");
    let cases: [Case; 20] = [
        (&[], None),
        (&[OURS], None),
        (&[THEIRS], Some(invalid)),
        (&[("origin", "null")], Some(missing)),
        (&[("origin", "https://app.example.test.evil.example")], Some(invalid)),
        (&[("origin", "http://app.example.test")], Some(invalid)),
        (&[("origin", "https://app.example.test:8443")], Some(invalid)),
        (&[("referer", "https://evil.example/x")], Some(invalid)),
        (&[("referer", "https://app.example.test/login")], None),
        (&[THEIRS, ("referer", "https://app.example.test/login")], Some(invalid)),
        (&[("sec-fetch-mode", "cors")], None),
        (&[("sec-fetch-dest", "empty")], Some(missing)),
        (&[("sec-fetch-mode", "cors"), OURS], None),
        (
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
            Some("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED"),
        ),
        (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors"), OURS], None),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], None),
        (&[("cookie", "a=b")], Some(missing)),
        (&[("cookie", "a=b"), THEIRS], Some(invalid)),
        (&[("cookie", "a=b"), ("origin", "null")], Some(missing)),
        (&[("cookie", "a=b"), OURS], None),
    ];
    for (headers, code) in cases {
        let answer = door().answer(sign_in(headers, "")).await;
        match code {
            None => assert_eq!(answer.status, 200, "{headers:?}: {}", answer.body),
            Some(code) => refused(&answer, code),
        }
    }
}

/// A request with a cookie is rejected unless its origin is trusted. A request with a bearer token is accepted from any
/// origin, because a browser never attaches such a token by itself.
#[actix_web::test]
async fn pages_of_untrusted_origins_cannot_change_anything() {
    for path in ["/sign-out", "/revoke-session", "/revoke-sessions", "/revoke-other-sessions", "/update-session"] {
        for (headers, code) in [
            (&[("cookie", "better-auth.session_token=x")][..], "MISSING_OR_NULL_ORIGIN"),
            (&[("cookie", "better-auth.session_token=x"), THEIRS], "INVALID_ORIGIN"),
        ] {
            let request = anonymous("POST", &format!("/api/auth{path}"));
            let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
            refused(&Ports::new().answer(request).await, code);
        }
    }
    let mut ports = Ports::new();
    ports.sessions.expect_delete().return_once(|_| Ok(()));
    let bearer = anonymous("POST", "/api/auth/sign-out").insert_header(("authorization", "Bearer token-of-ann"));
    assert_eq!(ports.answer(bearer.insert_header(THEIRS)).await.status, 200);
}

/// The origin of a GET request is not checked, because the request changes nothing, and CORS determines which pages can
/// read the response.
#[actix_web::test]
async fn a_get_needs_no_origin() {
    let request = anonymous("GET", "/api/auth/get-session").insert_header(("cookie", "a=b")).insert_header(THEIRS);
    assert_eq!(Ports::new().answer(request).await.status, 200);
}

#[actix_web::test]
async fn untrusted_callback_urls_are_rejected() {
    for url in [
        "https://evil.example/",
        "//evil.example",
        "/\\\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "https://app.example.test@evil.example",
        "/%2f/evil.example",
        "/%5cevil.example",
        "/a\\u0000b",
        "evil",
    ] {
        let answer = door().answer(sign_in(&[OURS], &format!(r#","callbackURL":"{url}""#))).await;
        refused(&answer, "INVALID_CALLBACK_URL");
        assert_eq!(answer.header("location"), None);
    }
    for (field, code) in [
        ("redirectTo", "INVALID_REDIRECT_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
    ] {
        let answer = door().answer(sign_in(&[OURS], &format!(r#","{field}":"https://evil.example""#))).await;
        refused(&answer, code);
    }
    let mut in_query = sign_in(&[OURS], "");
    in_query = in_query.uri("/api/auth/sign-in/email?callbackURL=https%3A%2F%2Fevil.example");
    refused(&door().answer(in_query).await, "INVALID_CALLBACK_URL");
    for value in ["5", "true", "[]", "{}"] {
        let answer = door().answer(sign_in(&[OURS], &format!(r#","callbackURL":{value}"#))).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body, r#"{"message":"Invalid callbackURL: expected a string"}"#);
    }
}

#[actix_web::test]
async fn trusted_callback_urls_are_returned() {
    for url in ["/dash?x=%2f#y", "https://app.example.test/dash"] {
        let answer = door().answer(sign_in(&[OURS], &format!(r#","callbackURL":"{url}""#))).await;
        let json = answer.json();
        assert_eq!((answer.status.as_u16(), &json["redirect"], &json["url"]), (200, &true.into(), &url.into()));
        assert_eq!(answer.header("location"), Some(url));
    }
    let nowhere = door().answer(sign_in(&[OURS], r#","callbackURL":"""#)).await;
    assert_eq!((nowhere.json()["redirect"].as_bool(), nowhere.header("location")), (Some(false), None));
}

/// A browser sends a form from any page without a CORS preflight, so a form is accepted only if its origin is trusted.
/// Other media types that need no preflight are rejected.
#[actix_web::test]
async fn forms_are_accepted_from_trusted_origins_only() {
    let form = |headers: &[(&str, &str)], media_type: &str| {
        let request =
            anonymous("POST", "/api/auth/sign-in/email").insert_header(("content-type", media_type.to_owned()));
        let request = request.set_payload("email=ann%40example.test&password=correct+horse");
        headers.iter().fold(request, |request, header| request.insert_header(*header))
    };
    let encoded = "application/x-www-form-urlencoded";
    assert_eq!(door().answer(form(&[OURS], encoded)).await.status, 200);
    refused(&door().answer(form(&[THEIRS], encoded)).await, "INVALID_ORIGIN");
    for media_type in ["text/plain", "multipart/form-data; boundary=x"] {
        let answer = door().answer(form(&[THEIRS], media_type)).await;
        assert_eq!(answer.verdict(), (415, "UNSUPPORTED_MEDIA_TYPE".into()));
    }
    // All values of a form are strings, so `rememberMe=false` is rejected: it is not a boolean.
    let request =
        form(&[OURS], encoded).set_payload("email=ann%40example.test&password=correct+horse&rememberMe=false");
    assert_eq!(door().answer(request).await.verdict(), (400, "VALIDATION_ERROR".into()));
}
