//! The log, and what error messages reveal.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use support::postgres::{Cluster, fresh_database, psql};
use support::raw::{Answer, request, send_unfinished};
use support::routes::task_routes;
use support::user::PASSWORD;
use support::{Server, User};

use crate::everything::Everything;

/// Lets sessions expire during a test.
pub(crate) const SHORT: (&str, &str) = ("TASKBRIDGE__SESSION__UNREMEMBERED_LIFETIME_SECONDS", "1");

/// A log line.
pub(crate) struct Line {
    pub(crate) request_id: Option<String>,
    pub(crate) message: String,
    /// The fields as text, by name.
    pub(crate) fields: BTreeMap<String, String>,
}

/// Parses a log in JSON, and asserts that each line has a timestamp.
pub(crate) fn json_lines(log: &str) -> Vec<Line> {
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert_time(line["timestamp"].as_str().unwrap());
        let request_id = line["request_id"].as_str().map(str::to_owned);
        let Value::Object(fields) = line["fields"].take() else { panic!("{line}") };
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name, text(value))).collect();
        Line { request_id, message: fields["message"].clone(), fields }
    };
    log.lines().map(line).collect()
}

/// Parses a log in text form, and asserts that each line begins with a timestamp, so that no value has broken a line.
pub(crate) fn text_lines(log: &str) -> Vec<Line> {
    let line = |line: &str| {
        assert!(!line.contains('\u{1b}'), "{line}");
        let (time, rest) = line.split_once(' ').unwrap();
        assert_time(time);
        let (_, event) = rest.split_once(": ").unwrap();
        let (event, id) = match event.rsplit_once(" request_id=") {
            Some((event, id)) => (event, Some(id.trim_matches('"').to_owned())),
            None => (event, None),
        };
        let message =
            event.split_once(' ').filter(|(_, rest)| rest.contains('=')).map_or(event, |(message, _)| message);
        let pairs = event.split(' ').filter_map(|pair| pair.split_once('='));
        let fields = pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
        Line { request_id: id, message: message.to_owned(), fields }
    };
    log.lines().map(line).collect()
}

/// Asserts that a text is an RFC 3339 timestamp in UTC.
pub(crate) fn assert_time(text: &str) {
    let pattern = "dddd-dd-ddTdd:dd:dd.";
    let (start, fraction) = text.split_at(pattern.len());
    let fits = start
        .bytes()
        .zip(pattern.bytes())
        .all(|(byte, of)| if of == b'd' { byte.is_ascii_digit() } else { byte == of });
    let digits = fraction.strip_suffix('Z').unwrap_or_else(|| panic!("{text}"));
    assert!(fits && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
}

pub(crate) fn whole_log(server: &mut Server) -> String {
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    server.log.text()
}

/// Words that would reveal the implementation.
const INTERNALS: [&str; 34] = [
    "select ",
    "insert into",
    "update \"",
    "delete from",
    "returning",
    "sql",
    "postgres",
    "database",
    "relation",
    "constraint",
    "column \"",
    "duplicate key",
    "table",
    "\"user\".",
    "verification",
    "ratelimit",
    "jwks",
    "sea_orm",
    "seaorm",
    "sea-orm",
    "actix",
    "tokio",
    "serde",
    "bcrypt",
    "jsonwebtoken",
    "taskbridge",
    "crates/",
    ".rs",
    ".toml",
    "/home",
    "/usr",
    "panic",
    "backtrace",
    "thread '",
];

fn assert_tells_nothing(asked: &str, answer: &Answer) {
    if answer.status >= 400 {
        let body = answer.body.to_lowercase();
        let told: Vec<_> = INTERNALS.iter().filter(|word| body.contains(**word)).collect();
        assert!(told.is_empty(), "{asked}: {told:?} in {}", answer.body);
    }
}

/// No error of the whole run reveals the implementation.
#[tokio::test]
async fn no_error_tells_how_this_is_built() {
    let server = Server::start_with(&[SHORT]);
    let run = Everything::run(&server).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (asked, answer) in &run.answers {
        assert_tells_nothing(asked, answer);
        *statuses.entry(answer.status).or_default() += 1;
    }
    for expected in [200, 201, 204, 400, 401, 403, 404, 405, 413, 415, 422] {
        assert!(statuses.contains_key(&expected), "{expected}: {statuses:?}");
    }
    assert!(statuses.keys().all(|status| *status < 500), "{statuses:?}");
}

/// If the database rejects a statement, has lost a table, or is down, answers are 500 or 503, and the log has the
/// reason. Neither contains a value, an address or a password.
#[tokio::test(flavor = "multi_thread")]
async fn database_errors_are_logged_without_values_and_not_told() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    let mut server = Server::start_with(&[("DATABASE_URL", &url), ("RUST_LOG", "trace")]);
    let ann = User::sign_up(&server, "ann-canary").await;
    ann.add(json!({ "title": "before" })).await;
    let title = "a private title";
    let ask = async || {
        let mut answers = Vec::new();
        let authorization = format!("Authorization: Bearer {}", ann.token);
        for (method, rest, _, _) in task_routes("1") {
            let body = json!({ "title": title, "description": "a private description" }).to_string();
            let line = format!("{method} {} HTTP/1.1", ann.tasks(&rest));
            let body = if method == "GET" { "" } else { &body };
            answers.push(
                send_unfinished(
                    &server,
                    &request(&line, &[&authorization, "Content-Type: application/json"], body.as_bytes()),
                )
                .await,
            );
        }
        for path in ["/api/auth/sign-in/email", "/api/auth/sign-up/email"] {
            let body = json!({ "name": "Ann", "email": ann.email, "password": PASSWORD }).to_string();
            let line = format!("POST {path} HTTP/1.1");
            answers.push(
                send_unfinished(&server, &request(&line, &["Content-Type: application/json"], body.as_bytes())).await,
            );
        }
        let cookie = format!("Cookie: {}", ann.cookie);
        answers.push(send_unfinished(&server, &request("GET /api/auth/token HTTP/1.1", &[&cookie], b"")).await);
        for answer in &answers {
            assert_tells_nothing(&answer.head, answer);
            assert!(answer.header("x-request-id").is_some());
        }
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    };
    psql(&url, "alter table tasks add check (title <> 'a private title')");
    let refused = ask().await;
    assert!(refused.iter().filter(|status| **status == 500).count() >= 3, "{refused:?}");
    psql(&url, "alter table tasks rename to gone; alter table \"user\" rename to nobody");
    let broken = ask().await;
    assert!(broken.iter().all(|status| *status == 500), "{broken:?}");
    cluster.kill();
    let away = ask().await;
    assert!(away.iter().all(|status| *status == 503), "{away:?}");

    server.terminate();
    server.wait();
    let log = server.log.text();
    let causes = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
    let causes: Vec<_> =
        causes.filter(|fields| fields["status"] == 503).map(|mut fields| fields["cause"].take()).collect();
    assert!(causes.len() == away.len() && causes.iter().all(|cause| cause == "database_unavailable"), "{causes:?}");
    for expected in ["violates check constraint", "does not exist", "TRACE"] {
        assert!(log.contains(expected), "{expected}");
    }
    let database = url.rsplit_once('/').unwrap().1;
    for secret in [title, "a private description", "ann-canary", PASSWORD, &ann.token, &ann.cookie, &url, database] {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None, "{secret}");
    }
}

