//! A run through all endpoints with valid, invalid and hostile requests, which knows all secrets that must not be
//! logged.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use support::forge::{encode, sign};
use support::postgres::DATABASE_PASSWORD;
use support::raw::{Answer, request, send, send_unfinished};
use support::routes::task_routes;
use support::server::SECRET;
use support::{Forge, Server};

/// Number of bytes of a secret that must not be logged either.
const PIECE: usize = 16;

const JSON: &str = "Content-Type: application/json";

/// The requests of a run, and their answers.
#[derive(Default)]
pub(crate) struct Everything {
    secrets: HashSet<String>,
    /// Each answer with the request line.
    pub(crate) answers: Vec<(String, Answer)>,
    /// The id of the user who signed up.
    pub(crate) user_id: String,
}

/// A run in progress.
struct Run<'a> {
    server: &'a Server,
    so_far: Everything,
}

/// The credentials of a signed-in user.
struct Credentials {
    token: String,
    session: String,
    /// As a browser sends it.
    cookie: String,
}

impl Everything {
    /// Runs all requests. The server must expire sessions without `rememberMe` after one second.
    pub(crate) async fn run(server: &Server) -> Self {
        let mut run = Run { server, so_far: Self::default() };
        for secret in [SECRET, DATABASE_PASSWORD, "$2b$"] {
            run.secret(secret);
        }
        let credentials = run.accounts().await;
        run.sessions(&credentials).await;
        run.changes(&credentials).await;
        run.tasks(&credentials).await;
        run.elsewhere(&credentials).await;
        run.garbage(&credentials).await;
        run.so_far
    }

    /// Returns the first line of a log that contains a secret, a part of one, or its base64 encoding.
    pub(crate) fn leak<'log>(&self, log: &'log str) -> Option<&'log str> {
        let (mut windows, mut short) = (HashSet::new(), Vec::new());
        for secret in self.secrets.iter().flat_map(|secret| forms(secret)) {
            if secret.len() >= PIECE {
                windows.extend(secret.as_bytes().windows(PIECE).map(<[u8]>::to_vec));
            } else {
                short.push(secret);
            }
        }
        let leaks = |line: &&str| {
            line.as_bytes().windows(PIECE).any(|window| windows.contains(window))
                || short.iter().any(|secret| line.contains(secret.as_str()))
        };
        log.lines().find(leaks)
    }
}

