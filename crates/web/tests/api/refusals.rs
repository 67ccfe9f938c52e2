//! Each cause of a refusal: the status of the response, the word in the access log and in the metrics, and the entry in
//! `docs/troubleshooting.md`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Once;

use actix_web::test::TestRequest;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use taskbridge_domain::owned::OwnedResource as _;
use taskbridge_domain::ports::{
    CreateError, Credential, HashError, MockRateLimiter, MockTaskRepo, RejectionKind, StoreError,
};
use taskbridge_domain::rate_limit::Decision;
use taskbridge_domain::sessions::Session;
use taskbridge_domain::tasks::{Description, Task};
use taskbridge_domain::testing::fixtures::{moment, session, task, user};
use taskbridge_domain::users::{Ban, PasswordHash, Restrictions, User};
use taskbridge_web::{RefusalCause, UnsentLimits};

use crate::support::{BODY_LIMIT, Ports, TestAuth, alice, alice_sends, anonymous, page};

const TASKS: &str = "/api/alice/tasks";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_OUT: &str = "/api/auth/sign-out";
const TOKEN: &str = "/api/auth/token";
const TITLE: &str = r#"{"title":"x"}"#;
const EVIL: (&str, &str) = ("origin", "https://evil.example");

thread_local! {
    /// The log of the test that this thread runs, as JSON lines. `None` if the test does not read it.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the log of the thread.
struct ThreadLog;

impl Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().map_or(Ok(bytes.len()), |log| log.write(bytes)))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to record the log of this thread.
///
/// All tests have the same subscriber, because a subscriber for one thread may miss events that other threads emit first.
fn record_log() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| tracing_subscriber::fmt().json().with_writer(|| ThreadLog).init());
    LOG.set(Some(Vec::new()));
}

/// Ends the recording, and returns the fields of its only access log line.
fn recorded_request() -> Value {
    let text = String::from_utf8(LOG.take().unwrap()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
    let requests: Vec<_> = lines.filter(|fields| fields["message"] == "request").collect();
    let [fields] = requests.as_slice() else { panic!("{text}") };
    fields.clone()
}

/// Asserts that the app refuses a request because of `cause`: in the status, in the access log and in the metrics.
async fn assert_refused(cause: RefusalCause, ports: Ports, request: TestRequest) {
    let mut registry = Registry::default();
    ports.metrics.register(&mut registry);
    record_log();
    let answer = ports.framed_answer(request).await;
    let word = cause.word();
    assert_eq!(answer.status, cause.status(), "{word}: {answer:?}");

    let logged = recorded_request();
    assert_eq!(
        (logged["status"].as_u64(), logged["cause"].as_str()),
        (Some(cause.status().as_u16().into()), Some(word))
    );
    assert!(logged["error"].is_string(), "{logged}");

    let mut metrics = String::new();
    encode(&mut metrics, &registry).unwrap();
    let refusals = metrics.lines().filter(|line| line.starts_with("refusals_total") && !line.ends_with(" 0"));
    let expected = format!("refusals_total{{status=\"{}\",cause=\"{word}\"}} 1", cause.status().as_u16());
    assert_eq!(refusals.collect::<Vec<_>>(), [expected]);
}

type Case = (RefusalCause, Ports, TestRequest);

/// Requests for tasks whose token is rejected, or cannot be verified.
fn tokens() -> Vec<Case> {
    let rejected = [
        (RejectionKind::Malformed, RefusalCause::MalformedToken),
        (RejectionKind::TooLong, RefusalCause::TokenTooLong),
        (RejectionKind::UnsupportedExtension, RefusalCause::UnsupportedExtension),
        (RejectionKind::NotAnAccessToken, RefusalCause::NotAnAccessToken),
        (RejectionKind::AlgorithmNotEnabled, RefusalCause::AlgorithmNotEnabled),
        (RejectionKind::UnknownKey, RefusalCause::UnknownKey),
        (RejectionKind::WrongSignature, RefusalCause::WrongSignature),
        (RejectionKind::MissingClaim, RefusalCause::MissingClaim),
        (RejectionKind::Expired, RefusalCause::Expired),
        (RejectionKind::NotYetValid, RefusalCause::NotYetValid),
        (RejectionKind::WrongIssuer, RefusalCause::WrongIssuer),
        (RejectionKind::WrongAudience, RefusalCause::WrongAudience),
    ];
    let rejected = rejected.into_iter().map(|(rejection, cause)| {
        let ports = Ports { auth: TestAuth { rejection, ..TestAuth::new() }, ..Ports::new() };
        (cause, ports, authorized("Bearer forged"))
    });
    let headers = [
        (RefusalCause::NoToken, anonymous("GET", TASKS)),
        (RefusalCause::SeveralTokens, alice("GET", TASKS).append_header(("authorization", "Bearer alice-token"))),
        (RefusalCause::WrongScheme, authorized("Basic YTpi")),
        (RefusalCause::EmptyToken, authorized("Bearer")),
        (RefusalCause::EmptyToken, authorized("Bearer ")),
        (RefusalCause::MalformedToken, authorized("Bearer \u{fc}")),
        (RefusalCause::KeysUnavailable, authorized("Bearer keyless-token")),
        (RefusalCause::OtherUser, authorized("Bearer bob-token")),
    ];
    rejected.chain(headers.map(|(cause, request)| (cause, Ports::new(), request))).collect()
}

fn authorized(header: &'static str) -> TestRequest {
    anonymous("GET", TASKS).insert_header(("authorization", header.as_bytes()))
}

/// Requests for tasks with a valid token.
fn tasks() -> Vec<Case> {
    let failing = |error: fn() -> CreateError| {
        let mut repo = MockTaskRepo::new();
        repo.expect_create().return_once(move |_, _, _| Err(error()));
        Ports::with_tasks(repo)
    };
    let mut large = MockTaskRepo::new();
    let description = Some(Description::parse("x".repeat(1000)).unwrap());
    let list = (0..40).map(|id| Task { description: description.clone(), ..task("alice", id) }).collect();
    large.expect_list().return_once(|_, _| Ok(page(list)));
    let no_memory = Ports { unsent: UnsentLimits { total: 0, per_network: 0 }, ..Ports::with_tasks(large) };
    let slow = || Ports { auth: TestAuth { delay: usize::MAX, ..TestAuth::new() }, ..Ports::new() };
    let limited = Ports { task_limiter: Some(refusing()), ..Ports::new() };
    let new = || alice_sends("POST", TASKS, TITLE);
    vec![
        (RefusalCause::UnknownUser, failing(|| CreateError::UnknownOwner), new()),
        (RefusalCause::TaskLimitReached, failing(|| CreateError::LimitReached(Task::NAME)), new()),
        (RefusalCause::TooManyStatements, failing(|| StoreError::Busy.into()), new()),
        (RefusalCause::DatabaseUnavailable, failing(|| StoreError::Unavailable("down".into()).into()), new()),
        (RefusalCause::WriteOutcomeUnknown, failing(|| StoreError::OutcomeUnknown("lost".into()).into()), new()),
        (RefusalCause::BodyTooLarge, Ports::new(), alice_sends("POST", TASKS, "x".repeat(BODY_LIMIT + 1))),
        (RefusalCause::TaskRateLimited, limited, alice("GET", TASKS)),
        (RefusalCause::TimedOut, slow(), alice("GET", TASKS)),
        (RefusalCause::TimedOut, slow(), new()),
        (RefusalCause::TooManyUnsentResponses, no_memory, alice("GET", TASKS)),
    ]
}

fn refusing() -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter.expect_hit().return_once(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 7 }));
    limiter
}

