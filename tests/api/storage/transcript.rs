//! Replays 135 requests that were recorded with Better Auth, and compares the answers.
//!
//! Ids, tokens, timestamps and signatures differ in each run, so only their form is compared. Everything else must be
//! equal: status, body, the headers of the protocol, and cookies with their attributes. Intended differences are
//! listed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response};
use serde_json::Value;
use support::Server;
use support::compatibility::{Column, endpoint, is_on_the_page};

const TRANSCRIPT: &str = include_str!("../../vectors/transcript.json");

/// Headers that are compared; a server may send others.
const HEADERS: [&str; 6] = ["cache-control", "content-type", "location", "pragma", "set-auth-token", "x-retry-after"];

/// Requests with an intentionally different answer: Node's `fetch` sends `Sec-Fetch-Mode` but no `Origin`, and may sign
/// in.
const OTHERWISE: [&str; 1] = ["sign-in, Sec-Fetch-Mode without Origin"];

/// A cookie that only Taskbridge sets.
const KNOWN_DEVICE: &str = "better-auth.known_device=";

/// Fields with generated values. The IP address is that of the connection, which Better Auth ignores.
const DRAWN: [&str; 10] =
    ["id", "accountId", "token", "userId", "createdAt", "updatedAt", "expiresAt", "ipAddress", "kid", "x"];

/// A server, and its values for those in the transcript.
struct Replay {
    server: Server,
    http: Client,
    /// Session tokens, by their value in the transcript.
    tokens: BTreeMap<String, String>,
    /// Signed session tokens, by their value in the transcript.
    signed: BTreeMap<String, String>,
}

impl Replay {
    fn start(base: &str, more: &[(&str, &str)]) -> Self {
        let settings = [
            ("AUTH_MODE", "server"),
            ("BETTER_AUTH_URL", base),
            ("BETTER_AUTH_TRUSTED_ORIGINS", "http://localhost:3000"),
            ("JWT_ALGORITHM", "EdDSA"),
            ("TASKBRIDGE__AUTH__DELETE_USER", "on"),
        ];
        let server = Server::start_with(&[&settings, more].concat());
        Self { server, http: Client::new(), tokens: BTreeMap::new(), signed: BTreeMap::new() }
    }

    /// Replaces the values of the transcript by those of this server.
    fn translate(&self, text: &str) -> String {
        let signed = self.signed.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
        self.tokens.iter().fold(signed, |text, (theirs, ours)| text.replace(theirs, ours))
    }

    async fn send(&self, request: &Value) -> Response {
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = self.http.request(method, self.server.url(request["path"].as_str().unwrap()));
        for (name, value) in request["headers"].as_object().unwrap() {
            match value {
                Value::String(value) => sent = sent.header(name, self.translate(value)),
                // The client computes the length of the body.
                _ => assert_eq!(name, "content-length"),
            }
        }
        if let Some(body) = request["body"].as_str() {
            sent = sent.body(self.translate(body));
        }
        sent.send().await.unwrap()
    }

