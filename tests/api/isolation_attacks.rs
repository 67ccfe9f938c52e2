//! One user against another's tasks: paths, ids, methods, bodies, and what the order of answers gives away.
//! Attack group E; O1 to O5, P7.

use reqwest::Method;
use serde_json::{Value, json};
use support::raw::{Answer, request, send, send_as, send_unfinished, timeless};
use support::user::{REFUSAL, task_routes};
use support::{Forge, Server, User};

const FORBIDDEN: &str =
    r#"{"detail":"You may only use your own tasks","code":"FORBIDDEN","message":"You may only use your own tasks"}"#;
const NO_TASK: &str = r#"{"detail":"Task not found","code":"TASK_NOT_FOUND","message":"Task not found"}"#;
const NO_ROUTE: &str = r#"{"detail":"Not found","code":"NOT_FOUND","message":"Not found"}"#;
const NOT_ALLOWED: &str =
    r#"{"detail":"Method not allowed","code":"METHOD_NOT_ALLOWED","message":"Method not allowed"}"#;

/// An id that no task ever had.
const NEVER_USED: &str = "900000000";

/// Ann attacks; Bob's tasks are what she is after.
struct Site {
    server: Server,
    ann: User,
    bob: User,
    /// Of Bob's first task.
    id: String,
    anns: Value,
    bobs: Value,
}

impl Site {
    async fn open() -> Self {
        let server = Server::start();
        let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
        ann.add(json!({ "title": "of ann", "description": "hers" })).await;
        let id = bob.add(json!({ "title": "of bob", "description": "his" })).await["id"].to_string();
        bob.add(json!({ "title": "of bob, too", "completed": true })).await;
        let (anns, bobs) = (ann.list().await, bob.list().await);
        Self { server, ann, bob, id, anns, bobs }
    }

    /// What Ann's token gets her.
    async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let line = format!("{method} {path} HTTP/1.1");
        send_as(&self.server, &self.ann.token, &line, &["Content-Type: application/json"], body.as_bytes()).await
    }

    /// What she gets without it.
    async fn ask_anonymously(&self, method: &str, path: &str) -> Answer {
        send(&self.server, &request(&format!("{method} {path} HTTP/1.1"), &[], b"")).await
    }

    /// Nothing of Bob's is in the answer.
    fn assert_silent(&self, answer: &Answer, name: &str) {
        for secret in ["of bob", "his", "bob@", self.bob.session.as_str()] {
            assert!(!answer.head.contains(secret) && !answer.body.contains(secret), "{name}: {answer:?}");
        }
    }

    async fn assert_untouched(&self) {
        assert_eq!(self.bob.list().await, self.bobs);
        assert_eq!(self.ann.list().await, self.anns);
    }
}

/// Percent-encoded in full.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat()
}

fn assert_answer(answer: &Answer, status: u16, body: &str, name: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, body), "{name}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
}