fn sends(path: &str, headers: &[(&'static str, &'static str)], body: &str) -> TestRequest {
    let request = anonymous("POST", path).insert_header(("content-type", "application/json"));
    headers.iter().fold(request.set_payload(body.to_owned()), |request, header| request.insert_header(*header))
}

fn sign_in() -> TestRequest {
    sends(SIGN_IN, &[], r#"{"email":"ann@example.test","password":"correct horse"}"#)
}

/// Returns ports that find `user` and answer the check of the password with `verified`.
fn found(user: User, verified: Result<bool, HashError>) -> Ports {
    let mut ports = Ports::new();
    let password = Some(PasswordHash::new("hashed".into()));
    ports.identity.expect_find_credential().return_once(move |_| Ok(Some(Credential { user, password })));
    ports.hasher.expect_verify().return_once(|_, _, _| verified);
    ports
}

/// Sign-ins.
fn sign_ins() -> Vec<Case> {
    let banned = Restrictions { ban: Some(Ban { until: None }), second_factor: false };
    let second_factor = Restrictions { ban: None, second_factor: true };
    let restricted = |restrictions| found(User { restrictions, ..user("ann") }, Ok(true));
    let unverified = User { email_verified: false, ..user("ann") };
    let unverified = Ports { email_verification: true, ..found(unverified, Ok(true)) };
    let mut away = Ports::new();
    away.identity.expect_find_credential().return_once(|_| Err(StoreError::Unavailable("down".into())));
    let flooded = Ports { limiter: Some(refusing()), ..Ports::new() };
    let mut guessed = Ports::new();
    guessed.sessions.expect_has_session_from().return_once(|_, _, _| Ok(false));
    let mut limiter = MockRateLimiter::new();
    limiter.expect_hit().times(1).return_once(|_, _, _| Ok(Decision::Allowed));
    limiter.expect_hit().return_once(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 600 }));
    guessed.limiter = Some(limiter);
    vec![
        (RefusalCause::WrongCredentials, found(user("ann"), Ok(false)), sign_in()),
        (RefusalCause::Banned, restricted(banned), sign_in()),
        (RefusalCause::SecondFactor, restricted(second_factor), sign_in()),
        (RefusalCause::EmailNotVerified, unverified, sign_in()),
        (RefusalCause::TooManyPasswords, found(user("ann"), Err(HashError::Busy)), sign_in()),
        (RefusalCause::DatabaseUnavailable, away, sign_in()),
        (RefusalCause::RateLimited, flooded, sign_in()),
        (RefusalCause::TooManyWrongPasswords, guessed, sign_in()),
        (RefusalCause::OriginNotTrusted, Ports::new(), sign_in().insert_header(EVIL)),
        (RefusalCause::NoOrigin, Ports::new(), sign_in().insert_header(("sec-fetch-dest", "empty"))),
        (
            RefusalCause::CrossSiteNavigation,
            Ports::new(),
            sign_in().insert_header(("sec-fetch-site", "cross-site")).insert_header(("sec-fetch-mode", "navigate")),
        ),
        (
            RefusalCause::CallbackNotTrusted,
            Ports::new(),
            sends(SIGN_IN, &[], r#"{"callbackURL":"https://evil.example"}"#),
        ),
        (RefusalCause::BodyTooLarge, Ports::new(), sends(SIGN_IN, &[], &"x".repeat(BODY_LIMIT + 1))),
    ]
}

