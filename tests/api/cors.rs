//! CORS: which origins may read answers. Every answer has the headers, also those to requests that fail early.

use serde_json::{Value, json};
use support::raw::{Answer, request, send_unfinished};
use support::server::{SECRET, refuse_to_start};
use support::{Forge, Server, User};

const EVIL: &str = "https://evil.example.test";
const APP: &str = "https://app.example.test";
const JSON: &str = "Content-Type: application/json";
const SIGN_IN: &str = "/api/auth/sign-in/email";

/// Starts a server that trusts two further origins, with one user.
async fn site() -> (Server, User) {
    let origins = "https://App.example.test:443/, http://localhost:3000";
    let server = Server::start_with(&[("BETTER_AUTH_TRUSTED_ORIGINS", origins)]);
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "of ann" })).await;
    (server, ann)
}

fn origin(origin: &str) -> String {
    format!("Origin: {origin}")
}

/// Returns the CORS headers of an answer and `vary`, sorted. Without an allowed origin it omits
/// `access-control-expose-headers`, which Better Auth sends with every sign-in.
fn cors(answer: &Answer) -> Vec<(String, &str)> {
    let is_allowed = answer.header("access-control-allow-origin").is_some();
    let headers = answer.head.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.filter(|(name, _)| is_allowed || *name != "access-control-expose-headers");
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let mut headers: Vec<_> =
        headers.filter(|(name, _)| name.starts_with("access-control-") || name == "vary").collect();
    headers.sort_unstable();
    headers
}

/// The CORS headers of every answer to a page of `origin`.
fn allowed(origin: &str) -> Vec<(String, &str)> {
    let headers = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-origin", origin),
        (
            "access-control-expose-headers",
            "X-Total-Count, Link, set-auth-jwt, set-auth-token, X-Request-Id, Retry-After, X-Retry-After",
        ),
        ("vary", "Origin"),
    ];
    headers.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn not_allowed() -> Vec<(String, &'static str)> {
    vec![("vary".to_owned(), "Origin")]
}

