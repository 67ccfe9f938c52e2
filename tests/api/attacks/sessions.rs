//! Requests from other sites, and caches.

use reqwest::Method;
use serde_json::json;
use support::user::PASSWORD;
use support::{Server, User};

use crate::site::auth::{Auth, url_encoded};

/// No answer may be cached, and reading never creates a session.
#[tokio::test]
async fn answers_are_kept_by_nobody_and_make_no_session() {
    let server = Server::start();
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    for (path, cookie) in [
        ("/get-session", ann.cookie.as_str()),
        ("/get-session", ""),
        ("/get-session", "better-auth.session_token=x.y"),
        ("/token", &ann.cookie),
        ("/token", ""),
        ("/list-sessions", &ann.cookie),
    ] {
        let answer = auth.get(path, cookie).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
        let given = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
        for line in given {
            assert!(line.contains("Max-Age=0"), "{path} {cookie}: {line}");
        }
    }
    assert_eq!(auth.sign_in(&ann.email).await.headers()["cache-control"], "no-store");
}

/// A request that changes something needs a trusted origin if it has a session cookie. The web crate tests every
/// combination of headers.
#[tokio::test]
async fn pages_of_other_sites_use_no_session() {
    let server = Server::start();
    let (ann, auth) = (User::sign_up(&server, "ann").await, Auth(&server));
    let (host, port) = server.origin.rsplit_once(':').unwrap();
    let revoke = || auth.request(Method::POST, "/revoke-sessions").header("cookie", &ann.cookie).json(&json!({}));
    for origin in [
        "null".to_owned(),
        "https://evil.example.test".into(),
        format!("{}.evil.example.test", server.origin),
        format!("{host}:{port}0"),
        format!("{host}:1"),
        format!("https://{}", server.origin.trim_start_matches("http://")),
        format!("{}@evil.example.test", server.origin),
        String::new(),
    ] {
        let answer = revoke().header("origin", &origin).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{origin}");
        let referred = revoke().header("referer", format!("{origin}/page")).send().await.unwrap();
        assert_eq!(referred.status(), 403, "{origin}");
    }
    assert_eq!(revoke().send().await.unwrap().status(), 403, "without Origin and Referer");
    let sign_in = json!({ "email": ann.email, "password": PASSWORD });
    let hostile =
        auth.request(Method::POST, "/sign-in/email").header("origin", "https://evil.example.test").json(&sign_in);
    assert_eq!(hostile.send().await.unwrap().status(), 403, "without a cookie");
    let form = auth
        .request(Method::POST, "/sign-in/email")
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("email={}&password={}", url_encoded(&ann.email), url_encoded(PASSWORD)));
    assert_eq!(form.send().await.unwrap().status(), 403, "an HTML form of another site");
    let plain =
        auth.request(Method::POST, "/sign-in/email").header("content-type", "text/plain").body(sign_in.to_string());
    assert_eq!(plain.send().await.unwrap().status(), 415, "a text/plain body");
    assert!(auth.is_alive(&ann.cookie).await);
    assert_eq!(revoke().header("origin", &server.origin).send().await.unwrap().status(), 200);
}
