//! Requests below `/api/auth`, and the cookies of sessions.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use support::Server;
use support::server::SECRET;
use support::user::PASSWORD;

pub(crate) const COOKIE: &str = "better-auth.session_token";

/// A cookie that is signed with the server's own secret.
pub(crate) fn signed(token: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(token.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let value: String = url_encoded(&format!("{token}.{signature}"));
    format!("{COOKIE}={value}")
}

pub(crate) fn url_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

/// Requests below `/api/auth`.
pub(crate) struct Auth<'a>(pub(crate) &'a Server);

impl Auth<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, self.0.url(&format!("/api/auth{path}")))
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.request(Method::GET, path).header("cookie", cookie)
    }

    /// As the page of the app sends it.
    pub(crate) fn post(&self, path: &str, cookie: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header("cookie", cookie).header("origin", &self.0.origin).json(body)
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Response {
        let body = json!({ "email": email, "password": PASSWORD });
        self.request(Method::POST, "/sign-in/email").json(&body).send().await.unwrap()
    }

    /// The session that a cookie names, or null.
    pub(crate) async fn session(&self, cookie: &str) -> Value {
        let answer = self.get("/get-session", cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Whether a cookie still gives a token.
    pub(crate) async fn is_alive(&self, cookie: &str) -> bool {
        let token = self.get("/token", cookie).send().await.unwrap().status();
        assert_eq!(token == 200, !self.session(cookie).await.is_null(), "all routes agree");
        token == 200
    }
}

pub(crate) fn cookie_of(answer: &Response) -> String {
    answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}
