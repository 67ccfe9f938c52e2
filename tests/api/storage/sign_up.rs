//! Sign-up: one account per email address.

use reqwest::Method;
use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Server, User};

use crate::site::auth::{signed, url_encoded};
use crate::site::{OneUser, SIGN_IN, SIGN_UP, in_parallel, is_id, is_moment, post, status};

/// Formats a `Set-Cookie` header as Better Auth does.
fn cookie(name: &str, value: &str, max_age: &str) -> String {
    format!("better-auth.{name}={};{max_age} Path=/; HttpOnly; SameSite=Lax", url_encoded(&signed(value)))
}

/// Sign-up and sign-in return the body, headers and cookies of Better Auth, and ignore fields that a client must not
/// set.
#[tokio::test]
async fn signing_up_and_in_answers_as_better_auth_does() {
    let site = OneUser::open().await;
    let forged = json!({
        "name": "E", "email": "e@example.test", "password": PASSWORD, "image": "https://cdn.example.test/e.png",
        "emailVerified": true, "id": "forged", "userId": site.ann.id, "role": "admin", "banned": true,
        "createdAt": "2001-01-01T00:00:00.000Z", "updatedAt": "2001-01-01T00:00:00.000Z", "twoFactorEnabled": true,
    });
    let person = |email: &str, remember: Option<bool>| match remember {
        None => json!({ "name": "Ann", "email": email, "password": PASSWORD }),
        Some(remember) => json!({ "name": "Ann", "email": email, "password": PASSWORD, "rememberMe": remember }),
    };
    for (path, body, email, image, remembered) in [
        (SIGN_UP, person("First@Example.TEST", None), "first@example.test", json!(null), true),
        (SIGN_UP, person("second@example.test", Some(true)), "second@example.test", json!(null), true),
        (SIGN_UP, person("third@example.test", Some(false)), "third@example.test", json!(null), false),
        (SIGN_UP, forged, "e@example.test", json!("https://cdn.example.test/e.png"), true),
        (SIGN_IN, person("FIRST@example.test", None), "first@example.test", json!(null), true),
        (SIGN_IN, person("first@example.test", Some(true)), "first@example.test", json!(null), true),
        (SIGN_IN, person("first@example.test", Some(false)), "first@example.test", json!(null), false),
        (SIGN_IN, person("third@example.test", None), "third@example.test", json!(null), true),
    ] {
        let name = format!("{path} {body}");
        let response = site.post(path, &body).await;
        assert_eq!(response.status(), 200, "{name}");
        let headers = response.headers().clone();
        let header = |name: &str| headers[name].to_str().unwrap();
        let answer: Value = response.json().await.unwrap();
        let token = answer["token"].as_str().unwrap();
        assert!(is_id(&answer["token"]) && is_id(&answer["user"]["id"]), "{name}: {answer}");
        assert!(is_moment(&answer["user"]["createdAt"]), "{name}: {answer}");
        assert!(!answer.to_string().contains("2001"), "{name}: {answer}");
        let user = json!({
            "name": body["name"], "email": email, "emailVerified": false, "image": image,
            "createdAt": answer["user"]["createdAt"], "updatedAt": answer["user"]["createdAt"],
            "id": answer["user"]["id"],
        });
        let expected = match path {
            SIGN_UP => json!({ "token": token, "user": user }),
            _ => json!({ "redirect": false, "token": token, "user": user }),
        };
        assert_eq!(answer, expected, "{name}");
        assert_ne!(answer["user"]["id"], json!(site.ann.id), "{name}");

        assert_eq!(header("content-type"), "application/json", "{name}");
        assert_eq!(header("set-auth-token"), signed(token), "{name}");
        assert_eq!(header("set-auth-jwt").split('.').count(), 3, "{name}");
        assert!(header("access-control-expose-headers").split(", ").any(|name| name == "set-auth-token"), "{name}");
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
        let mut expected = vec![cookie("session_token", token, if remembered { " Max-Age=604800;" } else { "" })];
        if !remembered {
            expected.push(cookie("dont_remember", "true", ""));
        }
        assert_eq!(cookies, expected, "{name}");
    }
}

