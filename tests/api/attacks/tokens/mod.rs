//! Access tokens that are forged, malformed, or issued for another purpose.
//!
//! All of them get the same 401. After each table, a valid token is still accepted.

mod claims;
mod encoding;
mod keys;
mod sizes;

use std::fmt::Display;

use hmac::{KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use support::forge::{encode, sign};
use support::server::SECRET;
use support::user::REFUSAL;
use support::{Forge, Server, User};

const KEY: &[u8] = SECRET.as_bytes();

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Claims that are valid until 2100, for tokens that were signed in advance.
const LASTING: &str = r#"{"sub":"mallory","iat":1700000000,"exp":4102444800,"iss":"https://app.example.test","aud":"https://app.example.test"}"#;

/// A server, and a caller whose valid token returns their list.
struct Site {
    server: Server,
    forge: Forge,
    /// The caller's user id.
    id: String,
    honest: String,
    list: String,
}

impl Site {
    /// Starts a server with a user who has one task.
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// Does the same with these settings.
    async fn open_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(settings);
        let ann = User::sign_up(&server, "ann").await;
        let list = json!([ann.add(json!({ "title": "for ann only" })).await]).to_string();
        let forge = Forge::of(&server);
        Self { honest: forge.token(&ann.id), id: ann.id, list, forge, server }
    }

    /// Starts a server that accepts [`LASTING`].
    fn lasting() -> Self {
        let server = Server::start_with(&[("BETTER_AUTH_URL", "https://app.example.test"), ("AUTH_MODE", "server")]);
        let forge = Forge::of(&server);
        let honest = sign(HEADER, LASTING, KEY);
        Self { server, forge, id: "mallory".into(), honest, list: "[]".into() }
    }

    fn path(&self) -> String {
        format!("/api/{}/tasks", self.id)
    }

    fn claims(&self) -> String {
        self.forge.claims(&self.id).to_string()
    }

    /// Signs valid claims, with this JSON text as the value of one of them, or without that one.
    fn with(&self, claim: &str, value: Option<&str>) -> String {
        let claims = self.forge.claims(&self.id);
        let others = claims.as_object().unwrap().iter().filter(|(name, _)| *name != claim);
        let members: Vec<_> = others
            .map(|(name, value)| format!("{name:?}:{value}"))
            .chain(value.map(|value| format!("{claim:?}:{value}")))
            .collect();
        sign(HEADER, format!("{{{}}}", members.join(",")), KEY)
    }

    /// Returns the status, challenge and body of the answer to a list request with this token.
    async fn get(&self, token: &str) -> (u16, Option<String>, Value) {
        let request = reqwest::Client::new().request(Method::GET, self.server.url(&self.path()));
        let response = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, challenge, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn accepts(&self, cases: impl IntoIterator<Item = (impl Display, String)>) {
        let list: Value = serde_json::from_str(&self.list).unwrap();
        for (name, token) in cases {
            assert_eq!(self.get(&token).await, (200, None, list.clone()), "{name}");
        }
    }

    async fn refuses(&self, cases: impl IntoIterator<Item = (impl Display, String)>) {
        let refusal: Value = serde_json::from_str(REFUSAL).unwrap();
        let challenge = Some(r#"Bearer error="invalid_token""#.to_owned());
        for (name, token) in cases {
            assert_eq!(self.get(&token).await, (401, challenge.clone(), refusal.clone()), "{name}");
        }
        self.accepts([("honest", self.honest.clone())]).await;
    }
}

/// Appends the MAC of two encoded segments to them.
fn seal<M: Mac + KeyInit>(message: &str, key: &[u8]) -> String {
    let mac = <M as KeyInit>::new_from_slice(key).unwrap().chain_update(message);
    format!("{message}.{}", encode(mac.finalize().into_bytes()))
}