/// Requests with a session, or without one.
fn sessions() -> Vec<Case> {
    let of = |found: Option<(Session, User)>| {
        let mut ports = Ports::new();
        ports.sessions.expect_find().return_once(|_| Ok(found));
        ports
    };
    let anns = |path| anonymous("GET", path).insert_header(("authorization", "Bearer token-of-ann"));
    let old = Session { created_at: moment().before(std::time::Duration::from_hours(48)), ..session("ann") };
    let banned = Restrictions { ban: Some(Ban { until: None }), second_factor: false };
    let banned = User { restrictions: banned, ..user("ann") };
    vec![
        (RefusalCause::NoSession, Ports::new(), anonymous("GET", TOKEN)),
        (RefusalCause::SessionEnded, of(None), anns(TOKEN)),
        (RefusalCause::Banned, of(Some((session("ann"), banned))), anns(TOKEN)),
        (RefusalCause::SessionNotFresh, of(Some((old, user("ann")))), anns("/api/auth/list-sessions")),
        (RefusalCause::OriginNotTrusted, Ports::new(), sends(SIGN_OUT, &[EVIL, ("cookie", "a=b")], "{}")),
    ]
}

/// Health checks.
fn health() -> Vec<Case> {
    let ready = || anonymous("GET", "/health/ready");
    let stopping = Ports::new();
    stopping.stopping.begin();
    let mut away = Ports::new();
    away.store.expect_probe().return_once(|| Err(StoreError::Unavailable("down".into())));
    vec![(RefusalCause::ShuttingDown, stopping, ready()), (RefusalCause::DatabaseUnavailable, away, ready())]
}

/// `TooManyConnections` is tested with the real server, because such connections do not reach the app.
#[actix_web::test]
async fn each_refusal_has_its_cause_in_the_log_and_in_the_metrics() {
    let mut refused = BTreeSet::from([RefusalCause::TooManyConnections]);
    for (cause, ports, request) in [tokens(), tasks(), sign_ins(), sessions(), health()].into_iter().flatten() {
        assert_refused(cause, ports, request).await;
        refused.insert(cause);
    }
    assert_eq!(refused, RefusalCause::ALL.iter().copied().collect());
}

/// The page has a table with one row for each cause: its status, its word, what it means, and what to do.
#[test]
fn the_documentation_has_a_remedy_for_each_cause() {
    let page = include_str!("../../../../docs/troubleshooting.md");
    let (_, section) = page.split_once("\n## Why a request was refused\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let documented: Vec<_> = rows
        .skip(2)
        .map(|row| {
            let [status, word, meaning, remedy] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("{row}") };
            assert!(!meaning.trim().is_empty() && !remedy.trim().is_empty(), "{row}");
            (status.to_owned(), word.to_owned())
        })
        .collect();
    let causes =
        RefusalCause::ALL.iter().map(|cause| (cause.status().as_str().to_owned(), format!("`{}`", cause.word())));
    assert_eq!(documented, causes.collect::<Vec<_>>());
}

/// Words are values of a label and search terms. No two causes share one.
#[test]
fn the_words_are_distinct_and_in_snake_case() {
    let words: BTreeSet<_> = RefusalCause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(words.len(), RefusalCause::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
}
