//! Servers with users, shared by the tests of several folders.

pub(crate) mod auth;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use support::raw::{Answer, request, send_as, send_unfinished};
use support::{Server, User};
use tokio::task::JoinSet;

pub(crate) const JSON: &str = "Content-Type: application/json";

pub(crate) const SIGN_UP: &str = "/api/auth/sign-up/email";

pub(crate) const SIGN_IN: &str = "/api/auth/sign-in/email";

/// A server with one user.
pub(crate) struct OneUser {
    pub(crate) server: Server,
    pub(crate) ann: User,
}

impl OneUser {
    pub(crate) async fn open() -> Self {
        let server = Server::start();
        let ann = User::sign_up(&server, "ann").await;
        Self { server, ann }
    }

    /// Sends a request with this body to the user's tasks.
    pub(crate) async fn send(&self, method: &str, rest: &str, headers: &[&str], body: &[u8]) -> Answer {
        let line = format!("{method} {} HTTP/1.1", self.ann.tasks(rest));
        send_as(&self.server, &self.ann.token, &line, headers, body).await
    }

    pub(crate) async fn create(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send("POST", "", &[JSON], body.as_ref()).await
    }

    /// Sends a request as the user, and returns the status and body of the answer.
    pub(crate) async fn ask(&self, method: Method, rest: &str, body: Option<&Value>) -> (u16, Value) {
        let request = self.ann.request(method, &self.ann.tasks(rest));
        let request = if let Some(body) = body { request.json(body) } else { request };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.ann.anonymous(Method::POST, path).json(body).send().await.unwrap()
    }
}

pub(crate) fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

/// Asserts the error format of the tasks API.
pub(crate) fn assert_error(answer: &Answer, status: u16, code: &str, name: &str) {
    assert_eq!(answer.status, status, "{name}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    let body = parsed(answer);
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "detail", "message"], "{name}");
    assert_eq!(body["code"], code, "{name}");
    assert!(body["message"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{name}");
    if status == 422 {
        for fault in body["detail"].as_array().unwrap() {
            assert_eq!(fault.as_object().unwrap().keys().collect::<Vec<_>>(), ["loc", "msg", "type"], "{name}");
            assert!(fault["msg"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{name}");
        }
    } else {
        assert_eq!(body["detail"], body["message"], "{name}");
    }
}

/// Returns `true` for a timestamp such as `2026-11-21T01:45:28.032Z`.
pub(crate) fn is_moment(value: &Value) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    value.as_str().is_some_and(|text| text.chars().map(shape).collect::<String>() == "0000-00-00T00:00:00.000Z")
}

pub(crate) fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 32 && text.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Sends `count` requests at the same time, and returns the statuses.
pub(crate) async fn in_parallel(count: usize, request: impl Fn(usize) -> RequestBuilder) -> Vec<u16> {
    let mut answers = JoinSet::new();
    for number in 0..count {
        let request = request(number);
        answers.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    answers.join_all().await
}

pub(crate) const FORBIDDEN: &str =
    r#"{"detail":"You may only use your own tasks","code":"FORBIDDEN","message":"You may only use your own tasks"}"#;
pub(crate) const NO_TASK: &str = r#"{"detail":"Task not found","code":"TASK_NOT_FOUND","message":"Task not found"}"#;

/// A task id that was never assigned.
pub(crate) const NEVER_USED: &str = "900000000";

/// A server on which Ann attacks the tasks of Bob.
pub(crate) struct TwoUsers {
    pub(crate) server: Server,
    pub(crate) ann: User,
    pub(crate) bob: User,
    /// The id of Bob's first task.
    pub(crate) id: String,
    pub(crate) anns: Value,
    pub(crate) bobs: Value,
}

impl TwoUsers {
    pub(crate) async fn open() -> Self {
        let server = Server::start();
        let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
        ann.add(json!({ "title": "of ann", "description": "hers" })).await;
        let id = bob.add(json!({ "title": "of bob", "description": "his" })).await["id"].to_string();
        bob.add(json!({ "title": "of bob, too", "completed": true })).await;
        let (anns, bobs) = (ann.list().await, bob.list().await);
        Self { server, ann, bob, id, anns, bobs }
    }

    /// Sends a request with Ann's token.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let line = format!("{method} {path} HTTP/1.1");
        send_as(&self.server, &self.ann.token, &line, &["Content-Type: application/json"], body.as_bytes()).await
    }

    /// Sends a request without a token.
    pub(crate) async fn ask_anonymously(&self, method: &str, path: &str) -> Answer {
        send_unfinished(&self.server, &request(&format!("{method} {path} HTTP/1.1"), &[], b"")).await
    }

    /// Asserts that an answer contains nothing of Bob's.
    pub(crate) fn assert_silent(&self, answer: &Answer, name: &str) {
        for secret in ["of bob", "his", "bob@", self.bob.session.as_str()] {
            assert!(!answer.head.contains(secret) && !answer.body.contains(secret), "{name}: {answer:?}");
        }
    }

    pub(crate) async fn assert_untouched(&self) {
        assert_eq!(self.bob.list().await, self.bobs);
        assert_eq!(self.ann.list().await, self.anns);
    }
}

/// Percent-encodes every byte.
pub(crate) fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}

pub(crate) fn assert_answer(answer: &Answer, status: u16, body: &str, name: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, body), "{name}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
}

/// Sends a POST request with a JSON body.
pub(crate) async fn post(server: &Server, path: &str, body: &Value) -> Response {
    Client::new().post(server.url(path)).json(body).send().await.unwrap()
}

/// Sends a POST request with a JSON body, and returns the status of the answer.
pub(crate) async fn status(server: &Server, path: &str, body: &Value) -> u16 {
    post(server, path, body).await.status().as_u16()
}
