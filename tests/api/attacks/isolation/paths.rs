//! User ids in paths, other paths, and methods.

use serde_json::{Value, json};
use support::Forge;
use support::raw::{send_as, timeless};
use support::routes::task_routes;
use support::user::REFUSAL;

use crate::site::{FORBIDDEN, NEVER_USED, NO_TASK, TwoUsers, assert_answer, hex};

const NOT_ALLOWED: &str =
    r#"{"detail":"Method not allowed","code":"METHOD_NOT_ALLOWED","message":"Method not allowed"}"#;

const NO_ROUTE: &str = r#"{"detail":"Not found","code":"NOT_FOUND","message":"Not found"}"#;

/// The tasks of another user are forbidden on every route, whether the task exists or not. Clients treat any error that
/// contains the word "token" as a 401, so the message does not.
#[tokio::test]
async fn the_path_of_another_user_is_forbidden_on_every_route() {
    let site = TwoUsers::open().await;
    assert!(!FORBIDDEN.to_lowercase().contains("token"));
    let reference = site.ask("GET", &site.bob.tasks(""), "").await;
    for id in [site.id.as_str(), NEVER_USED, "0", "x", "99999999999999999999"] {
        for (method, rest, body, _) in task_routes(id) {
            for slash in ["", "/"] {
                let path = format!("{}{slash}", site.bob.tasks(&rest));
                let answer = site.ask(method, &path, body).await;
                assert_answer(&answer, 403, FORBIDDEN, &format!("{method} {path}"));
                assert_eq!(timeless(&answer), timeless(&reference), "{method} {path}");
                assert_eq!(answer.header("www-authenticate"), None);
            }
        }
    }
    site.assert_untouched().await;
}

/// The answer does not reveal whether the other user exists.
#[tokio::test]
async fn a_user_who_is_not_there_is_forbidden_like_one_who_is() {
    let site = TwoUsers::open().await;
    for (method, rest, body, _) in task_routes(&site.id) {
        let other = site.ask(method, &site.bob.tasks(&rest), body).await;
        let nobody = site.ask(method, &format!("/api/{}/tasks{rest}", "x".repeat(32)), body).await;
        assert_answer(&nobody, 403, FORBIDDEN, method);
        assert_eq!(timeless(&other), timeless(&nobody), "{method} {rest}");
    }
}

