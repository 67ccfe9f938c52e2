//! The cause of each refusal, from the real server: one word in the log line and in the metrics. Rarer causes are tested
//! with mocks in the crate of the HTTP layer.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use support::forge::{encode, now, sign};
use support::metrics::Scrape;
use support::raw::{request, send_unfinished};
use support::server::SECRET;
use support::user::PASSWORD;
use support::{Forge, Server, User};

const SHOWN: (&str, &str) = ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0");
const EVIL: &str = "https://evil.example.test";

/// Returns the series of a cause.
pub(crate) fn series(status: u16, cause: &str) -> String {
    format!("taskbridge_refusals_total{{status=\"{status}\",cause=\"{cause}\"}}")
}

/// Returns the series of each cause in `docs/troubleshooting.md`.
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../docs/troubleshooting.md");
    let rows = page.lines().filter_map(|line| {
        let (status, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        Some(series(status.parse().ok()?, rest.split_once('`')?.0))
    });
    rows.collect()
}

/// Returns the fields of the access log line of the request with this id.
pub(crate) fn logged(server: &Server, id: &str) -> Value {
    let lines = server.log.lines();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut requests = lines.filter(|line| line["fields"]["message"] == "request" && line["request_id"] == id);
    requests.next().unwrap_or_else(|| panic!("no line of {id}"))["fields"].take()
}

/// The refusals of a server.
struct Refusals<'a> {
    server: &'a Server,
    expected: BTreeMap<String, u64>,
}

impl Refusals<'_> {
    /// Sends a request, and asserts that it is refused with this status and cause.
    async fn assert(&mut self, status: u16, cause: &str, line: &str, headers: &[&str], body: &str) {
        let id = format!("{cause}-{}", self.expected.values().sum::<u64>());
        let id_header = format!("X-Request-Id: {id}");
        let headers = [headers, &[&*id_header]].concat();
        let line = format!("{line} HTTP/1.1");
        let answer = send_unfinished(self.server, &request(&line, &headers, body.as_bytes())).await;
        assert_eq!(answer.status, status, "{cause}: {answer:?}");
        let fields = logged(self.server, &id);
        assert_eq!((&fields["status"], fields["cause"].as_str()), (&json!(status), Some(cause)), "{fields}");
        assert!(fields["error"].is_string() && fields["route"] != "none", "{fields}");
        *self.expected.entry(series(status, cause)).or_default() += 1;
    }

    /// Asserts that the metrics count exactly these refusals.
    async fn assert_counted(self) {
        let scrape = Scrape::of(self.server).await;
        let all = scrape.all("taskbridge_refusals_total");
        let all: BTreeMap<_, _> = all.map(|series| (series.to_owned(), scrape.count(series))).collect();
        // Causes that have not occurred are 0.
        assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), documented());
        let counted: BTreeMap<_, _> = all.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, self.expected);
    }
}