/// Of ten concurrent sign-ups with one address, in different cases, one succeeds.
#[tokio::test]
async fn of_parallel_sign_ups_with_one_address_one_succeeds() {
    let site = OneUser::open().await;
    let spellings = ["same@example.test", "SAME@example.test", "Same@Example.Test"];
    let sign_up = |number: usize| {
        let body = json!({ "name": number.to_string(), "email": spellings[number % 3], "password": PASSWORD });
        site.ann.anonymous(Method::POST, SIGN_UP).json(&body)
    };
    let mut statuses = in_parallel(10, sign_up).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[422; 9]].concat());
    let sign_in = site.post(SIGN_IN, &json!({ "email": "same@example.test", "password": PASSWORD })).await;
    assert_eq!(sign_in.status(), 200);
}

/// A similar address, or the id of an account in the body, does not take the account over.
#[tokio::test]
async fn a_sign_up_never_touches_an_account_that_is_there() {
    let site = OneUser::open().await;
    let list = json!([site.ann.add(json!({ "title": "mine" })).await]);
    for (email, status) in [
        ("ann@example.test", 422),
        ("ANN@EXAMPLE.TEST", 422),
        ("a\u{301}nn@example.test", 400),
        ("\u{0430}nn@example.test", 400),
        ("\u{ff41}nn@example.test", 400),
        ("ann@example.test ", 400),
        ("ann@example.test.", 400),
        ("ann+@example.test", 200),
        ("ann@example.tests", 200),
    ] {
        let body = json!({ "name": "Mallory", "email": email, "password": "another password", "id": site.ann.id });
        let response = site.post(SIGN_UP, &body).await;
        assert_eq!(response.status().as_u16(), status, "{email}");
        let answer: Value = response.json().await.unwrap();
        assert_ne!(answer["user"]["id"], json!(site.ann.id), "{email}");
        let stolen = json!({ "email": site.ann.email, "password": "another password" });
        assert_eq!(site.post(SIGN_IN, &stolen).await.status(), 401, "{email}");
    }
    let signed_in = site.post(SIGN_IN, &json!({ "email": site.ann.email, "password": PASSWORD })).await;
    let answer: Value = signed_in.json().await.unwrap();
    assert_eq!((&answer["user"]["id"], &answer["user"]["name"]), (&json!(site.ann.id), &json!("ann")));
    assert_eq!(site.ann.list().await, list);
}

/// Punycode is not decoded: `xn--` addresses are different addresses.
#[tokio::test]
async fn punycode_is_not_decoded() {
    let server = Server::start();
    for email in ["ann@xn--exmple-cua.test", "ann@xn--example-.test", "ann@example.xn--test-", "ann@example.test"] {
        let body = json!({ "name": "x", "email": email, "password": format!("the password of {email}") });
        let answer = post(&server, SIGN_UP, &body).await;
        if answer.status() == 200 {
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["user"]["email"], email);
        } else {
            assert_eq!(answer.status(), 400, "{email}");
        }
    }
    let own = json!({ "email": "ann@example.test", "password": "the password of ann@example.test" });
    assert_eq!(status(&server, SIGN_IN, &own).await, 200);
}

/// Sign-up reveals that an address is taken, as Better Auth does, but no answer contains a password or hash.
#[tokio::test]
async fn an_address_that_is_taken_is_told_and_nothing_else() {
    let server = Server::start();
    User::sign_up(&server, "ann").await;
    for password in [PASSWORD, "another password"] {
        let body = json!({ "name": "x", "email": "ann@example.test", "password": password });
        let answer = post(&server, SIGN_UP, &body).await;
        assert_eq!(answer.status(), 422);
        assert!(answer.headers().get("set-cookie").is_none());
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["code"], "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    }
    for (path, password) in [(SIGN_UP, "short"), (SIGN_UP, PASSWORD), (SIGN_IN, PASSWORD), (SIGN_IN, "wrong password")]
    {
        let body = json!({ "name": "x", "email": "bob@example.test", "password": password });
        let answer = post(&server, path, &body).await;
        let headers = format!("{:?}", answer.headers());
        let text = headers + &answer.text().await.unwrap();
        for secret in [password, "$2b$", "providerId", "accountId"] {
            assert!(!text.contains(secret) || secret == "short", "{path}: {text}");
        }
    }
}