/// `{user_id}` is compared byte by byte after one percent-decoding.
#[tokio::test]
async fn no_other_spelling_of_an_id_is_that_id() {
    let site = TwoUsers::open().await;
    let (ann, bob) = (&site.ann.id, &site.bob.id);
    let (first, rest) = ann.split_at(1);
    let swapped: String = ann
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let wide = char::from_u32(u32::from(first.as_bytes()[0]) - 0x20 + 0xff00).unwrap();
    let segments = [
        bob.clone(),
        hex(bob),
        swapped,
        ann.to_lowercase() + "x",
        format!("{ann}{ann}"),
        rest.to_owned(),
        format!("{ann}%20"),
        format!("%20{ann}"),
        format!("{ann}+"),
        format!("{ann}%09"),
        format!("{ann}%0a"),
        format!("{ann}%0d%0a"),
        format!("{ann}%00"),
        format!("{ann}%00{bob}"),
        format!("{ann}."),
        format!("{ann}~"),
        format!("{ann}%2520"),
        // Encoded twice.
        format!("%25{:02x}{rest}", first.as_bytes()[0]),
        hex(&hex(ann)),
        // A zero-width space, a combining mark, a change of direction, a byte order mark, a full-width letter, a
        // Cyrillic letter.
        format!("{ann}{}", hex("\u{200b}")),
        format!("{ann}{}", hex("\u{301}")),
        format!("{}{ann}", hex("\u{202e}")),
        format!("{}{ann}", hex("\u{feff}")),
        format!("{}{rest}", hex(&wide.to_string())),
        format!("{}{rest}", hex("а")),
        // Path traversal.
        format!("{ann}%2f..%2f{bob}"),
        format!("{ann}%2F%2E%2E%2F{bob}"),
        format!("..%2f{bob}"),
        format!("%2e%2e%2f{bob}"),
        format!("%2f{bob}"),
        format!("{bob}%2f"),
        format!("{ann}%5c..%5c{bob}"),
        format!("{ann}%252f..%252f{bob}"),
        format!("%252e%252e%252f{bob}"),
        format!("{ann}%25%32%66{bob}"),
        "..".into(),
        ".".into(),
        "%2e%2e".into(),
        "%252e%252e".into(),
        // Path parameters, lists and patterns.
        format!("{ann};x=1"),
        format!("{ann};{bob}"),
        format!("{ann},{bob}"),
        format!("{ann}%3Fx"),
        format!("{ann}%23"),
        format!("{ann}&{bob}"),
        format!("'{ann}'"),
        format!("{ann}'%20OR%20'1'='1"),
        "*".into(),
        "%25".into(),
        "_".into(),
        "-".into(),
        "0".into(),
        "null".into(),
        "undefined".into(),
        "None".into(),
        "me".into(),
        "self".into(),
        "public".into(),
        "%00".into(),
        "%20".into(),
        "{user_id}".into(),
        ":user_id".into(),
        format!("{}@example.test", "ann"),
        "x".repeat(8000),
    ];
    for segment in &segments {
        for (method, rest, body) in [("GET", "", ""), ("POST", "", r#"{"title":"x"}"#), ("DELETE", "/1", "")] {
            let path = format!("/api/{segment}/tasks{rest}");
            assert_answer(&site.ask(method, &path, body).await, 403, FORBIDDEN, &format!("{method} {path}"));
        }
        let path = format!("/api/{segment}/tasks");
        assert_answer(&site.ask_anonymously("GET", &path).await, 401, REFUSAL, &path);
    }
    site.assert_untouched().await;
    // The counterpart: percent-encoding alone does not change an id.
    for same in [ann.clone(), hex(ann), hex(ann).to_uppercase(), format!("{}{rest}", hex(first))] {
        let answer = site.ask("GET", &format!("/api/{same}/tasks"), "").await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), site.anns, "{same}");
    }
}

/// An id that is not UTF-8 never matches, not even the id that contains replacement characters in its place.
#[tokio::test]
async fn what_is_not_utf8_in_a_path_names_nobody() {
    let site = TwoUsers::open().await;
    for bytes in ["%ff%fe", "%ff", "%c0%ae", "%c0%ae%c0%ae", "%ed%a0%80", "%f8%88%80%80%80", "%e2%82", "%80"] {
        for segment in [bytes.to_owned(), format!("{}{bytes}", site.ann.id), format!("{bytes}{}", site.ann.id)] {
            let path = format!("/api/{segment}/tasks");
            assert_answer(&site.ask("GET", &path, "").await, 403, FORBIDDEN, &path);
            let replaced = segment.replace(bytes, "\u{fffd}");
            let token = Forge::of(&site.server).token(&replaced);
            let answer = send_as(&site.server, &token, &format!("GET {path} HTTP/1.1"), &[], b"").await;
            assert_answer(&answer, 403, FORBIDDEN, &path);
        }
        let path = site.ann.tasks(&format!("/{bytes}"));
        assert_answer(&site.ask("GET", &path, "").await, 404, NO_TASK, &path);
    }
    site.assert_untouched().await;
}