/// Only pages of trusted origins may read an answer of any status. The answer itself does not depend on the
/// origin, except that other origins cannot sign in.
#[tokio::test]
async fn every_answer_may_be_read_by_trusted_origins_and_by_no_other() {
    let (server, ann) = site().await;
    let bearer = format!("Authorization: Bearer {}", ann.token);
    let bearer = bearer.as_str();
    let tasks = ann.tasks("");
    let first = ann.list().await[0]["id"].to_string();
    let good = json!({ "email": ann.email, "password": support::user::PASSWORD }).to_string();
    let bad = json!({ "email": ann.email, "password": "wrong password" }).to_string();
    let long = "Content-Length: 1000000";
    let large = format!("X-Large: {}", "x".repeat(70_000));
    let cases = [
        (200, format!("GET {tasks}"), vec![bearer], ""),
        (200, format!("GET {tasks}/{first}"), vec![bearer], ""),
        (201, format!("POST {tasks}"), vec![bearer, JSON], r#"{"title":"x"}"#),
        (401, format!("GET {tasks}"), vec![], ""),
        (401, format!("GET {tasks}"), vec!["Authorization: Bearer x"], ""),
        (403, "GET /api/bob/tasks".into(), vec![bearer], ""),
        (404, format!("GET {tasks}/999999"), vec![bearer], ""),
        (404, format!("DELETE {tasks}/x"), vec![bearer], ""),
        (404, "GET /nowhere".into(), vec![], ""),
        (405, format!("DELETE {tasks}"), vec![], ""),
        (405, format!("OPTIONS {tasks}"), vec![], ""),
        (413, format!("POST {tasks}"), vec![bearer, JSON, long], ""),
        (415, format!("POST {tasks}"), vec![bearer, "Content-Type: text/plain"], "x"),
        (422, format!("POST {tasks}"), vec![bearer, JSON], "{}"),
        (422, format!("POST {tasks}"), vec![bearer, JSON], "{"),
        (431, format!("GET {tasks}"), vec![bearer, &large], ""),
        (200, format!("POST {SIGN_IN}"), vec![JSON], &good),
        (400, format!("POST {SIGN_IN}"), vec![JSON], "{"),
        (400, format!("POST {SIGN_IN}"), vec![JSON], "{}"),
        (401, format!("POST {SIGN_IN}"), vec![JSON], &bad),
        (401, "GET /api/auth/token".into(), vec![], ""),
        (404, "GET /api/auth/nowhere".into(), vec![], ""),
        (404, format!("OPTIONS {SIGN_IN}"), vec![], ""),
        (413, format!("POST {SIGN_IN}"), vec![JSON, long], ""),
        (415, format!("POST {SIGN_IN}"), vec!["Content-Type: text/plain"], "x"),
        (431, "GET /api/auth/token".into(), vec![&large], ""),
        (200, "GET /health/live".into(), vec![], ""),
    ];
    let own = server.origin.as_str();
    for (status, line, headers, body) in cases {
        let ask = async |origin: Option<&str>| {
            let is_sign_in = line.ends_with(SIGN_IN) && [200, 401].contains(&status);
            let status = if is_sign_in && origin == Some(EVIL) { 403 } else { status };
            let origin = origin.map(self::origin);
            let headers: Vec<_> = headers.iter().copied().chain(origin.as_deref()).collect();
            let answer =
                send_unfinished(&server, &request(&format!("{line} HTTP/1.1"), &headers, body.as_bytes())).await;
            assert_eq!(answer.status, status, "{line} {headers:?}: {answer:?}");
            answer
        };
        assert_eq!(cors(&ask(None).await), not_allowed(), "{line}");
        assert_eq!(cors(&ask(Some(EVIL)).await), not_allowed(), "{line}");
        for origin in [APP, "http://localhost:3000", own] {
            assert_eq!(cors(&ask(Some(origin)).await), allowed(origin), "{line}");
        }
    }
    // A 204 has no length.
    let delete = request(&format!("DELETE {tasks}/{first} HTTP/1.1"), &[bearer, &origin(APP)], b"");
    let deleted = send_unfinished(&server, &delete).await;
    assert_eq!((deleted.status, cors(&deleted)), (204, allowed(APP)));
}

/// Applies to answers that are sent because the deadline has passed, too.
#[tokio::test]
async fn an_answer_that_comes_too_late_may_be_read_as_well() {
    let server = Server::start_with(&[
        ("BETTER_AUTH_TRUSTED_ORIGINS", APP),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "1"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "16"),
    ]);
    let bearer = format!("Authorization: Bearer {}", Forge::of(&server).token("ann"));
    let body = r#"{"email":"nobody@example.test","password":"some password"}"#;
    for (status, to_others, path, headers, body) in [
        (408, 408, "/api/ann/tasks", vec![&*bearer, JSON, "Content-Length: 100"], ""),
        (408, 408, SIGN_IN, vec![JSON, "Content-Length: 100"], ""),
        // Other origins cannot sign in.
        (503, 403, SIGN_IN, vec![JSON], body),
    ] {
        for (origin, status, expected) in [(APP, status, allowed(APP)), (EVIL, to_others, not_allowed())] {
            let origin = self::origin(origin);
            let headers = [&headers[..], &[&*origin]].concat();
            let answer =
                send_unfinished(&server, &request(&format!("POST {path} HTTP/1.1"), &headers, body.as_bytes())).await;
            assert_eq!((answer.status, cors(&answer)), (status, expected), "{path}");
        }
    }
}

