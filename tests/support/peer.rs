//! Either auth server, and the requests with which the pages of an app use it.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::better_auth::BetterAuth;
use crate::server::Server;
use crate::user::PASSWORD;

/// `BETTER_AUTH_URL` of both servers: an app whose proxy forwards requests to either.
pub const APP: &str = "http://app.example.test";

/// A Better Auth or a Taskbridge, reached below `/api/auth`.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The name in messages.
    pub name: &'static str,
    /// The base URL.
    pub base: String,
    /// The origin of the pages that send the requests.
    origin: String,
    http: Client,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or null if it is not JSON.
    pub body: Value,
}

/// A session, in each form in which the server returned it.
#[derive(Debug, Clone)]
pub struct Session {
    /// The `Cookie` header that a browser sends.
    pub cookie: String,
    /// The value of `set-auth-token`; empty without the bearer plugin.
    pub bearer: String,
    /// The session token.
    pub token: String,
    /// The user in the answer.
    pub user: Value,
}

impl Peer {
    /// Returns the auth server of a Taskbridge.
    #[must_use]
    pub fn taskbridge(server: &Server) -> Self {
        Self::at("taskbridge", &server.base)
    }

    /// Returns the auth server of a Better Auth.
    #[must_use]
    pub fn better_auth(server: &BetterAuth) -> Self {
        Self::at("better-auth", &server.url)
    }

    /// Returns the auth server at this URL.
    #[must_use]
    pub fn at(name: &'static str, base: &str) -> Self {
        // Node closes idle connections after 5 seconds, possibly just when a request is sent.
        let http = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { name, base: base.into(), origin: APP.into(), http }
    }

    /// Returns the same auth server, for pages of another origin.
    #[must_use]
    pub fn with_origin(self, origin: &str) -> Self {
        Self { origin: origin.into(), ..self }
    }

    /// Builds a request as a page of the app sends it. Better Auth learns the client address from a header, as behind a
    /// proxy.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/api/auth{path}", self.base));
        request.header("origin", &self.origin).header("x-forwarded-for", "127.0.0.1")
    }

    async fn answer(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.json().await.unwrap_or_default() }
    }

    /// Sends a GET request with this cookie.
    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.answer(self.request(Method::GET, path).header("cookie", cookie)).await
    }

    /// Sends a GET request with this bearer token.
    pub async fn get_as_bearer(&self, path: &str, bearer: &str) -> Answer {
        self.answer(self.request(Method::GET, path).bearer_auth(bearer)).await
    }

    /// Sends a POST request with this cookie.
    pub async fn post(&self, path: &str, cookie: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).header("cookie", cookie).json(&body)).await
    }

    /// Sends a POST request without a cookie.
    pub async fn post_anonymously(&self, path: &str, body: Value) -> Answer {
        self.answer(self.request(Method::POST, path).json(&body)).await
    }

    /// Signs a user up, with an email address made of `name` and the name of this server.
    pub async fn sign_up(&self, name: &str) -> Session {
        let name = format!("{name}.of.{}", self.name);
        let email = format!("{name}@example.test");
        let person = json!({ "name": name, "email": email, "password": PASSWORD });
        self.post_anonymously("/sign-up/email", person).await.session()
    }

    /// Tries to sign in, and returns the answer.
    pub async fn try_sign_in(&self, email: &Value, password: &str) -> Answer {
        self.post_anonymously("/sign-in/email", json!({ "email": email, "password": password })).await
    }

    /// Signs a user in.
    pub async fn sign_in(&self, user: &Value, password: &str) -> Session {
        self.try_sign_in(&user["email"], password).await.session()
    }

    /// Returns the session and user of a cookie, or null.
    pub async fn get_session(&self, cookie: &str) -> Value {
        let answer = self.get("/get-session", cookie).await;
        assert_eq!(answer.status, 200, "{}", self.name);
        answer.body
    }

    /// Returns an access token for a session.
    pub async fn jwt(&self, cookie: &str) -> String {
        let answer = self.get("/token", cookie).await;
        assert_eq!(answer.status, 200, "{}: {}", self.name, answer.body);
        answer.body["token"].as_str().unwrap().into()
    }
}

impl Answer {
    /// Returns the session that this answer created.
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

    /// Returns the status and error code.
    #[must_use]
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}