/// Paths that resemble ours are unknown, or guarded like ours.
#[tokio::test]
async fn there_is_no_way_round_the_guarded_paths() {
    let site = TwoUsers::open().await;
    let (ann, bob, id) = (&site.ann.id, &site.bob.id, &site.id);
    let own = site.anns[0]["id"].to_string();
    let (no_route, forbidden, no_task) = ((404, NO_ROUTE), (403, FORBIDDEN), (404, NO_TASK));
    for (path, (status, body)) in [
        // Prefixes, other versions, other cases.
        ("/api/tasks".to_owned(), no_route),
        (format!("/api/tasks/{id}"), no_route),
        ("/tasks".into(), no_route),
        (format!("/tasks/{id}"), no_route),
        (format!("/{bob}/tasks"), no_route),
        (format!("/api/v1/{bob}/tasks"), no_route),
        (format!("/v1/api/{bob}/tasks"), no_route),
        (format!("/api/users/{bob}/tasks"), no_route),
        ("/api/public/tasks".into(), forbidden),
        (format!("/api/public/tasks/{id}"), forbidden),
        (format!("/api/public/{bob}/tasks"), no_route),
        (format!("/API/{ann}/tasks"), no_route),
        (format!("/Api/{bob}/tasks"), no_route),
        (format!("/api/{ann}/Tasks"), no_route),
        (format!("/api/{bob}/TASKS"), no_route),
        (format!("/%61pi/{bob}/tasks"), forbidden),
        (format!("/api/{bob}/%74asks"), forbidden),
        // Slashes, dots and suffixes.
        (format!("//api/{ann}/tasks"), no_route),
        (format!("/api//{ann}/tasks"), no_route),
        (format!("/api/{ann}//tasks"), no_route),
        (format!("/api/{ann}/tasks//"), no_route),
        (format!("/api/{ann}/tasks//{own}"), no_route),
        (format!("/api/{ann}/tasks/{own}//"), no_route),
        ("/api//tasks".into(), no_route),
        (format!("/api/{ann}/tasks.json"), no_route),
        (format!("/api/{ann}/tasks;x=1"), no_route),
        (format!("/api/{ann}/tasks%20"), no_route),
        (format!("/api/{ann}/tasks%00"), no_route),
        (format!("/api/{ann}/tasks%2f"), no_route),
        (format!("/api/{ann}/tasks%2f{own}"), no_route),
        (format!("/api/{ann}/./tasks"), no_route),
        (format!("/api/{ann}/tasks/."), no_task),
        (format!("/api/{ann}/tasks/.."), no_task),
        (format!("/api/{ann}/tasks/{own}.json"), no_task),
        (format!("/api/{ann}/tasks/{own};x=1"), no_task),
        (format!("/api/{ann}/tasks/{own}%2f"), no_task),
        (format!("/api/{ann}/tasks/{own}%2fcomplete"), no_task),
        (format!("/api/{ann}/tasks/{own}/x"), no_route),
        (format!("/api/{ann}/tasks/{own}/complete/x"), no_route),
        (format!("/api/{ann}/tasks/{own}/Complete"), no_route),
        // From the caller's own path to that of another user.
        (format!("/api/{ann}/../{bob}/tasks"), no_route),
        (format!("/api/{ann}/%2e%2e/{bob}/tasks"), no_route),
        (format!("/api/{ann}/%252e%252e/{bob}/tasks"), no_route),
        (format!("/api/{ann}/..%2f{bob}/tasks"), no_route),
        (format!("/api/{ann}/tasks/../../{bob}/tasks"), no_route),
        (format!("/api/{ann}/tasks/..%2f..%2f{bob}%2ftasks"), no_task),
        (format!("/api/{ann}/tasks/%2e%2e%2f{id}"), no_task),
        (format!("/api/{ann}/{bob}/tasks"), no_route),
        (format!("/api/{ann}/tasks/{bob}/tasks"), no_route),
        (format!("/x/../api/{bob}/tasks"), no_route),
        (format!("/api/{bob}/tasks/../../{ann}/tasks"), no_route),
    ] {
        let answer = site.ask("GET", &path, "").await;
        assert_answer(&answer, status, body, &path);
        site.assert_silent(&answer, &path);
        let expected = if body == NO_ROUTE { (404, NO_ROUTE) } else { (401, REFUSAL) };
        assert_answer(&site.ask_anonymously("GET", &path).await, expected.0, expected.1, &path);
    }
    // Unknown paths below `/api/auth` have an empty body, as in Better Auth.
    for path in ["/api/auth/tasks", "/api/auth/tasks/1", "/api/auth/../auth/tasks"] {
        let answer = site.ask("GET", path, "").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.header("content-type")), (404, "", None), "{path}");
    }
    // Malformed request targets.
    for path in [
        format!("/api/{ann}\\..\\{bob}/tasks"),
        format!("\\api\\{bob}\\tasks"),
        format!("/api/{bob}/tasks\u{0}"),
        format!("/api/{ann}/tasks HTTP/1.1\r\nX: /api/{bob}/tasks"),
        format!("api/{bob}/tasks"),
        format!("/api/{bob}ü/tasks"),
        "/api/%/tasks".into(),
        "/api/%zz/tasks".into(),
    ] {
        let answer = site.ask_anonymously("GET", &path).await;
        assert!([400, 401, 404].contains(&answer.status), "{path:?}: {answer:?}");
        let answer = site.ask("GET", &path, "").await;
        assert!((400..500).contains(&answer.status) || path.contains('\r'), "{path:?}: {answer:?}");
        site.assert_silent(&answer, &path);
    }
    site.assert_untouched().await;
}

