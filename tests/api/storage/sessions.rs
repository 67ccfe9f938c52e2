//! Sessions: creation, lookup, expiry and revocation.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Server, User};

use crate::site::auth::{Auth, COOKIE, cookie_of, signed, signed_cookie};

/// Each sign-in creates a session with a new token and ignores the cookie of the request (session fixation).
#[tokio::test]
async fn a_session_cannot_be_chosen() {
    let server = Server::start();
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    let chosen = signed_cookie("chosenByTheAttacker0123456789012");
    let body = json!({ "email": ann.email, "password": PASSWORD });
    for planted in [chosen.clone(), ann.cookie.clone(), format!("{COOKIE}=x"), format!("{chosen}; {}", ann.cookie)] {
        let answer = auth.post("/sign-in/email", &planted, &body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{planted}");
        let given = cookie_of(&answer);
        assert!(!planted.contains(&given), "{planted}");
        assert!(auth.is_alive(&given).await);
    }
    assert!(!auth.is_alive(&chosen).await);
    assert!(auth.is_alive(&ann.cookie).await, "an earlier session goes on");
}

/// A correctly signed cookie with an unknown token has no session.
#[tokio::test]
async fn what_is_signed_and_names_no_session_is_none() {
    let server = Server::start();
    let (ann, bob, auth) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await, Auth(&server));
    let long = "x".repeat(4096);
    let own = server.folder().to_str().unwrap().to_owned();
    for token in ["", "unknown", "' or 1=1 --", "%", "_%", "a\0b", &long, &ann.token, &ann.id, &own, "null", "{}"] {
        let cookie = signed_cookie(token);
        let answer = auth.get("/get-session", &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{token:?}");
        assert_eq!(answer.text().await.unwrap(), "null", "{token:?}");
        assert_eq!(auth.get("/token", &cookie).send().await.unwrap().status(), 401, "{token:?}");
    }
    // Access tokens and session tokens are not interchangeable.
    for bearer in [&ann.token, &bob.token] {
        let token = auth.request(Method::GET, "/token").bearer_auth(bearer).send().await.unwrap();
        assert_eq!(token.status(), 401);
    }
    let tasks = Client::new().get(server.url(&ann.tasks(""))).bearer_auth(&ann.session).send().await.unwrap();
    assert_eq!(tasks.status(), 401);
}

/// If unsigned bearer tokens are switched off, the contents of the `session` table are useless without the secret.
#[tokio::test]
async fn a_bare_token_is_refused_where_that_is_switched_off() {
    let server = Server::start_with(&[("TASKBRIDGE__SESSION__ACCEPT_UNSIGNED_BEARER", "off")]);
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    let signed = signed(&ann.session);
    for (bearer, expected) in [(&ann.session, 401), (&signed, 200)] {
        let token = auth.request(Method::GET, "/token").bearer_auth(bearer).send().await.unwrap();
        assert_eq!(token.status(), expected);
        let session: Value =
            auth.request(Method::GET, "/get-session").bearer_auth(bearer).send().await.unwrap().json().await.unwrap();
        assert_eq!(session.is_null(), expected == 401);
        let other = auth.request(Method::POST, "/sign-out").bearer_auth(&ann.session).send().await.unwrap();
        assert_eq!(other.status(), 200);
    }
    // By default they are accepted, as in Better Auth.
    let server = server.again_with(&[("TASKBRIDGE__SESSION__ACCEPT_UNSIGNED_BEARER", "on")]);
    let bob = User::sign_up(&server, "bob").await;
    let token = Auth(&server).request(Method::GET, "/token").bearer_auth(&bob.session).send().await.unwrap();
    assert_eq!(token.status(), 200);
}

/// After a change of the cookie domain, a browser sends the cookie of the old domain first.
#[tokio::test]
async fn every_cookie_of_the_name_is_tried_and_the_one_of_the_host_alone_goes() {
    const URL: [(&str, &str); 2] = [("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")];
    let before = Server::start_with(&URL);
    let (ann, bob) = (User::sign_up(&before, "ann").await, User::sign_up(&before, "bob").await);
    let server = before.again_with(&[("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "example.test")]);
    let auth = Auth(&server);
    let lines = |answer: &Response| -> Vec<String> {
        answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    };
    let of_host = format!("{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");

    let signed_in = auth.sign_in(&ann.email).await;
    let set = lines(&signed_in);
    assert!(set[0] == of_host && set[1].contains("; Domain=example.test; "), "{set:#?}");
    let new = set[1].split(';').next().unwrap();
    // The older session has ended, is unknown, is forged, or belongs to another user.
    auth.post("/sign-out", &ann.cookie, &json!({})).send().await.unwrap();
    for older in [ann.cookie.clone(), bob.cookie.clone(), signed_cookie("unknown"), format!("{COOKIE}=forged")] {
        let session = auth.session(&format!("{older}; {new}")).await;
        assert_eq!(session["user"]["id"], ann.id.as_str(), "{older}");
        assert!(auth.is_alive(&format!("{older}; {new}")).await);
    }
    let over = auth.get("/get-session", &format!("{}; {}", ann.cookie, signed_cookie("unknown"))).send().await.unwrap();
    let cleared = lines(&over);
    assert!(cleared[0] == of_host && cleared[1].starts_with(&format!("{COOKIE}=; Max-Age=0; Domain=")), "{cleared:#?}");
    // Signing out ends the sessions of all cookies; otherwise the other one would still be signed in.
    let out = auth.post("/sign-out", &format!("{}; {new}", bob.cookie), &json!({})).send().await.unwrap();
    assert_eq!(out.status(), 200);
    assert!(!auth.is_alive(&bob.cookie).await && !auth.is_alive(new).await);
}

/// After signing out, the session is invalid for cookies and bearer tokens, and signing out again succeeds.
#[tokio::test]
async fn a_sign_out_is_final() {
    let server = Server::start();
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    let answer = auth.post("/sign-out", &ann.cookie, &json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cleared: Vec<_> = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(cleared.iter().any(|line| line.starts_with(&format!("{COOKIE}=; Max-Age=0"))), "{cleared:?}");
    assert!(!auth.is_alive(&ann.cookie).await);
    for bearer in [ann.session.clone(), ann.cookie.split_once('=').unwrap().1.to_owned()] {
        let token = auth.request(Method::GET, "/token").bearer_auth(bearer).send().await.unwrap();
        assert_eq!(token.status(), 401);
    }
    let again = auth.sign_in(&ann.email).await;
    let cookie = cookie_of(&again);
    let many: Vec<_> = (0..10).map(|_| tokio::spawn(auth.post("/sign-out", &cookie, &json!({})).send())).collect();
    for answer in many {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    for cookie in ["", &cookie, "x=y", &signed_cookie("unknown")] {
        assert_eq!(auth.post("/sign-out", cookie, &json!({})).send().await.unwrap().status(), 200, "{cookie}");
    }
}

/// Users see and revoke their own sessions only, with immediate effect.
#[tokio::test]
async fn sessions_are_their_users_alone() {
    let server = Server::start();
    let (ann, bob, auth) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await, Auth(&server));
    let other = cookie_of(&auth.sign_in(&ann.email).await);
    let listed = async |cookie: &str| -> Vec<Value> {
        auth.get("/list-sessions", cookie).send().await.unwrap().json().await.unwrap()
    };
    let anns = listed(&ann.cookie).await;
    assert_eq!(anns.len(), 2);
    assert!(anns.iter().all(|session| session["userId"] == json!(ann.id)));
    assert_eq!(listed(&bob.cookie).await.len(), 1);
    assert_eq!(auth.request(Method::GET, "/list-sessions").send().await.unwrap().status(), 401);

    // Bob knows Ann's session token, but cannot revoke her session.
    let theft = auth.post("/revoke-session", &bob.cookie, &json!({ "token": ann.session })).send().await.unwrap();
    assert_eq!(theft.status(), 200);
    assert!(auth.is_alive(&ann.cookie).await);
    assert_eq!(auth.post("/revoke-other-sessions", &bob.cookie, &json!({})).send().await.unwrap().status(), 200);
    assert!(auth.is_alive(&other).await);

    assert_eq!(auth.post("/revoke-other-sessions", &ann.cookie, &json!({})).send().await.unwrap().status(), 200);
    assert!(auth.is_alive(&ann.cookie).await && !auth.is_alive(&other).await);
    let third = cookie_of(&auth.sign_in(&ann.email).await);
    assert_eq!(auth.post("/revoke-sessions", &ann.cookie, &json!({})).send().await.unwrap().status(), 200);
    assert!(!auth.is_alive(&ann.cookie).await && !auth.is_alive(&third).await);
    assert!(auth.is_alive(&bob.cookie).await);
}

/// An expired session is deleted when it is used.
#[tokio::test]
async fn a_session_that_is_over_is_none() {
    let server = Server::start_with(&[("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "1")]);
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while auth.get("/get-session?disableRefresh=true", &ann.cookie).send().await.unwrap().text().await.unwrap()
        != "null"
    {
        assert!(std::time::Instant::now() < end);
    }
    // A server with a longer session lifetime does not find it either.
    let longer = server.again_with(&[("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "604800")]);
    assert!(!Auth(&longer).is_alive(&ann.cookie).await);
}

/// Expired sessions are deleted in the background, even if they are never used again.
#[tokio::test]
async fn what_is_over_is_removed() {
    let over = [("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "1"), ("TASKBRIDGE__SESSION__PURGE_SECONDS", "1")];
    let server =
        Server::start_with(&[&over[..], &[("TASKBRIDGE__LOG__FORMAT", "json"), ("RUST_LOG", "debug")]].concat());
    User::sign_up(&server, "ann").await;
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let removed = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["fields"]["message"] == "deleted expired sessions" && line["fields"]["sessions"] == 1
    };
    while !server.log.lines().iter().any(removed) {
        assert!(std::time::Instant::now() < patience);
        tokio::task::yield_now().await;
    }
}