/// Origins that resemble a trusted one are not trusted, and `*` is never sent.
#[tokio::test]
async fn look_alikes_of_a_trusted_origin_are_strangers() {
    let (server, ann) = site().await;
    let bearer = format!("Authorization: Bearer {}", ann.token);
    for look_alike in [
        "",
        "*",
        "null",
        "NULL",
        "undefined",
        "https://app.example.test/",
        "https://app.example.test.",
        "https://app.example.test.evil.test",
        "https://app.example.testevil.test",
        "https://evilapp.example.test",
        "https://evil.app.example.test",
        "https://example.test",
        "https://app-example.test",
        "https://app.example.test:443",
        "https://app.example.test:444",
        "https://app.example.test:80",
        "https://app.example.test@evil.test",
        "https://app.example.test%40evil.test",
        "https://app.example.test#@evil.test",
        "https://evil.test/https://app.example.test",
        "https://evil.test#https://app.example.test",
        "https://app.example.test, https://evil.test",
        "https://evil.test, https://app.example.test",
        "https://app.example.test https://evil.test",
        "https://app.example.test\thttps://evil.test",
        "https://app.example.test,",
        "http://app.example.test",
        "HTTPS://app.example.test",
        "https://APP.example.test",
        "https://App.example.test",
        "https:app.example.test",
        "//app.example.test",
        "app.example.test",
        "chrome-extension://app.example.test",
        "file://",
        "http://localhost",
        "http://localhost:300",
        "http://localhost:30000",
        "http://localhost:3001",
        "https://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
        "http://localhost.:3000",
        "http://localhost:3000.evil.test",
        "https://\u{430}pp.example.test",
        "https://app.example.test\u{a0}",
    ] {
        let origin = origin(look_alike);
        let get = request(&format!("GET {} HTTP/1.1", ann.tasks("")), &[&bearer, &origin], b"");
        let answer = send_unfinished(&server, &get).await;
        assert_eq!((answer.status, cors(&answer)), (200, not_allowed()), "{look_alike:?}");
        assert_no_preflight(&server, &[&origin], look_alike).await;
    }
    let (one, other) = (origin(APP), origin("https://evil.example.test"));
    for origins in [[&*one, &*other], [&*other, &*one], [&*one, &*one]] {
        let headers = [&*bearer, origins[0], origins[1]];
        let answer =
            send_unfinished(&server, &request(&format!("GET {} HTTP/1.1", ann.tasks("")), &headers, b"")).await;
        assert_eq!((answer.status, cors(&answer)), (200, not_allowed()), "{origins:?}");
        assert_no_preflight(&server, &origins, "two origins").await;
    }
}

async fn assert_no_preflight(server: &Server, origins: &[&str], name: &str) {
    let headers: Vec<_> = origins.iter().copied().chain(["Access-Control-Request-Method: GET"]).collect();
    for (path, status) in [("/api/ann/tasks", 405), (SIGN_IN, 404), ("/nowhere", 404)] {
        let answer = send_unfinished(server, &request(&format!("OPTIONS {path} HTTP/1.1"), &headers, b"")).await;
        assert_eq!((answer.status, cors(&answer)), (status, not_allowed()), "{name:?} {path}");
    }
}

/// A preflight request needs no token, on any path.
#[tokio::test]
async fn a_preflight_of_a_trusted_origin_is_answered() {
    let (server, _) = site().await;
    let own = server.origin.as_str();
    for path in ["/api/ann/tasks", "/api/ann/tasks/", "/api/ann/tasks/1/complete", SIGN_IN, "/health/live", "/nowhere"]
    {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            for origin in [APP, "http://localhost:3000", own] {
                let (header, asked) = (self::origin(origin), format!("Access-Control-Request-Method: {method}"));
                let headers = [&*header, &asked, "Access-Control-Request-Headers: authorization,content-type,x-other"];
                let answer =
                    send_unfinished(&server, &request(&format!("OPTIONS {path} HTTP/1.1"), &headers, b"")).await;
                let expected = [
                    ("access-control-allow-credentials", "true"),
                    ("access-control-allow-headers", "authorization,content-type,x-other"),
                    ("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
                    ("access-control-allow-origin", origin),
                    ("access-control-max-age", "7200"),
                    ("vary", "Access-Control-Request-Headers"),
                    ("vary", "Origin"),
                ];
                let expected = expected.map(|(name, value)| (name.to_owned(), value)).to_vec();
                assert_eq!((answer.status, cors(&answer)), (204, expected), "{path} {method}");
                assert_eq!((answer.body.as_str(), answer.header("x-content-type-options")), ("", Some("nosniff")));
            }
        }
    }
}

