//! What is logged, and what never is. (Q7, C270, C272)

use reqwest::Method;
use serde_json::{Value, json};
use support::postgres::DATABASE_PASSWORD;
use support::server::SECRET;
use support::user::PASSWORD;
use support::{Server, User};

/// A run with everything in it that must not be logged, at the level at which everything is.
#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let mut server = Server::start_with(&[("RUST_LOG", "trace")]);
    let ann = User::sign_up(&server, "ann").await;
    let wrong = "wrong password 1234";
    for password in [PASSWORD, wrong] {
        let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email");
        sign_in.json(&json!({ "email": ann.email, "password": password })).send().await.unwrap();
    }
    let duplicate = ann.anonymous(Method::POST, "/api/auth/sign-up/email");
    duplicate.json(&json!({ "name": "ann", "email": ann.email, "password": PASSWORD })).send().await.unwrap();
    ann.anonymous(Method::GET, "/api/auth/token").header("cookie", &ann.cookie).send().await.unwrap();
    ann.anonymous(Method::GET, "/api/auth/token").bearer_auth(&ann.session).send().await.unwrap();
    ann.add(json!({ "title": "a private title", "description": "a private description" })).await;
    ann.list().await;
    ann.anonymous(Method::GET, &ann.tasks("")).bearer_auth(format!("{}x", ann.token)).send().await.unwrap();
    ann.get(&format!("/api/somebody/tasks?token={}", ann.token)).await;
    server.terminate();
    server.wait();

    let log = server.log.lock().unwrap().join("\n");
    assert!(log.contains("/api/{user_id}/tasks") && log.contains("TRACE"), "this is not the whole log");
    let cookie = ann.cookie.split_once('=').unwrap().1;
    let signature = ann.token.rsplit_once('.').unwrap().1;
    let secrets = [
        SECRET,
        PASSWORD,
        wrong,
        &ann.token,
        signature,
        &ann.session,
        cookie,
        &ann.email,
        "$2b$",
        "a private title",
        "a private description",
        DATABASE_PASSWORD,
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "logged {secret}");
    }
}

/// One line for each request: what it was, how it ended, whose it was, and for an error why.
#[tokio::test]
async fn each_request_is_one_line() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    ann.get(&ann.tasks("/7")).await;
    ann.anonymous(Method::GET, &ann.tasks("")).bearer_auth("forged").send().await.unwrap();
    server.terminate();
    server.wait();

    let log = server.log.lock().unwrap();
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone());
    let requests: Vec<_> = lines.filter(|fields| fields["message"] == "request").collect();
    let [sign_up, absent, refused] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!((&sign_up["method"], &sign_up["status"]), (&json!("POST"), &json!(200)));
    assert_eq!(sign_up["route"], "/api/auth/sign-up/email");
    assert_eq!((&absent["route"], &absent["status"]), (&json!("/api/{user_id}/tasks/{task_id}"), &json!(404)));
    assert_eq!(absent["user_id"], json!(ann.id));
    assert!(absent["microseconds"].is_u64());
    assert_eq!(refused["status"], 401);
    assert!(refused["cause"].as_str().unwrap().contains("three segments"));
    assert!(refused.get("user_id").is_none());
}
