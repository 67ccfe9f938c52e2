//! Requests below `/api/auth`, and session cookies.

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

/// Signs `text` as Better Auth does: `<text>.<signature>`.
pub(crate) fn signed(text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(text);
    format!("{text}.{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// Returns a session cookie for `token` with a valid signature.
pub(crate) fn signed_cookie(token: &str) -> String {
    format!("{COOKIE}={}", url_encoded(&signed(token)))
}

/// Percent-encodes a cookie value or a form field.
pub(crate) fn url_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

/// The auth endpoints of a server.
pub(crate) struct Auth<'a>(pub(crate) &'a Server);

impl Auth<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, self.0.url(&format!("/api/auth{path}")))
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> RequestBuilder {
        self.request(Method::GET, path).header("cookie", cookie)
    }

    /// Builds a request as the app's own page sends it.
    pub(crate) fn post(&self, path: &str, cookie: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header("cookie", cookie).header("origin", &self.0.origin).json(body)
    }

    pub(crate) async fn sign_in(&self, email: &str) -> Response {
        let body = json!({ "email": email, "password": PASSWORD });
        self.request(Method::POST, "/sign-in/email").json(&body).send().await.unwrap()
    }

    /// Returns the session of a cookie, or null.
    pub(crate) async fn session(&self, cookie: &str) -> Value {
        let answer = self.get("/get-session", cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Returns `true` if the cookie's session is valid, and asserts that all routes agree.
    pub(crate) async fn is_alive(&self, cookie: &str) -> bool {
        let token = self.get("/token", cookie).send().await.unwrap().status();
        assert_eq!(token == 200, !self.session(cookie).await.is_null(), "all routes agree");
        token == 200
    }
}

pub(crate) fn cookie_of(answer: &Response) -> String {
    answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}
