//! Tokens that are forged, malformed, or made for something else.
//!
//! Every refusal is the same 401, and after each table an honest token still gets the list.

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

/// Claims that stay good for long, for tokens that were signed beforehand.
const LASTING: &str = r#"{"sub":"mallory","iat":1700000000,"exp":4102444800,"iss":"https://app.example.test","aud":"https://app.example.test"}"#;

/// A server, and a caller whose honest token gets a list.
struct Site {
    server: Server,
    forge: Forge,
    /// The caller.
    id: String,
    honest: String,
    list: String,
}

impl Site {
    /// With a user who has one task.
    async fn open() -> Self {
        let server = Server::start();
        let ann = User::sign_up(&server, "ann").await;
        let list = json!([ann.add(json!({ "title": "for ann only" })).await]).to_string();
        let forge = Forge::of(&server);
        Self { honest: forge.token(&ann.id), id: ann.id, list, forge, server }
    }

    /// Where [`LASTING`] is acceptable.
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

    /// Good claims and signature, but this JSON text for one claim, or without it.
    fn with(&self, claim: &str, value: Option<&str>) -> String {
        let claims = self.forge.claims(&self.id);
        let others = claims.as_object().unwrap().iter().filter(|(name, _)| *name != claim);
        let members: Vec<_> = others
            .map(|(name, value)| format!("{name:?}:{value}"))
            .chain(value.map(|value| format!("{claim:?}:{value}")))
            .collect();
        sign(HEADER, format!("{{{}}}", members.join(",")), KEY)
    }

    /// Status, challenge and body of the list under this token.
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

/// Two encoded segments and their MAC.
fn seal<M: Mac + KeyInit>(message: &str, key: &[u8]) -> String {
    let mac = <M as KeyInit>::new_from_slice(key).unwrap().chain_update(message);
    format!("{message}.{}", encode(mac.finalize().into_bytes()))
}