    async fn answer(&self, request: &Value) -> (u16, HeaderMap, Value) {
        let response = self.send(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        (status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Compares an answer with the recorded one, and remembers its generated values. If the recording waited before a
    /// request, the request is repeated until the answer is equal.
    async fn compare(&mut self, entry: &Value) {
        let (request, expected) = (&entry["request"], &entry["response"]);
        let what = format!("{} {} ({})", request["method"], request["path"], entry["title"]);
        // Prevents a hang; on a busy machine a write can take long.
        let end = Instant::now() + Duration::from_mins(1);
        let (status, headers, body) = loop {
            let (status, headers, body) = self.answer(request).await;
            let has_come = expected["status"] == status && expected["body"].is_null() == body.is_null();
            if has_come || !["list-sessions stale", "get-session expired"].contains(&entry["title"].as_str().unwrap()) {
                break (status, headers, body);
            }
            assert!(Instant::now() < end, "{what}: {status} {body}: {}", self.server.log.text());
        };
        assert_eq!(expected["status"], status, "{what}: {body}");
        same_headers(&what, &expected["headers"], &headers);
        same_shape(&what, &expected["body"], &body);
        self.remember(expected, &headers, &body);
    }

    /// Remembers which values of this server correspond to those of the transcript.
    fn remember(&mut self, expected: &Value, headers: &HeaderMap, body: &Value) {
        if let (Some(theirs), Some(ours)) = (expected["body"]["token"].as_str(), body["token"].as_str()) {
            self.tokens.insert(theirs.to_owned(), ours.to_owned());
        }
        if let (Some(theirs), Some(ours)) =
            (expected["headers"]["set-auth-token"].as_str(), headers.get("set-auth-token"))
        {
            self.signed.insert(theirs.to_owned(), ours.to_str().unwrap().to_owned());
        }
        let (theirs, ours) = (their_cookies(&expected["headers"]), our_cookies(headers));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let [theirs, ours] = [theirs, ours].map(|line| line.split(';').next().unwrap_or_default().to_owned());
            if !theirs.ends_with('=') {
                self.signed.insert(theirs, ours);
            }
        }
    }
}

fn their_cookies(headers: &Value) -> Vec<String> {
    let lines = headers["set-cookie"].as_array().into_iter().flatten();
    lines.map(|line| line.as_str().unwrap().to_owned()).collect()
}

fn our_cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
    lines.filter(|line| !line.starts_with(KNOWN_DEVICE)).collect()
}

fn seconds(header: Option<&str>) -> Option<u64> {
    header.map(|text| text.parse().unwrap())
}

fn same_headers(what: &str, theirs: &Value, ours: &HeaderMap) {
    for name in HEADERS {
        let (theirs, ours) = (theirs[name].as_str(), ours.get(name).map(|value| value.to_str().unwrap()));
        // Taskbridge forbids caching of every answer.
        let is_ours_alone = theirs.is_none() && ["cache-control", "pragma"].contains(&name);
        let is_same = match name {
            "set-auth-token" => theirs.is_some() == ours.is_some(),
            // On a busy machine, more seconds pass before a request is refused.
            "x-retry-after" => seconds(ours) == seconds(theirs) || seconds(ours) == seconds(theirs).map(|all| all - 1),
            _ => theirs == ours,
        };
        assert!(is_same || is_ours_alone, "{what}: {name}: {theirs:?}, not {ours:?}");
    }
    if theirs["set-auth-jwt"].is_string() {
        let jwt = ours.get("set-auth-jwt").map(|jwt| jwt.to_str().unwrap().split('.').count());
        assert_eq!(jwt, Some(3), "{what}");
    }
    // Generated values end with a signature and are masked; others are compared.
    let masked = |line: String| {
        let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
        let (name, value) = pair.split_once('=').unwrap_or_default();
        format!("{name}={};{attributes}", if value.is_empty() { "" } else { "…" })
    };
    let [theirs, ours] = [their_cookies(theirs), our_cookies(ours)];
    let [theirs, ours] = [theirs, ours].map(|lines| lines.into_iter().map(masked).collect::<Vec<_>>());
    assert_eq!(ours, theirs, "{what}");
}

/// Asserts that two values are equal, or of the same type if they are generated.
fn same_shape(what: &str, theirs: &Value, ours: &Value) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{what}");
            for (name, value) in theirs {
                match (value, &ours[name]) {
                    (Value::String(theirs), Value::String(ours)) if DRAWN.contains(&name.as_str()) => {
                        let is_date = |text: &str| text.len() == 24 && text.ends_with('Z');
                        assert_eq!(is_date(ours), is_date(theirs), "{what}: {name}");
                    }
                    (theirs, ours) => same_shape(&format!("{what}: {name}"), theirs, ours),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            assert_eq!(ours.len(), theirs.len(), "{what}");
            theirs.iter().zip(ours).for_each(|(theirs, ours)| same_shape(what, theirs, ours));
        }
        _ => assert_eq!(ours, theirs, "{what}"),
    }
}

/// Numbers of requests by endpoint.
type Counts = BTreeMap<&'static str, usize>;

fn recorded() -> Vec<Value> {
    let transcript: Value = serde_json::from_str(TRANSCRIPT).unwrap();
    transcript["entries"].as_array().unwrap().clone()
}

fn endpoint_of(entry: &Value) -> &'static str {
    let [method, path] = ["method", "path"].map(|name| entry["request"][name].as_str().unwrap());
    endpoint(method, path)
}

/// Replays the requests of one profile, and counts them.
async fn replay(profile: &str, base: &str, settings: &[(&str, &str)]) -> Counts {
    let mut replay = Replay::start(base, settings);
    let mut replayed = Counts::new();
    for entry in recorded().iter().filter(|entry| entry["profile"] == profile) {
        if OTHERWISE.contains(&entry["title"].as_str().unwrap()) {
            continue;
        }
        replay.compare(entry).await;
        *replayed.entry(endpoint_of(entry)).or_default() += 1;
    }
    replayed
}

#[tokio::test]
async fn what_was_recorded_is_answered_in_the_same_way() {
    const HTTP: &str = "http://app.example.test";
    const HTTPS: &str = "https://app.example.test";
    let limited = [("RATE_LIMIT", "on"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let mut replayed = Counts::new();
    for (profile, base, settings, expected) in [
        ("default", HTTP, &[][..], 107),
        ("secure", HTTPS, &[], 3),
        ("refresh", HTTP, &[("TASKBRIDGE__SESSION__UPDATE_AGE_SECONDS", "0")], 4),
        ("fresh", HTTP, &[("TASKBRIDGE__SESSION__FRESH_AGE_SECONDS", "1")], 3),
        ("expire", HTTP, &[("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "1")], 3),
        ("rate", HTTP, &limited, 4),
    ] {
        let counts = replay(profile, base, settings).await;
        assert_eq!(counts.values().sum::<usize>(), expected, "{profile}");
        for (endpoint, count) in counts {
            *replayed.entry(endpoint).or_default() += count;
        }
    }
    let mut all = Counts::new();
    for entry in recorded() {
        *all.entry(endpoint_of(&entry)).or_default() += 1;
    }
    let row = |(endpoint, all)| (endpoint, format!("{} of {all}", replayed.get(endpoint).unwrap_or(&0)));
    is_on_the_page(Column::Recorded, &all.into_iter().map(row).collect());
}

/// Behaves like Better Auth when another server signs the tokens.
#[tokio::test]
async fn tokens_that_are_signed_with_the_secret_have_no_keys_to_publish() {
    let server = Server::start();
    let answer = Client::new().get(server.url("/api/auth/jwks")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get("content-type")), (404, None));
    assert_eq!(answer.text().await.unwrap(), "");
}
