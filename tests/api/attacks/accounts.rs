//! Sign-up and sign-in with hostile addresses and passwords.

use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Server, User};

use crate::site::auth::Auth;
use crate::site::{SIGN_IN, SIGN_UP, post, status};

/// An invalid email address is rejected, and so is one that only looks like the address of another user.
#[tokio::test]
async fn what_is_no_address_signs_nobody_up() {
    let server = Server::start();
    User::sign_up(&server, "ann").await;
    let long = format!("{}@example.test", "a".repeat(400));
    for email in [
        "",
        "@",
        "ann",
        "ann@",
        "@example.test",
        "ann@@example.test",
        "ann@example@test",
        "ann @example.test",
        " ann@example.test",
        "ann@example.test ",
        "\"ann\"@example.test",
        "'ann'@ex",
        "ann@example",
        "ann@.test",
        "ann\r\nBcc: x@example.test",
        "ann@example.test\n",
        "ann\0@example.test",
        "ann@exam\tple.test",
        "<ann@example.test>",
        "ann@example..test",
        ".ann@example.test",
        "ann.@example.test",
        "a..nn@example.test",
        "ann@[127.0.0.1]",
        &long,
    ] {
        let body = json!({ "name": "x", "email": email, "password": PASSWORD });
        let answer = post(&server, SIGN_UP, &body).await;
        assert_eq!(answer.status(), 400, "{email:?}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["code"], "VALIDATION_ERROR", "{email:?}");
    }
    for email in
        [json!(1), json!(true), json!(null), json!(["ann@example.test"]), json!({ "address": "ann@example.test" })]
    {
        let body = json!({ "name": "x", "email": email, "password": PASSWORD });
        assert_eq!(status(&server, SIGN_UP, &body).await, 400, "{email}");
    }
    assert_eq!(status(&server, SIGN_UP, &json!({ "name": "x", "password": PASSWORD })).await, 400);
}

/// A password that the hash function would truncate is rejected; one of the maximum length counts to its last byte.
#[tokio::test]
async fn a_password_that_would_be_cut_off_is_refused() {
    for (write, longest, too_long) in [("bcrypt", 72, 73), ("scrypt", 128, 129)] {
        let server = Server::start_with(&[("TASKBRIDGE__PASSWORDS__WRITE", write)]);
        let person = |length: usize| json!({ "name": "x", "email": format!("p{length}@example.test"), "password": "x".repeat(length) });
        assert_eq!(status(&server, SIGN_UP, &person(longest)).await, 200, "{write}");
        let refused: Value = post(&server, SIGN_UP, &person(too_long)).await.json().await.unwrap();
        assert_eq!(refused["code"], "PASSWORD_TOO_LONG", "{write}");
        let email = format!("p{longest}@example.test");
        let with_another_end = json!({ "email": email, "password": format!("{}y", "x".repeat(longest - 1)) });
        assert_eq!(status(&server, SIGN_IN, &with_another_end).await, 401, "{write}");
        for nul in ["\0\0\0\0\0\0\0\0", "password\0"] {
            let body = json!({ "name": "x", "email": "nul@example.test", "password": nul });
            let refused: Value = post(&server, SIGN_UP, &body).await.json().await.unwrap();
            assert_eq!(refused["code"], "VALIDATION_ERROR", "{write} {nul:?}");
        }
    }
}

/// An invalid hash in the database is answered like a wrong password.
#[tokio::test]
async fn a_stored_hash_that_is_none_is_a_wrong_password() {
    let server = Server::start_with(&[("DATABASE_URL", "sqlite://./tasks.db")]);
    User::sign_up(&server, "ann").await;
    let sign_in = json!({ "email": "ann@example.test", "password": PASSWORD });
    let wrong = post(&server, SIGN_IN, &json!({ "email": "ann@example.test", "password": "wrong password" })).await;
    let expected = wrong.text().await.unwrap();
    let sixty = "é".repeat(30);
    let bcrypt = format!("$2b$10${}", "é".repeat(26) + "x");
    let deep = format!("$2b$31${}", "a".repeat(53));
    for stored in
        ["", "x", PASSWORD, &sixty, &bcrypt, "$2b$99$", "$2b$10$", &deep[..30], "a:b", ":", "$argon2id$v=19$m=1$a$b"]
    {
        store_hash(&server, stored);
        let answer = post(&server, SIGN_IN, &sign_in).await;
        assert_eq!(answer.status(), 401, "{stored:?}");
        assert_eq!(answer.text().await.unwrap(), expected, "{stored:?}");
    }
    assert_eq!(Client::new().get(server.url("/health/ready")).send().await.unwrap().status(), 200);
}

/// Stores `stored` as the hash of every account.
fn store_hash(server: &Server, stored: &str) {
    const STORE: &str = "import sqlite3, sys; db = sqlite3.connect('tasks.db', timeout=30); \
                         db.execute('update account set password = ?', (sys.argv[1],)); db.commit()";
    let done = Command::new("python3").args(["-c", STORE, stored]).current_dir(server.folder()).status().unwrap();
    assert!(done.success());
}

/// Length is the only rule for a password, as in Better Auth; common passwords are accepted.
#[tokio::test]
async fn length_is_the_one_rule_for_a_password() {
    let server = Server::start();
    for (number, (password, expected)) in
        [("1234567", 400), ("12345678", 200), ("password", 200), ("aaaaaaaa", 200), ("        ", 200)]
            .iter()
            .enumerate()
    {
        let body = json!({ "name": "x", "email": format!("x{number}@example.test"), "password": password });
        assert_eq!(status(&server, SIGN_UP, &body).await, *expected, "{password:?}");
    }
}

/// A stolen session does not allow unlimited guesses of the password.
#[tokio::test]
async fn a_session_is_no_way_to_guess_a_password() {
    let server = Server::start_with(&[("RATE_LIMIT", "on"), ("TRUSTED_PROXIES", "127.0.0.1")]);
    let ann = User::sign_up(&server, "ann").await;
    // From a different address each time.
    let from = async |number: usize, path: &str, body: &Value| {
        let request = Client::new().post(server.url(&format!("/api/auth{path}"))).header("cookie", &ann.cookie);
        let request = request.header("x-forwarded-for", format!("192.0.2.{number}")).header("origin", &server.origin);
        request.json(body).send().await.unwrap().status().as_u16()
    };
    for number in 0..100 {
        assert_eq!(from(number, "/verify-password", &json!({ "password": "wrong password" })).await, 400, "{number}");
    }
    for (path, body) in [
        ("/verify-password", json!({ "password": PASSWORD })),
        ("/change-password", json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" })),
    ] {
        assert_eq!(from(200, path, &body).await, 429, "{path}");
    }
    assert_eq!(Auth(&server).sign_in(&ann.email).await.status(), 200, "signing in is still possible");
    let log = server.log.text();
    assert!(log.contains("password refused: too many wrong ones") && log.contains(&ann.id), "{log}");
    // From one address, the limit of sign-in applies.
    let server = Server::start_with(&[("RATE_LIMIT", "on")]);
    let ann = User::sign_up(&server, "ann").await;
    let change = json!({ "currentPassword": "wrong password", "newPassword": "another horse battery" });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = Auth(&server).post("/change-password", &ann.cookie, &change).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [400, 400, 400, 429]);
}