/// Sign-ins are logged with time, client address and user id, but without email address or password.
#[tokio::test]
async fn sign_ins_are_logged() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let sign_in = async |email: &str, password: &str| {
        let request = ann.anonymous(Method::POST, "/api/auth/sign-in/email").header("x-request-id", "the-one");
        request.json(&json!({ "email": email, "password": password })).send().await.unwrap().status()
    };
    assert_eq!(sign_in(&ann.email, PASSWORD).await, 200);
    assert_eq!(sign_in(&ann.email, "wrong password").await, 401);
    assert_eq!(sign_in("stranger@example.test", "wrong password").await, 401);
    let log = whole_log(&mut server);
    let lines = json_lines(&log);
    let of = |message: &str| {
        let found = lines.iter().filter(|line| line.message == message);
        found.map(|line| (line.fields.get("user_id"), line.fields["client_ip"].as_str())).collect::<Vec<_>>()
    };
    assert_eq!(of("signed up"), [(Some(&ann.id), "127.0.0.1")]);
    assert_eq!(of("signed in"), [(Some(&ann.id), "127.0.0.1")]);
    assert_eq!(of("sign-in refused"), [(Some(&ann.id), "127.0.0.1"), (None, "127.0.0.1")]);
    // Each of the three sign-ins, and its request.
    assert_eq!(lines.iter().filter(|line| line.request_id.as_deref() == Some("the-one")).count(), 6);
    for secret in [ann.email.as_str(), "stranger", "wrong password", PASSWORD] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// Long headers are truncated where they are stored, and do no harm elsewhere.
#[tokio::test]
async fn a_header_as_long_as_a_book_is_cut_or_refused() {
    let url = fresh_database();
    let mut server = Server::start_with(&[("DATABASE_URL", &url)]);
    let ann = User::sign_up(&server, "ann").await;
    let long = "x".repeat(60_000);
    let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").header("user-agent", format!("canary {long}"));
    let signed_in = sign_in.json(&json!({ "email": ann.email, "password": PASSWORD })).send().await.unwrap();
    assert_eq!(signed_in.status(), 200);
    let kept = "select length(\"userAgent\") from session where \"userAgent\" like 'canary%'";
    assert_eq!(psql(&url, kept), "1024");
    for name in ["user-agent", "x-request-id", "content-type", "cookie", "origin"] {
        for path in [ann.tasks(""), "/api/auth/sign-in/email".into(), "/health/ready".into()] {
            let asked = ann.request(Method::POST, &path).header(name, &long).body("{}").send().await.unwrap();
            assert!(asked.status().as_u16() < 500, "{name} {path}: {}", asked.status());
        }
    }
    let longest = whole_log(&mut server).lines().map(str::len).max();
    assert!(longest < Some(1000), "{longest:?}");
}

/// Each request is logged in one line: method, route, status, user, the cause of a refusal, and the text of an error.
#[tokio::test]
async fn each_request_is_one_line() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    ann.get(&ann.tasks("/7")).await;
    ann.anonymous(Method::GET, &ann.tasks("")).bearer_auth("forged").send().await.unwrap();
    server.terminate();
    server.wait();

    let log = server.log.lines();
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone());
    let requests: Vec<_> = lines.filter(|fields| fields["message"] == "request").collect();
    let [sign_up, absent, refused] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!((&sign_up["method"], &sign_up["status"]), (&json!("POST"), &json!(200)));
    assert_eq!(sign_up["route"], "/api/auth/sign-up/email");
    assert_eq!((&absent["route"], &absent["status"]), (&json!("/api/{user_id}/tasks/{task_id}"), &json!(404)));
    assert_eq!(absent["user_id"], json!(ann.id));
    assert!(absent["microseconds"].is_u64());
    assert_eq!(refused["status"], 401);
    assert_eq!((&refused["cause"], absent.get("cause"), sign_up.get("error")), (&json!("malformed_token"), None, None));
    assert!(refused["error"].as_str().unwrap().contains("three segments"));
    assert_eq!(absent["error"], "Task not found");
    assert!(refused.get("user_id").is_none());
}