impl Run<'_> {
    /// Adds a secret, and returns it.
    fn secret(&mut self, text: impl Into<String>) -> String {
        let text = text.into();
        self.so_far.secrets.insert(text.clone());
        text
    }

    async fn ask(&mut self, line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let answer = send_unfinished(self.server, &request(&format!("{line} HTTP/1.1"), headers, body.as_ref())).await;
        self.so_far.answers.push((line.to_owned(), answer.clone()));
        answer
    }

    async fn accounts(&mut self) -> Credentials {
        let (email, password) = (self.secret("mail-canary-1@example.test"), self.secret("password-canary-1"));
        let body = json!({ "name": self.secret("a private name"), "email": email, "password": password }).to_string();
        let signed_up = self.ask("POST /api/auth/sign-up/email", &[JSON], &body).await;
        assert_eq!(signed_up.status, 200, "{signed_up:?}");
        let credentials = self.keep(&signed_up);
        let body: Value = serde_json::from_str(&signed_up.body).unwrap();
        body["user"]["id"].as_str().unwrap().clone_into(&mut self.so_far.user_id);

        let emails =
            ["mail-canary-2@example.test", "mail-canary-3@@example", "Canary <mail-canary-4@example.test>", &email];
        let passwords = ["password-canary-2", "cänäry!", &"password-canary-3 ".repeat(8), "password-canary-4\0x"];
        let mut bodies = vec![
            format!(r#"{{"email":"{}","password":"{}"#, self.secret("mail-canary-5@example.test"), self.secret("password-canary-5")),
            json!({ "name": 7, "email": [self.secret("mail-canary-6@example.test")], "password": { self.secret("password-canary-6"): 1 } }).to_string(),
            json!([self.secret("mail-canary-7@example.test"), self.secret("password-canary-7")]).to_string(),
            format!("email={}&password={}", self.secret("mail-canary-8%40example.test"), self.secret("password-canary-8")),
            json!({ "name": "x", "email": email, "password": password, "image": "x".repeat(70_000) }).to_string(),
        ];
        for email in emails {
            for password in passwords {
                let (email, password) = (self.secret(email), self.secret(password));
                bodies.push(
                    json!({ "name": "x", "email": email, "password": password, "rememberMe": "yes" }).to_string(),
                );
                bodies.push(json!({ "name": "x\0", "email": email, "password": password, "image": email }).to_string());
                if email == "mail-canary-1@example.test" {
                    bodies.push(json!({ "email": email, "password": password }).to_string());
                }
            }
        }
        let in_query = self.secret("password-canary-9");
        for path in ["/api/auth/sign-in/email", "/api/auth/sign-up/email"] {
            for body in &bodies {
                self.ask(&format!("POST {path}"), &[JSON], body).await;
            }
            for media_type in
                ["Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "X-None: x"]
            {
                self.ask(&format!("POST {path}?password={in_query}"), &[media_type], &bodies[0]).await;
            }
            self.ask(&format!("GET {path}?email={email}&password={in_query}"), &[], "").await;
        }
        let good = json!({ "email": email, "password": password }).to_string();
        let signed_in = self.ask("POST /api/auth/sign-in/email", &[JSON], good).await;
        assert_eq!(signed_in.status, 200);
        self.keep(&signed_in);
        credentials
    }

    /// Adds the credentials of a sign-in to the secrets.
    fn keep(&mut self, signed_in: &Answer) -> Credentials {
        let body: Value = serde_json::from_str(&signed_in.body).unwrap();
        let session = self.secret(body["token"].as_str().unwrap());
        let token = self.secret(signed_in.header("set-auth-jwt").unwrap());
        self.secret(signed_in.header("set-auth-token").unwrap());
        let cookies = signed_in.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let cookies: Vec<_> = cookies.map(|cookie| cookie.split(';').next().unwrap()).collect();
        for (_, value) in
            cookies.iter().filter_map(|cookie| cookie.split_once('=')).filter(|(_, value)| !value.is_empty())
        {
            self.secret(value);
        }
        Credentials { token, session, cookie: cookies.join("; ") }
    }

    async fn sessions(&mut self, of: &Credentials) {
        let short =
            json!({ "email": "mail-canary-1@example.test", "password": "password-canary-1", "rememberMe": false });
        let short = self.ask("POST /api/auth/sign-in/email", &[JSON], short.to_string()).await;
        let expired = format!("Cookie: {}", self.keep(&short).cookie);
        while self.ask("GET /api/auth/token", &[&expired], "").await.status == 200 {}

        let junk = self.secret("cookie-canary-1234567890.signature-canary-1234567890%3D");
        for header in [
            format!("Cookie: {}", of.cookie),
            format!("Cookie: {}x", of.cookie),
            format!("Cookie: {}", of.cookie.replace('.', "%2E")),
            format!("Cookie: better-auth.session_token={junk}; __Secure-better-auth.session_token={junk}"),
            format!("Cookie: {junk}"),
            format!("Authorization: Bearer {}", of.session),
            format!("Authorization: Bearer {}", of.token),
            format!("Authorization: Bearer {junk}"),
            format!("Authorization: {}", of.session),
        ] {
            let answer = self.ask("GET /api/auth/token", &[&header], "").await;
            if let Ok(body) = serde_json::from_str::<Value>(&answer.body)
                && let Some(token) = body["token"].as_str()
            {
                self.secret(token);
            }
            self.ask("DELETE /api/auth/token", &[&header], "").await;
        }
    }

    /// Sends everything that users can change about themselves, with values that are private.
    async fn changes(&mut self, of: &Credentials) {
        let cookie = format!("Cookie: {}", of.cookie);
        let origin = format!("Origin: {}", self.server.origin);
        let [old, new, wrong] =
            ["password-canary-1", "password-canary-10", "password-canary-11"].map(|text| self.secret(text));
        let image = self.secret("https://cdn.example.test/a-private-picture.png");
        let change = |from: &str, to: &str| json!({ "currentPassword": from, "newPassword": to });
        for (path, body) in [
            ("update-user", json!({ "name": self.secret("another private name"), "image": image })),
            ("update-user", json!({ "name": { self.secret("a name as a key of JSON"): 1 } })),
            ("update-user", json!({ "email": self.secret("mail-canary-9@example.test") })),
            ("verify-password", json!({ "password": wrong })),
            ("verify-password", json!({ "password": [old] })),
            ("change-password", change(&wrong, &new)),
            ("change-password", change(&old, "short")),
            ("change-password", change(&old, &new)),
            ("change-password", change(&new, &old)),
            ("delete-user", json!({ "password": wrong, "token": self.secret("deletion-canary-0123456789") })),
        ] {
            let body = body.to_string();
            for headers in [&[JSON, &cookie, &origin][..], &[JSON, &cookie], &[&cookie, &origin]] {
                self.ask(&format!("POST /api/auth/{path}"), headers, &body).await;
            }
        }
        self.ask("GET /api/auth/list-accounts", &[&cookie], "").await;
        // The private part of any JWK.
        self.secret(r#""d":""#);
        self.secret(r#"\"d\":\""#);
    }

    async fn tasks(&mut self, of: &Credentials) {
        let good = format!("Authorization: Bearer {}", of.token);
        let path = format!("/api/{}/tasks", self.so_far.user_id);
        let mut bodies = vec![
            json!({ "title": self.secret("a private title"), "description": self.secret("a private description") }).to_string(),
            json!({ "title": self.secret("too long a title ").repeat(20) }).to_string(),
            json!({ "title": self.secret("a title with a \0 in it"), "completed": self.secret("hardly completed") }).to_string(),
            json!({ "title": { self.secret("a title as a key"): 1 }, "description": [self.secret("a list of private words")] }).to_string(),
            format!(r#"{{"title":"{}"#, self.secret("a title without an end")),
            format!(r#"{{"title":"{0}","title":"{0}"}}"#, self.secret("a title that is twice there")),
            format!("title={}", self.secret("a+title+in+a+form")),
            self.secret("a body that is too large ").repeat(4000),
        ];
        bodies.push(format!("{}\u{1b}[31m\n2026-01-01T00:00:00Z  INFO forged", bodies[0]));
        for (method, rest, body, _) in task_routes("1") {
            self.ask(&format!("{method} {path}{rest}"), &[&good, JSON], body).await;
            if method != "GET" {
                for body in &bodies {
                    self.ask(&format!("{method} {path}{rest}"), &[&good, JSON], body).await;
                }
                self.ask(&format!("{method} {path}{rest}"), &[&good, "Content-Type: text/plain"], &bodies[0]).await;
            }
        }
        let refused = self.refused_credentials(of);
        for (method, rest, body, _) in task_routes("1") {
            for headers in &refused {
                let headers: Vec<_> = headers.iter().map(String::as_str).chain([JSON]).collect();
                let answer = self.ask(&format!("{method} {path}{rest}"), &headers, body).await;
                assert_eq!(answer.status, 401, "{headers:?}");
            }
            for parameter in ["access_token", "token", "jwt", "limit"] {
                let line = format!("{method} {path}{rest}?{parameter}={}", of.token);
                self.ask(&line, &[JSON], body).await;
                self.ask(&line, &[&good, JSON], body).await;
            }
        }
        self.ask("GET /api/somebody/tasks", &[&good], "").await;
        // A user id that imitates a second log line.
        let subject = "x\n2026-01-01T00:00:00.000000Z  INFO forged\r\u{1b}[31m\"}";
        let hostile = self.secret(Forge::of(self.server).token(subject));
        let path = subject.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let answer =
            self.ask(&format!("GET /api/{path}/tasks"), &[&format!("Authorization: Bearer {hostile}")], "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    }

    /// Returns header lines that do not authenticate.
    fn refused_credentials(&mut self, of: &Credentials) -> Vec<Vec<String>> {
        let Credentials { token, session, cookie } = of;
        let forge = Forge::of(self.server);
        let claims = forge.claims(&self.so_far.user_id).to_string();
        let mut expired = forge.claims(&self.so_far.user_id);
        expired["exp"] = json!(1_000_000_000);
        let expired = self.secret(forge.signed(&expired));
        let other = self.secret(sign(r#"{"alg":"HS256"}"#, &claims, b"some-other-secret-of-32-characters"));
        let unsigned = self.secret(format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims)));
        let cut = &token[..token.len() / 2];
        let basic = STANDARD.encode("mail-canary-1@example.test:password-canary-1");
        let long = self.secret("long-token-canary-").repeat(600);
        let opaque = self.secret("opaque-token-canary-1234567890");
        [
            vec![format!("Authorization: Bearer {token}x")],
            vec![format!("Authorization: Bearer {expired}")],
            vec![format!("Authorization: Bearer {other}")],
            vec![format!("Authorization: Bearer {unsigned}")],
            vec![format!("Authorization: Bearer {cut}")],
            vec![format!("Authorization: Bearer {session}")],
            vec![format!("Authorization: Bearer {opaque}")],
            vec![format!("Authorization: Bearer {long}")],
            vec![format!("Authorization: Basic {basic}")],
            vec![format!("Authorization: Token {token}")],
            vec![format!("Authorization: Bearer{token}")],
            vec![format!("Authorization: Bearer\t{token}")],
            vec![format!("Authorization: Bearer {token} {token}")],
            vec![format!("Authorization: Bearer \u{fc}{token}")],
            vec![format!("Authorization: {token}")],
            vec![format!("Authorization: Bearer {token}"), format!("Authorization: Bearer {token}")],
            vec![format!("Proxy-Authorization: Bearer {token}"), format!("X-Api-Key: {token}")],
            vec![format!("Cookie: {cookie}; token={token}"), format!("X-Auth-Token: {token}")],
        ]
        .into()
    }

    async fn elsewhere(&mut self, of: &Credentials) {
        let Credentials { token, session, cookie } = of;
        let cookie = format!("Cookie: {cookie}");
        for path in ["/health/live", "/health/ready", "/metrics", "/", "/nowhere", "/api/auth", "/api/auth/nowhere"] {
            for method in ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "MADE-UP"] {
                self.ask(&format!("{method} {path}?token={token}"), &[&cookie], "").await;
            }
        }
        for part in [token, session] {
            for path in [
                format!("/{part}"),
                format!("/api/{part}/tasks"),
                format!("/api/x/tasks/{part}"),
                format!("/api/auth/{part}"),
            ] {
                self.ask(&format!("GET {path}"), &[], "").await;
            }
        }
        let hostile = self.secret("hostile id canary");
        for id in [&hostile, &format!("\"{hostile}\""), &format!("{token}{token}"), "\u{fc}", "", "a\tb"] {
            self.ask("GET /health/live", &[&format!("X-Request-Id: {id}")], "").await;
        }
        let preflight = ["Origin: https://app.example.test", "Access-Control-Request-Method: PUT"];
        self.ask("OPTIONS /api/x/tasks", &preflight, "").await;
    }

    /// Sends bytes that are not HTTP requests, which have no answer in the list.
    async fn garbage(&self, of: &Credentials) {
        let token = &of.token;
        for bytes in [
            format!("{token}\r\n\r\n"),
            format!("GET {token}\r\n\r\n"),
            format!("GET /{token} HTTP/9.9\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nAuthorization Bearer {token}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n {token}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nAuthorization: Bearer\0{token}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {token}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {token}\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nHost: {token}\r\nConnection: {token}, close\r\nUpgrade: {token}\r\n\r\n"),
            format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{token}\r\n"),
            format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{token}"),
            format!("\u{16}\u{3}\u{1}{token}"),
        ] {
            send(self.server, bytes.as_bytes()).await;
        }
    }
}

/// Returns a secret verbatim, percent-decoded, and base64-encoded at each alignment inside a longer text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), secret.replace("%3D", "=").replace("%40", "@").replace("%2B", "+")];
    for start in 0..3.min(secret.len()) {
        for engine in [&STANDARD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&secret.as_bytes()[start..]);
            // The last characters depend on the bytes that follow.
            forms.extend(
                encoded.get(..encoded.len().saturating_sub(4)).filter(|form| form.len() >= 8).map(str::to_owned),
            );
        }
    }
    forms
}