/// A trailing slash neither redirects nor bypasses the guard, on any route.
#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let site = TwoUsers::open().await;
    for (method, rest, body, status) in task_routes("{id}") {
        let task = site.ann.add(json!({ "title": "x" })).await["id"].to_string();
        let path = site.ann.tasks(&format!("{}/", rest.replace("{id}", &task)));
        assert_answer(&site.ask_anonymously(method, &path).await, 401, REFUSAL, &path);
        let answer = site.ask(method, &path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{method} {path}");
        let query = site.ask("GET", &format!("{}?x=1", site.ann.tasks("/")), "").await;
        assert_eq!(query.status, 200);
    }
    assert_eq!(site.bob.list().await, site.bobs);
}

/// An unsupported method is answered with 405 and the supported ones, and nothing of the request is echoed.
#[tokio::test]
async fn other_methods_are_not_allowed_and_change_nothing() {
    let site = TwoUsers::open().await;
    let own = format!("/{}", site.anns[0]["id"]);
    let all = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    for (rest, allowed) in [
        (String::new(), "GET, HEAD, POST"),
        ("/".into(), "GET, HEAD, POST"),
        (own.clone(), "GET, HEAD, PUT, PATCH, DELETE"),
        (format!("{own}/"), "GET, HEAD, PUT, PATCH, DELETE"),
        (format!("{own}/complete"), "PATCH, POST"),
    ] {
        let known: Vec<_> = allowed.split(", ").collect();
        let unknown = all.into_iter().filter(|method| !known.contains(method));
        let strange =
            ["TRACE", "TRACK", "PROPFIND", "FOO", "get", "Post", "delete", "OPTIONS", "QUERY", "LINK", "SEARCH"];
        for method in unknown.chain(strange) {
            for path in [site.ann.tasks(&rest), site.bob.tasks(&rest)] {
                let answer = site.ask(method, &path, "").await;
                let body = if method == "HEAD" { "" } else { NOT_ALLOWED };
                assert_answer(&answer, 405, body, &format!("{method} {path}"));
                assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
                assert!(!answer.body.contains(&site.ann.token), "{method} {path}");
            }
        }
    }
    for override_ in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let line = format!("POST {} HTTP/1.1", site.ann.tasks(&own));
        let answer = send_as(&site.server, &site.ann.token, &line, &[&format!("{override_}: DELETE")], b"").await;
        assert_answer(&answer, 405, NOT_ALLOWED, override_);
    }
    for line in [format!("CONNECT {} HTTP/1.1", site.bob.tasks("")), "CONNECT localhost:80 HTTP/1.1".into()] {
        let answer = send_as(&site.server, &site.ann.token, &line, &[], b"").await;
        assert!(answer.status == 0 || (400..500).contains(&answer.status), "{line}: {answer:?}");
        site.assert_silent(&answer, &line);
    }
    site.assert_untouched().await;
}
