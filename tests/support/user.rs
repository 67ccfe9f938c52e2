//! A user, and their requests.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::forge::Forge;
use crate::server::Server;

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery";

/// The body of every 401 of the tasks API.
pub const REFUSAL: &str = r#"{"detail":"A valid bearer token is required","code":"UNAUTHORIZED","message":"A valid bearer token is required"}"#;

/// A user who has signed up.
#[derive(Debug, Clone)]
pub struct User {
    /// Their user id.
    pub id: String,
    /// Their email address.
    pub email: String,
    /// Their access token.
    pub token: String,
    /// Their session token.
    pub session: String,
    /// The `Cookie` header that a browser sends.
    pub cookie: String,
    base: String,
    http: reqwest::Client,
}

impl User {
    /// Signs up a user with this name, and an email address made of it.
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

    /// Returns the same user at another server on the same database.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { token: Forge::of(server).token(&self.id), base: server.base.clone(), ..self.clone() }
    }

    /// Returns the path of this user's tasks, followed by `rest`.
    #[must_use]
    pub fn tasks(&self, rest: &str) -> String {
        format!("/api/{}/tasks{rest}", self.id)
    }

    /// Builds a request with this user's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    /// Builds a request without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Creates a task, and returns the body of the answer.
    pub async fn add(&self, task: Value) -> Value {
        let response = self.request(Method::POST, &self.tasks("")).json(&task).send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    /// Returns their tasks.
    pub async fn list(&self) -> Value {
        self.get(&self.tasks("")).await.json().await.unwrap()
    }

    /// Sends a GET request with this user's token.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }
}