/// Sentry and OpenTelemetry add headers that the server does not know.
#[tokio::test]
async fn a_preflight_may_ask_for_any_header() {
    const FIXED: &str = "authorization, content-type";
    let (server, _) = site().await;
    let tracing = "authorization,baggage,content-type,sentry-trace,traceparent,x-request-id";
    for (asked, allowed) in [
        (&[tracing][..], tracing),
        (&["x-one", "x-two, X-Three"], "x-one, x-two, X-Three"),
        (&["!#$%&'*+-.^_`|~09aZ"], "!#$%&'*+-.^_`|~09aZ"),
        (&[], FIXED),
        (&[""], FIXED),
        (&[","], FIXED),
        (&["x-one,,x-two"], FIXED),
        (&["x-one", ""], FIXED),
        (&["x one"], FIXED),
        (&["x-one; x-two"], FIXED),
        (&["x-one: y"], FIXED),
        (&["x-\u{e9}"], FIXED),
        (&["\"x-one\""], FIXED),
    ] {
        let asked: Vec<_> = asked.iter().map(|line| format!("Access-Control-Request-Headers: {line}")).collect();
        let app = origin(APP);
        let mut headers = vec![&*app, "Access-Control-Request-Method: POST"];
        headers.extend(asked.iter().map(String::as_str));
        let answer = send_unfinished(&server, &request("OPTIONS /api/ann/tasks HTTP/1.1", &headers, b"")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-headers")), (204, Some(allowed)), "{asked:?}");
    }
}

/// Browsers do not show the reason, so the log does.
#[tokio::test]
async fn a_preflight_of_an_untrusted_origin_is_logged() {
    let (server, _) = site().await;
    let long = format!("https://{}", "e".repeat(300));
    let preflight = async |origins: &[&str]| {
        let origins: Vec<_> = origins.iter().map(|origin| self::origin(origin)).collect();
        let mut headers = vec!["Access-Control-Request-Method: POST"];
        headers.extend(origins.iter().map(String::as_str));
        send_unfinished(&server, &request("OPTIONS /api/ann/tasks HTTP/1.1", &headers, b"")).await;
    };
    for origins in [&[EVIL][..], &[&long], &["a\tb"], &[APP, EVIL], &[APP], &[]] {
        preflight(origins).await;
    }
    let lines = server.log.lines();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.filter(|line| line["fields"]["message"].as_str().unwrap().contains("auth.trusted_origins"));
    let told: Vec<_> = told.collect();
    let origins: Vec<_> = told.iter().map(|line| line["fields"]["origin"].as_str().unwrap()).collect();
    let cut = format!("https://{}", "e".repeat(192));
    assert_eq!(origins, [EVIL, &cut, "a\tb", &format!("{APP}, {EVIL}")]);
    assert!(!server.log.text().contains('\t'), "escaped");
    for line in told {
        assert_eq!(line["level"], "INFO");
        assert!(line["fields"]["message"].as_str().unwrap().contains("BETTER_AUTH_TRUSTED_ORIGINS"), "{line}");
    }
}

/// A cookie alone gives no access to tasks, even from a trusted origin.
#[tokio::test]
async fn a_cookie_reads_no_task_from_any_origin() {
    let (server, ann) = site().await;
    let cookie = format!("Cookie: {}", ann.cookie);
    let get = format!("GET {} HTTP/1.1", ann.tasks(""));
    let trusted = send_unfinished(&server, &request(&get, &[&cookie, &origin(APP)], b"")).await;
    assert_eq!((trusted.status, cors(&trusted)), (401, allowed(APP)));
    let stranger =
        send_unfinished(&server, &request(&get, &[&cookie, &origin("https://evil.example.test")], b"")).await;
    assert_eq!((stranger.status, cors(&stranger)), (401, not_allowed()));
}

/// The configured origin of the auth server is trusted, and any other only if it is listed.
#[tokio::test]
async fn without_further_origins_only_that_of_the_auth_server_is_trusted() {
    let server =
        Server::start_with(&[("BETTER_AUTH_URL", "https://auth.example.test/some/path"), ("AUTH_MODE", "server")]);
    for (given, expected) in [
        ("https://auth.example.test", allowed("https://auth.example.test")),
        ("https://auth.example.test/some/path", not_allowed()),
        (&*server.base, not_allowed()),
        ("http://localhost:3000", not_allowed()),
    ] {
        let answer = send_unfinished(&server, &request("GET /health/live HTTP/1.1", &[&origin(given)], b"")).await;
        assert_eq!((answer.status, cors(&answer)), (200, expected), "{given}");
    }
}

/// The server does not start with an invalid origin, or with one that would match every origin.
#[test]
fn a_trusted_origin_that_is_none_is_a_fault_of_the_settings() {
    for (wrong, problem) in [
        ("*", "* would trust every site"),
        ("https://*", "https://* would trust every site"),
        ("app.example.test", "must be origins"),
        ("https://app.example.test/path", "must be origins"),
    ] {
        let (status, message) =
            refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_TRUSTED_ORIGINS", wrong)]);
        assert_eq!(status.code(), Some(1));
        let expected = format!("auth.trusted_origins (from BETTER_AUTH_TRUSTED_ORIGINS in the environment): {problem}");
        assert!(message.contains(&expected), "{wrong}: {message}");
    }
}
