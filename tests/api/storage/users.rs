//! Users change and delete their own accounts.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Server, User};

const DELETION: (&str, &str) = ("TASKBRIDGE__AUTH__DELETE_USER", "on");

const OTHER_PASSWORD: &str = "another horse battery";

/// Sends a request below `/api/auth` with a session cookie.
async fn ask(server: &Server, method: Method, path: &str, cookie: &str, body: &Value) -> Response {
    let request = Client::new().request(method, server.url(&format!("/api/auth{path}")));
    request.header("cookie", cookie).header("origin", &server.origin).json(body).send().await.unwrap()
}

async fn post(server: &Server, path: &str, cookie: &str, body: &Value) -> (u16, Value) {
    let answer = ask(server, Method::POST, path, cookie, body).await;
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Returns the user of a session, or null.
async fn user(server: &Server, cookie: &str) -> Value {
    let session: Value = ask(server, Method::GET, "/get-session", cookie, &Value::Null).await.json().await.unwrap();
    session["user"].clone()
}

async fn signs_in(server: &Server, email: &str, password: &str) -> Option<String> {
    let body = json!({ "email": email, "password": password });
    let answer = Client::new().post(server.url("/api/auth/sign-in/email")).json(&body).send().await.unwrap();
    let cookie = answer.headers().get("set-cookie")?.to_str().unwrap().split(';').next().unwrap();
    Some(cookie.to_owned())
}

/// Changing the password requires the current one, and can end all other sessions.
#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let tablet = signs_in(&server, &ann.email, PASSWORD).await.unwrap();
    let change = |current: &str, new: &str, revoke: bool| json!({ "currentPassword": current, "newPassword": new, "revokeOtherSessions": revoke });
    for (body, code) in [
        (change("wrong password", OTHER_PASSWORD, true), "INVALID_PASSWORD"),
        (change(PASSWORD, "short", true), "PASSWORD_TOO_SHORT"),
        (json!({ "newPassword": OTHER_PASSWORD }), "VALIDATION_ERROR"),
    ] {
        let (status, error) = post(&server, "/change-password", &ann.cookie, &body).await;
        assert_eq!((status, error["code"].as_str()), (400, Some(code)));
    }
    let nobody = post(&server, "/change-password", "x=y", &change(PASSWORD, OTHER_PASSWORD, true)).await;
    assert_eq!(nobody.0, 401);
    assert!(signs_in(&server, &ann.email, PASSWORD).await.is_some() && !user(&server, &tablet).await.is_null());

    let (status, kept) = post(&server, "/change-password", &ann.cookie, &change(PASSWORD, OTHER_PASSWORD, false)).await;
    assert_eq!((status, &kept["token"], &kept["user"]["id"]), (200, &Value::Null, &json!(ann.id)));
    assert!(!user(&server, &tablet).await.is_null());
    let back = change(OTHER_PASSWORD, PASSWORD, true);
    let answer = ask(&server, Method::POST, "/change-password", &ann.cookie, &back).await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for ended in [&ann.cookie, &tablet] {
        assert!(user(&server, ended).await.is_null());
    }
    assert_eq!(user(&server, &cookie).await["id"], json!(ann.id));
    assert!(signs_in(&server, &ann.email, OTHER_PASSWORD).await.is_none());
    assert!(signs_in(&server, &ann.email, PASSWORD).await.is_some());
}

/// Of two concurrent changes, one succeeds, and only its session survives.
#[tokio::test]
async fn of_two_changes_at_once_one_counts() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let tablet = signs_in(&server, &ann.email, PASSWORD).await.unwrap();
    let change = |new: &str| json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": true });
    let (first, second) = (change("the first password"), change("the second password"));
    let (first, second) = tokio::join!(
        post(&server, "/change-password", &ann.cookie, &first),
        post(&server, "/change-password", &tablet, &second),
    );
    let mut signed_in = 0;
    for ((status, _), password) in [(first, "the first password"), (second, "the second password")] {
        let changed = status == 200;
        assert!(changed || status == 400 || status == 401, "{status}");
        assert_eq!(signs_in(&server, &ann.email, password).await.is_some(), changed);
        signed_in += usize::from(changed);
    }
    assert_eq!(signed_in, 1);
}

