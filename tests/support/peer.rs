//! Auth servers, whichever: people sign up and in there as the pages of one app do.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::better_auth::BetterAuth;
use crate::server::Server;
use crate::user::PASSWORD;

/// What both servers are told as `BETTER_AUTH_URL`: the app that passes requests on to either.
pub const APP: &str = "http://app.example.test";

/// A Better Auth or a Taskbridge, below `/api/auth`.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Which it is.
    pub name: &'static str,
    /// Where it is reached.
    pub base: String,
    http: Client,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or null where it is no JSON.
    pub body: Value,
}

/// A session, in each form in which it was given out.
#[derive(Debug, Clone)]
pub struct Session {
    /// What a browser would send as `Cookie`.
    pub cookie: String,
    /// What was in `set-auth-token`; empty without the bearer plugin.
    pub bearer: String,
    /// The token itself.
    pub token: String,
    /// Whose it is.
    pub user: Value,
}

impl Peer {
    /// Taskbridge.
    #[must_use]
    pub fn taskbridge(server: &Server) -> Self {
        Self::at("taskbridge", &server.base)
    }

    /// Better Auth.
    #[must_use]
    pub fn better_auth(server: &BetterAuth) -> Self {
        Self::at("better-auth", &server.url)
    }

    /// Whichever answers at this address.
    #[must_use]
    pub fn at(name: &'static str, base: &str) -> Self {
        // Node closes a connection that nobody has used for 5 seconds, perhaps just then.
        let http = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { name, base: base.into(), http }
    }

    /// From a page of the app. Taskbridge knows the client's address; Better Auth is told it, as by a proxy.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/auth{path}", self.base));
        request.header("origin", APP).header("x-forwarded-for", "127.0.0.1")
    }

    async fn answer(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.json().await.unwrap_or_default() }
    }

    /// What is there for the holder of this cookie.
    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.answer(self.request(Method::GET, path).header("cookie", cookie)).await
    }

    /// The same for who says `Authorization: Bearer`.
    pub async fn get_as_bearer(&self, path: &str, bearer: &str) -> Answer {
        self.answer(self.request(Method::GET, path).bearer_auth(bearer)).await
    }

    /// What the holder of this cookie is answered.
    pub async fn post(&self, path: &str, cookie: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).header("cookie", cookie).json(&body)).await
    }

    /// What somebody is answered who has no cookie.
    pub async fn post_anonymously(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Signs somebody up whose name is made of `name` and this server's.
    pub async fn sign_up(&self, name: &str) -> Session {
        let name = format!("{name}.of.{}", self.name);
        let email = format!("{name}@example.test");
        let person = json!({ "name": name, "email": email, "password": PASSWORD });
        self.post_anonymously("/sign-up/email", person).await.session()
    }

    /// What who tries to sign in is answered.
    pub async fn try_sign_in(&self, email: &Value, password: &str) -> Answer {
        self.post_anonymously("/sign-in/email", json!({ "email": email, "password": password })).await
    }

    /// Signs somebody in.
    pub async fn sign_in(&self, user: &Value, password: &str) -> Session {
        self.try_sign_in(&user["email"], password).await.session()
    }

    /// The session and the user of a cookie; null when there is none.
    pub async fn get_session(&self, cookie: &str) -> Value {
        let answer = self.get("/get-session", cookie).await;
        assert_eq!(answer.status, 200, "{}", self.name);
        answer.body
    }

    /// A JWT for a session.
    pub async fn jwt(&self, cookie: &str) -> String {
        let answer = self.get("/token", cookie).await;
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.body);
        answer.body["token"].as_str().unwrap().into()
    }
}

impl Answer {
    /// The session that it opens.
    #[must_use]
    pub fn session(&self) -> Session {
        assert_eq!(self.status, 200, "{}", self.body);
        let header = |name: &str| self.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        Session {
            cookie: header("set-cookie").split(';').next().unwrap().into(),
            bearer: header("set-auth-token"),
            token: self.body["token"].as_str().unwrap().into(),
            user: self.body["user"].clone(),
        }
    }

    /// Status and code of a refusal.
    #[must_use]
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}