/// C096, C097, O1: on every route, the task being there or not; clients know a 401 by the word "token".
#[tokio::test]
async fn the_path_of_another_user_is_forbidden_on_every_route() {
    let site = Site::open().await;
    assert!(!FORBIDDEN.to_lowercase().contains("token"));
    let reference = site.ask("GET", &site.bob.tasks(""), "").await;
    for id in [site.id.as_str(), NEVER_USED, "0", "x", "99999999999999999999"] {
        for (method, rest, body) in task_routes(id) {
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

/// O1: somebody who exists is forbidden as somebody who does not.
#[tokio::test]
async fn a_user_who_is_not_there_is_forbidden_like_one_who_is() {
    let site = Site::open().await;
    for (method, rest, body) in task_routes(&site.id) {
        let other = site.ask(method, &site.bob.tasks(&rest), body).await;
        let nobody = site.ask(method, &format!("/api/{}/tasks{rest}", "x".repeat(32)), body).await;
        assert_answer(&nobody, 403, FORBIDDEN, method);
        assert_eq!(timeless(&other), timeless(&nobody), "{method} {rest}");
    }
}

/// C098, C100, O2, O4.
#[tokio::test]
async fn the_task_of_another_user_is_absent_under_ones_own_path() {
    let site = Site::open().await;
    let deleted = site.ann.add(json!({ "title": "soon gone" })).await["id"].to_string();
    assert_eq!(site.ask("DELETE", &site.ann.tasks(&format!("/{deleted}")), "").await.status, 204);
    let bodies = ["", "{}", r#"{"title":"mine now"}"#, r#"{"completed":true}"#, r#"{"description":null}"#];
    for (method, rest, body) in task_routes("{id}").into_iter().filter(|(_, rest, _)| rest.contains("{id}")) {
        let accepted = bodies.into_iter().filter(|body| !body.is_empty() || rest.ends_with("complete"));
        for body in [body].into_iter().chain(accepted) {
            let at = |id: &str| site.ann.tasks(&rest.replace("{id}", id));
            let of_another = site.ask(method, &at(&site.id), body).await;
            assert_answer(&of_another, 404, NO_TASK, &format!("{method} {rest} {body}"));
            for absent in [NEVER_USED, &deleted] {
                let absent = site.ask(method, &at(absent), body).await;
                assert_eq!(timeless(&of_another), timeless(&absent), "{method} {rest} {body}");
            }
        }
    }
    site.assert_untouched().await;
    // The control: the same requests reach a task of one's own.
    let own = site.anns[0]["id"].to_string();
    for (method, rest, body) in task_routes(&own).into_iter().filter(|(method, ..)| *method != "DELETE") {
        let answer = site.ask(method, &site.ann.tasks(&rest), body).await;
        assert!([200, 201].contains(&answer.status), "{method} {rest}: {answer:?}");
    }
}

/// C101, C102, O2, O3.
#[tokio::test]
async fn nothing_in_a_body_gives_a_task_to_somebody_or_takes_it() {
    let site = Site::open().await;
    let victim = &site.bob.id;
    for (name, value) in [
        ("user_id", json!(victim)),
        ("userId", json!(victim)),
        ("user", json!({ "id": victim })),
        ("owner", json!(victim)),
        ("owner_id", json!(victim)),
        ("sub", json!(victim)),
        ("id", json!(site.id.parse::<i64>().unwrap())),
        ("id", json!("x")),
        ("id", json!(null)),
        ("task_id", json!(1)),
        ("created_at", json!("2001-01-01T00:00:00.000Z")),
        ("updated_at", json!("2001-01-01T00:00:00.000Z")),
        ("version", json!(99)),
        ("is_admin", json!(true)),
        ("__proto__", json!({ "user_id": victim })),
    ] {
        let added = site.ann.add(json!({ "title": "new", name: value })).await;
        assert_eq!(added["user_id"], json!(site.ann.id), "{name}");
        assert!(added["id"].as_i64().unwrap() > site.id.parse().unwrap(), "{name}: {added}");
        assert!(!added["created_at"].as_str().unwrap().starts_with("2001"), "{name}: {added}");
        assert!(!added["updated_at"].as_str().unwrap().starts_with("2001"), "{name}: {added}");
        for method in [Method::PUT, Method::PATCH] {
            let path = site.ann.tasks(&format!("/{}", added["id"]));
            let body = json!({ "description": method.as_str(), name: value });
            let changed = site.ann.request(method, &path).json(&body).send().await.unwrap();
            assert_eq!(changed.status(), 200, "{name}");
            let changed: Value = changed.json().await.unwrap();
            for field in ["id", "user_id", "created_at", "title", "completed"] {
                assert_eq!(changed[field], added[field], "{name}: {field}");
            }
            assert!(changed["updated_at"].as_str() > added["updated_at"].as_str(), "{name}: {changed}");
            assert_eq!(changed.as_object().unwrap().len(), 7, "{name}: {changed}");
        }
        assert_eq!(site.bob.list().await, site.bobs, "{name}");
    }
}

/// C104, C105, C106, C109, C114, O1: whatever stands for `{user_id}`, byte for byte after percent-decoding.
#[tokio::test]
async fn no_other_spelling_of_an_id_is_that_id() {
    let site = Site::open().await;
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
        // Double-encoded.
        format!("%25{:02x}{rest}", first.as_bytes()[0]),
        hex(&hex(ann)),
        // Zero-width, marks, direction, full width, and a letter of another alphabet.
        format!("{ann}{}", hex("\u{200b}")),
        format!("{ann}{}", hex("\u{301}")),
        format!("{}{ann}", hex("\u{202e}")),
        format!("{}{ann}", hex("\u{feff}")),
        format!("{}{rest}", hex(&wide.to_string())),
        format!("{}{rest}", hex("а")),
        // Ways to another folder, had there been folders.
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
        // Parameters, lists, patterns.
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
    // The control: an id is the same however it is encoded.
    for same in [ann.clone(), hex(ann), hex(ann).to_uppercase(), format!("{}{rest}", hex(first))] {
        let answer = site.ask("GET", &format!("/api/{same}/tasks"), "").await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), site.anns, "{same}");
    }
}

/// C108, O1: bytes that are no text are nobody, even for who is called as their replacement would be.
#[tokio::test]
async fn what_is_not_utf8_in_a_path_names_nobody() {
    let site = Site::open().await;
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

/// N5, N6, O1: ids of other issuers; the path is decoded once and in full.
#[tokio::test]
async fn a_user_id_may_be_any_text() {
    let server = Server::start();
    let forge = Forge::of(&server);
    for (id, path) in [
        ("42", "42"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth0%7C5f7c8ec7c33c6c004bbafe82"),
        ("8b1a9953-c461-4f3e-9d2c-000000000000", "8b1a9953-c461-4f3e-9d2c-000000000000"),
        ("ann@example.test", "ann@example.test"),
        ("ann@example.test", "ann%40example.test"),
        ("a/b", "a%2Fb"),
        ("a/../b", "a%2F..%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("a+b", "a%2Bb"),
        ("100%", "100%25"),
        ("Ü漢🙂", "%C3%9C%E6%BC%A2%F0%9F%99%82"),
        (".", "."),
        ("..", ".."),
        ("%2e", "%252e"),
        ("?", "%3F"),
        ("#", "%23"),
        ("\\", "%5C"),
        (" ", "%20"),
    ] {
        let token = forge.token(id);
        let line = format!("GET /api/{path}/tasks HTTP/1.1");
        let answer = send_as(&server, &token, &line, &[], b"").await;
        assert_answer(&answer, 200, "[]", &line);
        let another = forge.token(&format!("{id}x"));
        assert_answer(&send_as(&server, &another, &line, &[], b"").await, 403, FORBIDDEN, &line);
    }
}

/// C105, C106, C110, C116: paths that are none of ours. They are 404, or they are a path for which the guard stands.
#[tokio::test]
async fn there_is_no_way_round_the_guarded_paths() {
    let site = Site::open().await;
    let (ann, bob, id) = (&site.ann.id, &site.bob.id, &site.id);
    let own = site.anns[0]["id"].to_string();
    let (no_route, forbidden, no_task) = ((404, NO_ROUTE), (403, FORBIDDEN), (404, NO_TASK));
    for (path, (status, body)) in [
        // Twins.
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
        // Slashes, dots, suffixes.
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
        // From one's own path to the other's.
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
    // Below `/api/auth` it is as Better Auth has it.
    for path in ["/api/auth/tasks", "/api/auth/tasks/1", "/api/auth/../auth/tasks"] {
        let answer = site.ask("GET", path, "").await;
        assert_eq!((answer.status, answer.body.as_str(), answer.header("content-type")), (404, "", None), "{path}");
    }
    // What no HTTP server should read at all.
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

/// C110, P7: served in place, on every route, and guarded as without it.
#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let site = Site::open().await;
    let mut expected = vec![200, 201, 200, 200, 200, 204, 200, 200].into_iter();
    for (method, rest, body) in task_routes("{id}") {
        let task = site.ann.add(json!({ "title": "x" })).await["id"].to_string();
        let path = site.ann.tasks(&format!("{}/", rest.replace("{id}", &task)));
        assert_answer(&site.ask_anonymously(method, &path).await, 401, REFUSAL, &path);
        let answer = site.ask(method, &path, body).await;
        assert_eq!(Some(answer.status), expected.next(), "{method} {path}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{method} {path}");
        let query = site.ask("GET", &format!("{}?x=1", site.ann.tasks("/")), "").await;
        assert_eq!(query.status, 200);
    }
    assert_eq!(site.bob.list().await, site.bobs);
}

/// C112: a method that a path does not know is 405 with those it knows, and echoes nothing.
#[tokio::test]
async fn other_methods_are_not_allowed_and_change_nothing() {
    let site = Site::open().await;
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

/// C113, P10, O5: nothing but the one way to write an id finds a task.
#[tokio::test]
async fn what_is_no_id_of_a_task_is_an_absent_task() {
    let site = Site::open().await;
    let own = site.anns[0]["id"].to_string();
    let reference = site.ask("GET", &site.ann.tasks(&format!("/{NEVER_USED}")), "").await;
    let strange = [
        "0",
        "-1",
        "-0",
        "2147483648",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "1E0",
        "0x10",
        "0b1",
        "1_0",
        "%20",
        "true",
        "null",
        "NaN",
        "Infinity",
        "undefined",
        "1%20OR%201=1",
        "1;DROP%20TABLE%20tasks",
        "'",
        "*",
        "%25",
        "%00",
        "%EF%BC%91",
        "%D9%A1",
        "%2e",
        "complete",
        "{task_id}",
        "[object%20Object]",
        "$1",
    ]
    .map(str::to_owned);
    let spelled = [
        format!("+{own}"),
        format!("0{own}"),
        format!("{own}.0"),
        format!("{own}e0"),
        format!("{own}%20"),
        format!("%20{own}"),
        format!("{own}%00"),
        format!("{own}%0a"),
        format!("{own},2"),
        format!("-{own}"),
        format!("--{own}"),
        format!("{own}n"),
        format!("%22{own}%22"),
        "1".repeat(1000),
    ];
    for id in strange.iter().chain(&spelled) {
        for (method, rest, body) in task_routes(id).into_iter().filter(|(_, rest, _)| !rest.is_empty()) {
            let path = site.ann.tasks(&rest);
            let answer = site.ask(method, &path, body).await;
            assert_answer(&answer, 404, NO_TASK, &format!("{method} {path}"));
            assert_eq!(timeless(&answer), timeless(&reference), "{method} {path}");
        }
    }
    site.assert_untouched().await;
    assert_eq!(site.ask("GET", &site.ann.tasks(&format!("/{}", hex(&own))), "").await.status, 200);
}

/// O5, P8: one request with every fault, and then one fault less each time.
#[tokio::test]
async fn faults_are_told_in_their_order() {
    let site = Site::open().await;
    let (json, text) = ("Content-Type: application/json", "Content-Type: text/plain");
    // More than is read; the server need not wait for it.
    let large = "Content-Length: 10000000";
    let token = format!("Authorization: Bearer {}", site.ann.token);
    let broken = r#"{"title":"#;
    let by_id = [("PUT", "/{id}"), ("PATCH", "/{id}"), ("PATCH", "/{id}/complete"), ("POST", "/{id}/complete")];
    for (method, rest) in by_id.into_iter().chain([("POST", "")]) {
        let at = |user: &User, id: &str| format!("{method} {} HTTP/1.1", user.tasks(&rest.replace("{id}", id)));
        let (theirs, own) = (at(&site.bob, "x"), at(&site.ann, "x"));
        let absent = at(&site.ann, NEVER_USED);
        let is_by_id = !rest.is_empty();
        let mut ladder = vec![
            (401, request(&theirs, &[text, large], b"")),
            (401, request(&theirs, &["Authorization: Bearer x", text, large], b"")),
            (403, request(&theirs, &[&token, text, large], b"")),
        ];
        if is_by_id {
            ladder.push((404, request(&own, &[&token, text, large], b"")));
        }
        ladder.extend([
            (413, request(&absent, &[&token, text, large], b"")),
            (415, request(&absent, &[&token, text], broken.as_bytes())),
            (422, request(&absent, &[&token, json], broken.as_bytes())),
            (422, request(&absent, &[&token, json], b"[]")),
            (422, request(&absent, &[&token, json], br#"{"title":"","completed":1}"#)),
        ]);
        let last = if is_by_id { 404 } else { 201 };
        ladder.push((last, request(&absent, &[&token, json], br#"{"title":"good","completed":true}"#)));
        for (step, (expected, bytes)) in ladder.iter().enumerate() {
            let answer = send_unfinished(&site.server, bytes).await;
            assert_eq!(answer.status, *expected, "{method} {rest}, step {step}: {answer:?}");
        }
    }
    assert_eq!(site.bob.list().await, site.bobs);

    let query = "?limit=x";
    assert_eq!(site.ask_anonymously("GET", &site.bob.tasks(query)).await.status, 401);
    assert_eq!(site.ask("GET", &site.bob.tasks(query), "").await.status, 403);
    assert_eq!(site.ask("GET", &site.ann.tasks(query), "").await.status, 422);
    assert_eq!(site.ask("GET", &site.ann.tasks("?limit=1"), "").await.status, 200);
}

/// O5: a stranger reads the same whatever they send, and the body is not waited for.
#[tokio::test]
async fn path_query_and_body_never_decide_before_the_guard() {
    let site = Site::open().await;
    let headers =
        |media_type: &str, length: &str| [format!("Content-Type: {media_type}"), format!("Content-Length: {length}")];
    let variants = [
        headers("application/json", "0"),
        headers("text/plain", "0"),
        headers("application/json; charset=utf-16", "0"),
        // Announced, and never sent.
        headers("application/json", "20"),
        headers("application/json", "65536"),
        headers("application/json", "65537"),
        headers("text/plain", "99999999999"),
    ];
    let bearer = format!("Authorization: Bearer {}", site.ann.token);
    for (token, status) in [(vec![], 401), (vec!["Authorization: Bearer x"], 401), (vec![bearer.as_str()], 403)] {
        let plain = request(&format!("GET {} HTTP/1.1", site.bob.tasks("")), &token, b"");
        let reference = send(&site.server, &plain).await;
        assert_eq!(reference.status, status);
        for (method, rest, _) in task_routes(&site.id).into_iter().chain(task_routes("x")) {
            for query in ["", "?limit=x", "?limit=1&limit=0", "?%ff", "?limit=%00"] {
                let line = format!("{method} {}{query} HTTP/1.1", site.bob.tasks(&rest));
                let answer = send(&site.server, &request(&line, &token, b"")).await;
                assert_eq!(timeless(&answer), timeless(&reference), "{line}");
            }
            let line = format!("{method} {} HTTP/1.1", site.bob.tasks(&rest));
            for variant in &variants {
                let headers: Vec<_> = token.iter().copied().chain(variant.iter().map(String::as_str)).collect();
                let answer = send_unfinished(&site.server, &request(&line, &headers, b"")).await;
                assert_eq!(timeless(&answer), timeless(&reference), "{line} {variant:?}");
            }
        }
    }
    site.assert_untouched().await;
}

/// O2: both use the API at once, and each sees their own.
#[tokio::test]
async fn users_who_work_side_by_side_see_their_own_tasks() {
    let site = Site::open().await;
    for number in 0..5 {
        let add = |user: &User| {
            let user = user.clone();
            tokio::spawn(async move { user.add(json!({ "title": format!("{} {number}", user.email) })).await })
        };
        for task in [add(&site.ann), add(&site.bob)] {
            task.await.unwrap();
        }
    }
    for (user, others) in [(&site.ann, "bob"), (&site.bob, "ann")] {
        let list = user.list().await;
        let tasks = list.as_array().unwrap();
        assert!(tasks.len() >= 6, "{list}");
        assert!(tasks.iter().all(|task| task["user_id"] == json!(user.id)), "{list}");
        assert!(!list.to_string().contains(others), "{list}");
        for task in tasks {
            let shown: Value = user.get(&user.tasks(&format!("/{}", task["id"]))).await.json().await.unwrap();
            assert_eq!(shown, *task);
        }
    }
}