/// Users can change their name and image, and nothing else.
#[tokio::test]
async fn only_name_and_picture_are_a_users_to_change() {
    let server = Server::start();
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    let before = user(&server, &ann.cookie).await;
    let email = json!({ "email": "bob@example.test" });
    let (status, error) = post(&server, "/update-user", &ann.cookie, &email).await;
    assert_eq!((status, error["code"].as_str()), (400, Some("EMAIL_CAN_NOT_BE_UPDATED")));
    for body in [json!({ "emailVerified": true }), json!({ "id": bob.id }), json!({ "role": "admin" }), json!({})] {
        let (status, error) = post(&server, "/update-user", &ann.cookie, &body).await;
        assert_eq!((status, error), (400, json!({ "message": "No fields to update" })));
    }
    assert_eq!(user(&server, &ann.cookie).await, before);
    let body =
        json!({ "name": "Änn 🦊", "image": "https://cdn.example.test/a.png", "userId": bob.id, "emailVerified": true });
    assert_eq!(post(&server, "/update-user", &ann.cookie, &body).await.0, 200);
    let mut expected = before.clone();
    let after = user(&server, &ann.cookie).await;
    expected["name"] = json!("Änn 🦊");
    expected["image"] = json!("https://cdn.example.test/a.png");
    expected["updatedAt"] = after["updatedAt"].clone();
    assert_eq!(after, expected);
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
    assert_eq!(user(&server, &bob.cookie).await["name"], "bob");
    // Requests from another site are rejected.
    let request = Client::new().post(server.url("/api/auth/update-user")).header("cookie", &ann.cookie);
    let forged = request.header("origin", "https://evil.example").json(&json!({ "name": "x" })).send().await.unwrap();
    assert_eq!((forged.status().as_u16(), user(&server, &ann.cookie).await), (403, after));
}

/// Deleting an account deletes everything, and a new sign-up with the address starts empty.
#[tokio::test]
async fn whoever_deletes_themselves_leaves_nothing() {
    let server = Server::start_with(&[DELETION]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    for somebody in [&ann, &bob] {
        somebody.add(json!({ "title": "private" })).await;
    }
    let tablet = signs_in(&server, &ann.email, PASSWORD).await.unwrap();
    for (body, status, code) in [
        (json!({ "password": "wrong password" }), 400, "INVALID_PASSWORD"),
        (json!({ "token": "made-up" }), 404, "INVALID_TOKEN"),
    ] {
        let (found, error) = post(&server, "/delete-user", &ann.cookie, &body).await;
        assert_eq!((found, error["code"].as_str()), (status, Some(code)));
    }
    assert_eq!(ann.list().await.as_array().unwrap().len(), 1);
    let (status, deleted) = post(&server, "/delete-user", &ann.cookie, &json!({ "password": PASSWORD })).await;
    assert_eq!((status, deleted), (200, json!({ "success": true, "message": "User deleted" })));
    for cookie in [&ann.cookie, &tablet] {
        assert!(user(&server, cookie).await.is_null());
    }
    assert!(signs_in(&server, &ann.email, PASSWORD).await.is_none());
    // An access token stays valid until it expires, but finds nothing.
    assert_eq!(ann.list().await, json!([]));
    assert_eq!(
        ann.request(Method::POST, &ann.tasks("")).json(&json!({ "title": "x" })).send().await.unwrap().status(),
        401
    );
    let again = User::sign_up(&server, "ann").await;
    assert_ne!(again.id, ann.id);
    assert_eq!(again.list().await, json!([]));
    assert_eq!(bob.list().await.as_array().unwrap().len(), 1);
}

/// Deleting accounts is disabled by default, as in Better Auth.
#[tokio::test]
async fn nobody_deletes_themselves_unless_it_is_switched_on() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let answer = ask(&server, Method::POST, "/delete-user", &ann.cookie, &json!({ "password": PASSWORD })).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (404, String::new()));
    let nobody = ask(&server, Method::POST, "/delete-user", "x=y", &json!({})).await;
    assert_eq!(nobody.status(), 401);
    assert_eq!(user(&server, &ann.cookie).await["id"], json!(ann.id));
    let accounts: Value =
        ask(&server, Method::GET, "/list-accounts", &ann.cookie, &Value::Null).await.json().await.unwrap();
    assert_eq!((&accounts[0]["providerId"], &accounts[0]["accountId"]), (&json!("credential"), &json!(ann.id)));
    assert!(!accounts.to_string().contains("$2b$"));
}