/// Each check of an access token has its own word.
#[tokio::test]
async fn rejected_tokens() {
    let server = Server::start_with(&[SHOWN, ("TASKBRIDGE__TASKS__MAX_PER_USER", "1")]);
    let ann = User::sign_up(&server, "ann").await;
    let forge = Forge::of(&server);
    let changed = |changes: Value| {
        let mut claims = forge.claims(&ann.id);
        for (name, value) in changes.as_object().unwrap().clone() {
            claims[name] = value;
        }
        claims
    };
    let with_header = |header: &str| sign(header, forge.claims(&ann.id).to_string(), SECRET.as_bytes());
    let mut without_expiry = forge.claims(&ann.id);
    without_expiry.as_object_mut().unwrap().remove("exp");
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let own = bearer(&ann.token);
    let cases = [
        ("malformed_token", bearer(&ann.session)),
        ("malformed_token", bearer("undefined")),
        ("token_too_long", bearer(&format!("{}.{}.x", encode("{}"), "x".repeat(8192)))),
        ("empty_token", "Authorization: Bearer".into()),
        ("wrong_scheme", format!("Authorization: {}", ann.token)),
        ("wrong_scheme", "Authorization: Basic YTpi".into()),
        ("unsupported_extension", bearer(&with_header(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#))),
        ("not_an_access_token", bearer(&with_header(r#"{"alg":"HS256","typ":"better-auth.session-cache+jwt"}"#))),
        ("algorithm_not_enabled", bearer(&with_header(r#"{"alg":"none"}"#))),
        ("unknown_key", bearer(&with_header(r#"{"alg":"EdDSA","kid":"another"}"#))),
        ("wrong_signature", bearer(&sign(r#"{"alg":"HS256"}"#, forge.claims(&ann.id).to_string(), b"another secret"))),
        ("missing_claim", bearer(&forge.signed(&without_expiry))),
        ("expired", bearer(&forge.signed(&changed(json!({ "exp": now() - 3600 }))))),
        ("not_yet_valid", bearer(&forge.signed(&changed(json!({ "nbf": now() + 3600 }))))),
        ("wrong_issuer", bearer(&forge.signed(&changed(json!({ "iss": EVIL }))))),
        ("wrong_audience", bearer(&forge.signed(&changed(json!({ "aud": EVIL }))))),
    ];
    let mut refusals = Refusals { server: &server, expected: BTreeMap::new() };
    let list = format!("GET {}", ann.tasks(""));
    for (cause, header) in &cases {
        refusals.assert(401, cause, &list, &[header], "").await;
    }
    refusals.assert(401, "no_token", &list, &[], "").await;
    refusals.assert(401, "several_tokens", &list, &[&own, &own], "").await;
    refusals.assert(403, "other_user", "GET /api/another/tasks", &[&own], "").await;

    let add = format!("POST {}", ann.tasks(""));
    let json = "Content-Type: application/json";
    ann.add(json!({ "title": "the only one" })).await;
    refusals.assert(409, "task_limit_reached", &add, &[&own, json], r#"{"title":"another"}"#).await;
    refusals.assert(413, "body_too_large", &add, &[&own, json], &"x".repeat(65_537)).await;
    // A user who has been deleted can still have a valid token.
    let deleted = bearer(&forge.token("nobody"));
    let title = r#"{"title":"lost"}"#;
    refusals.assert(401, "unknown_user", "POST /api/nobody/tasks", &[&deleted, json], title).await;
    refusals.assert_counted().await;
}

/// What a browser or a user can do wrong at the auth server.
#[tokio::test]
async fn refused_sign_ins_and_sessions() {
    let server = Server::start_with(&[SHOWN]);
    let ann = User::sign_up(&server, "ann").await;
    let json = "Content-Type: application/json";
    let sign_in = "POST /api/auth/sign-in/email";
    let credentials = |password: &str| json!({ "email": ann.email, "password": password }).to_string();
    let (right, wrong) = (credentials(PASSWORD), credentials("wrong password"));
    let origin = format!("Origin: {EVIL}");
    let navigation = [json, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"];
    let redirected = json!({ "email": ann.email, "password": PASSWORD, "callbackURL": EVIL }).to_string();
    let session = format!("Authorization: Bearer {}", ann.session);
    let cookie = format!("Cookie: {}", ann.cookie);
    let mut refusals = Refusals { server: &server, expected: BTreeMap::new() };
    refusals.assert(401, "wrong_credentials", sign_in, &[json], &wrong).await;
    refusals.assert(403, "origin_not_trusted", sign_in, &[json, &origin], &right).await;
    refusals.assert(403, "no_origin", sign_in, &[json, "Sec-Fetch-Dest: empty"], &right).await;
    refusals.assert(403, "no_origin", "POST /api/auth/sign-out", &[json, &cookie], "{}").await;
    refusals.assert(403, "cross_site_navigation", sign_in, &navigation, &right).await;
    refusals.assert(403, "callback_not_trusted", sign_in, &[json], &redirected).await;
    refusals.assert(413, "body_too_large", sign_in, &[json], &"x".repeat(65_537)).await;
    refusals.assert(401, "no_session", "GET /api/auth/token", &[], "").await;
    assert_eq!(
        ann.anonymous(Method::POST, "/api/auth/sign-out").bearer_auth(&ann.session).send().await.unwrap().status(),
        200
    );
    refusals.assert(401, "session_ended", "GET /api/auth/token", &[&session], "").await;
    refusals.assert_counted().await;
}

#[tokio::test]
async fn exceeded_limits() {
    let server = Server::start_with(&[SHOWN, ("RATE_LIMIT", "on"), ("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "1")]);
    let token = Forge::of(&server).token("ann");
    let header = format!("Authorization: Bearer {token}");
    let mut refusals = Refusals { server: &server, expected: BTreeMap::new() };
    let (json, guess) =
        ("Content-Type: application/json", r#"{"email":"ann@example.test","password":"wrong password"}"#);
    for _ in 0..3 {
        refusals.assert(401, "wrong_credentials", "POST /api/auth/sign-in/email", &[json], guess).await;
    }
    refusals.assert(429, "rate_limited", "POST /api/auth/sign-in/email", &[json], guess).await;
    assert_eq!(
        reqwest::Client::new().get(server.url("/api/ann/tasks")).bearer_auth(&token).send().await.unwrap().status(),
        200
    );
    refusals.assert(429, "task_rate_limited", "GET /api/ann/tasks", &[&header], "").await;
    refusals.assert_counted().await;
}

#[tokio::test]
async fn keys_that_cannot_be_fetched() {
    let server = Server::start_with(&[
        SHOWN,
        ("AUTH_MODE", "bridge"),
        ("BETTER_AUTH_URL", "http://localhost:3000"),
        ("JWKS_URL", "http://127.0.0.1:9/jwks"),
    ]);
    let token = sign(r#"{"alg":"EdDSA","kid":"any"}"#, "{}", SECRET.as_bytes());
    let mut refusals = Refusals { server: &server, expected: BTreeMap::new() };
    let header = format!("Authorization: Bearer {token}");
    refusals.assert(503, "keys_unavailable", "GET /api/ann/tasks", &[&header], "").await;
    refusals.assert_counted().await;
}

#[tokio::test]
async fn a_server_that_stops() {
    let server = Server::start_with(&[SHOWN, ("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600")]);
    server.terminate();
    let ready = request("GET /health/ready HTTP/1.1", &["X-Request-Id: stopping"], b"");
    // The signal may arrive after the first request.
    while send_unfinished(&server, &ready).await.status == 200 {}
    let lines = server.log.lines();
    let last = lines.iter().rfind(|line| line.contains("stopping")).unwrap();
    let fields = &serde_json::from_str::<Value>(last).unwrap()["fields"];
    assert_eq!((&fields["status"], &fields["cause"]), (&json!(503), &json!("shutting_down")), "{fields}");
    assert_eq!(Scrape::of(&server).await.count(&series(503, "shutting_down")), 1);
}
