//! Names and attributes of the session cookie that an app has configured in its Better Auth.

use serde_json::{Value, json};
use support::peer::APP;
use support::user::PASSWORD;
use support::{Database, Pair, Peer};

const HTTPS: &str = "https://app.example.test";

const ANOTHER: &str = "another-secret-not-for-production-0123456789";

/// The start of the line in the log.
const IGNORED: &str = "ignored the session cookie";

/// Options of the app's Better Auth, and the settings for them.
struct Case {
    options: &'static [(&'static str, &'static str)],
    settings: &'static [(&'static str, &'static str)],
    cookie: &'static str,
    /// The settings in the log.
    advice: &'static str,
    origin: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        options: &[("SECURE_COOKIES", "on")],
        settings: &[("TASKBRIDGE__SESSION__SECURE_COOKIES", "on")],
        cookie: "__Secure-better-auth.session_token",
        advice: "session.secure_cookies to on",
        origin: APP,
    },
    Case {
        options: &[("COOKIE_PREFIX", "my-app")],
        settings: &[("TASKBRIDGE__SESSION__COOKIE_PREFIX", "my-app")],
        cookie: "my-app.session_token",
        advice: "session.cookie_prefix to my-app",
        origin: APP,
    },
    Case {
        options: &[("SECURE_COOKIES", "on"), ("COOKIE_PREFIX", "my.app")],
        settings: &[("TASKBRIDGE__SESSION__SECURE_COOKIES", "on"), ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "my.app")],
        cookie: "__Secure-my.app.session_token",
        advice: "session.cookie_prefix to my.app and session.secure_cookies to on",
        origin: APP,
    },
    Case {
        options: &[("SECURE_COOKIES", "off")],
        settings: &[("TASKBRIDGE__SESSION__SECURE_COOKIES", "off")],
        cookie: "better-auth.session_token",
        advice: "session.secure_cookies to off",
        origin: HTTPS,
    },
];

impl Case {
    /// Starts both on a database: PostgreSQL for cases with the attribute `Secure`, SQLite for the others.
    fn pair(&self, taskbridge: &[(&str, &str)]) -> (Pair, [(Peer, Peer); 2]) {
        let url = ("BETTER_AUTH_URL", self.origin);
        let database = if self.is_secure() { Database::postgres() } else { Database::sqlite() };
        let (taskbridge, better_auth) = ([&[url], taskbridge].concat(), [&[url], self.options].concat());
        let pair = Pair::start_better_auth_first(database, &taskbridge, &better_auth);
        let peers = pair.both_ways().map(|(one, other)| (one.with_origin(self.origin), other.with_origin(self.origin)));
        (pair, peers)
    }

    fn is_secure(&self) -> bool {
        self.cookie.starts_with("__Secure-")
    }
}

/// With the settings for the app's options, cookies have the same name and the same attributes, and each server accepts
/// those of the other.
#[tokio::test]
async fn a_session_stays_valid_with_the_settings_for_the_options_of_the_app() {
    for case in CASES {
        let (pair, peers) = case.pair(case.settings);
        let mut attributes = Vec::new();
        for (one, other) in peers {
            let ann = one.sign_up("ann").await;
            assert!(ann.cookie.starts_with(&format!("{}=", case.cookie)), "{}: {}", one.name, ann.cookie);
            let answer = one.try_sign_in(&ann.user["email"], PASSWORD).await;
            let line = answer.headers["set-cookie"].to_str().unwrap();
            attributes.push(line.split_once(';').unwrap().1.to_owned());
            let expected = one.get_session(&ann.cookie).await;
            assert_eq!(expected["user"], ann.user, "{}", one.name);
            assert_eq!(other.get_session(&ann.cookie).await, expected, "{}", other.name);
            let out = other.post("/sign-out", &ann.cookie, json!({})).await;
            let removal = format!("{}=; Max-Age=0;", case.cookie);
            assert!(out.headers["set-cookie"].to_str().unwrap().starts_with(&removal), "{}", other.name);
            assert_eq!(one.get_session(&ann.cookie).await, Value::Null, "{}", one.name);
        }
        assert_eq!(attributes[0], attributes[1], "{}", case.cookie);
        assert_eq!(attributes[0].contains("; Secure;"), case.is_secure(), "{}", case.cookie);
        assert!(!pair.taskbridge.log.text().contains(IGNORED));
    }
}

