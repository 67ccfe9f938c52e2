//! A person with an account, and their requests.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::forge::Forge;
use crate::server::Server;

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// The body of every 401 of the tasks API.
pub const REFUSAL: &str = r#"{"detail":"A valid bearer token is required","code":"UNAUTHORIZED","message":"A valid bearer token is required"}"#;

/// Every route of the tasks API: the method, what follows `/api/{user_id}/tasks` for the task `id`, and a good body.
#[must_use]
pub fn task_routes(id: &str) -> Vec<(&'static str, String, &'static str)> {
    let patterns = [
        ("GET", "", ""),
        ("POST", "", r#"{"title":"new"}"#),
        ("GET", "/{id}", ""),
        ("PUT", "/{id}", r#"{"title":"changed"}"#),
        ("PATCH", "/{id}", r#"{"completed":true}"#),
        ("DELETE", "/{id}", ""),
        ("PATCH", "/{id}/complete", ""),
        ("POST", "/{id}/complete", r#"{"completed":true}"#),
    ];
    patterns.iter().map(|(method, rest, body)| (*method, rest.replace("{id}", id), *body)).collect()
}

/// Somebody who has signed up.
#[derive(Debug, Clone)]
pub struct User {
    /// Their id.
    pub id: String,
    /// Their address.
    pub email: String,
    /// A JWT of theirs.
    pub token: String,
    /// Their session token.
    pub session: String,
    /// What a browser would send as `Cookie`.
    pub cookie: String,
    base: String,
    http: reqwest::Client,
}

impl User {
    /// Signs somebody up whose address is made of `name`.
    pub async fn sign_up(server: &Server, name: &str) -> Self {
        let http = reqwest::Client::new();
        let email = format!("{name}@example.test");
        let response = http
            .post(server.url("/api/auth/sign-up/email"))
            .json(&json!({ "name": name, "email": email, "password": PASSWORD }))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let (token, cookie) = (header("set-auth-jwt"), header("set-cookie"));
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, session) = (text(&body["user"]["id"]), text(&body["token"]));
        Self { id, email, token, session, cookie, base: server.base.clone(), http }
    }

    /// The same person at another server on the same database.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { token: Forge::of(server).token(&self.id), base: server.base.clone(), ..self.clone() }
    }

    /// The path of this user's tasks, followed by `rest`.
    #[must_use]
    pub fn tasks(&self, rest: &str) -> String {
        format!("/api/{}/tasks{rest}", self.id)
    }

    /// A request with this user's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    /// A request without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Adds a task: the answer's body.
    pub async fn add(&self, task: Value) -> Value {
        let response = self.request(Method::POST, &self.tasks("")).json(&task).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    /// Their tasks.
    pub async fn list(&self) -> Value {
        self.get(&self.tasks("")).await.json().await.unwrap()
    }

    /// A GET with this user's token.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }
}