/// Without them, Taskbridge does not find the session. The log names the settings, once for each name.
#[tokio::test]
async fn the_log_names_the_settings_for_the_cookies_of_the_app() {
    for case in CASES {
        let (pair, [(ours, theirs), _]) = case.pair(&[]);
        let ann = theirs.sign_up("ann").await;
        for _ in 0..3 {
            assert_eq!(ours.get_session(&ann.cookie).await, Value::Null);
            assert_eq!(ours.get("/list-sessions", &ann.cookie).await.status, 401);
        }
        let lines = pair.taskbridge.log.lines();
        let told: Vec<_> = lines.iter().filter(|line| line.contains(IGNORED)).collect();
        let [line] = told.as_slice() else { panic!("{}: {told:?}", case.cookie) };
        let advice = format!("BETTER_AUTH_SECRET signed it, so set {},", case.advice);
        assert!(line.contains("WARN") && line.contains(&format!("cookie {},", case.cookie)), "{line}");
        assert!(line.contains(&advice) && !line.contains(&ann.token), "{line}");
    }
}

/// A cookie of another app on the same host, which the secret did not sign.
#[tokio::test]
async fn a_cookie_that_another_secret_signed_is_reported_as_such() {
    let options = [("COOKIE_PREFIX", "other"), ("BETTER_AUTH_SECRET", ANOTHER)];
    let pair = Pair::start(Database::sqlite(), &[], &options);
    let [ours, theirs] = [Peer::taskbridge(&pair.taskbridge), Peer::better_auth(&pair.better_auth)];
    let (ann, bob) = (theirs.sign_up("ann").await, ours.sign_up("bob").await);
    // A request with a session cookie of this server is not reported, even if it has others, too.
    let both = format!("{}; {}", ann.cookie, bob.cookie);
    assert_eq!(ours.get_session(&both).await["user"], bob.user);
    assert!(!pair.taskbridge.log.text().contains(IGNORED));
    assert_eq!(ours.get_session(&ann.cookie).await, Value::Null);
    let log = pair.taskbridge.log.text();
    let line = log.lines().find(|line| line.contains("ignored the session cookie other.session_token")).unwrap();
    assert!(line.contains("BETTER_AUTH_SECRET, which did not sign it"), "{line}");
}

/// A cookie of the right name, which the secret did not sign.
#[tokio::test]
async fn a_wrong_secret_is_reported() {
    let pair = Pair::start(Database::sqlite(), &[], &[("BETTER_AUTH_SECRET", ANOTHER)]);
    let [ours, theirs] = [Peer::taskbridge(&pair.taskbridge), Peer::better_auth(&pair.better_auth)];
    let ann = theirs.sign_up("ann").await;
    // The other cookie is not reported, because there is one of the right name.
    let both = format!("other.session_token=x; {}", ann.cookie);
    for cookie in [&ann.cookie, &both] {
        assert_eq!(ours.get_session(cookie).await, Value::Null);
    }
    let log = pair.taskbridge.log.text();
    assert_eq!(log.matches(IGNORED).count(), 1, "{log}");
    assert!(log.contains("better-auth.session_token, because BETTER_AUTH_SECRET did not sign it"), "{log}");
}

/// The doctor names the cookie, and warns of settings with which browsers lose or expose it.
#[test]
fn the_doctor_reports_the_name_of_the_session_cookie() {
    let folder = tempfile::tempdir().unwrap();
    let secure = |setting| ("TASKBRIDGE__SESSION__SECURE_COOKIES", setting);
    for (origin, setting, state, name) in [
        (APP, "auto", "ok", "better-auth.session_token;"),
        (APP, "off", "ok", "better-auth.session_token;"),
        (APP, "on", "warn", "__Secure-better-auth.session_token."),
        ("http://localhost:3000", "on", "ok", "__Secure-better-auth.session_token;"),
        (HTTPS, "auto", "ok", "__Secure-better-auth.session_token;"),
        (HTTPS, "on", "ok", "__Secure-better-auth.session_token;"),
        (HTTPS, "off", "warn", "better-auth.session_token."),
    ] {
        let variables = [("AUTH_MODE", "server"), ("BETTER_AUTH_URL", origin), secure(setting)];
        let (_, report) = support::server::run(folder.path(), &["doctor"], &variables);
        let line = report.lines().find(|line| line.contains(" cookies ")).unwrap();
        assert!(line.starts_with(state) && line.contains(&format!(" is {name}")), "{line}");
    }
}
