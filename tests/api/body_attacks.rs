//! Request bodies and parameters, honest and hostile: what is accepted, what is refused and how, what is kept.
//! Attack group F, with the bodies of sign-up and sign-in; P1, P3 to P6, P8, P10, R1, R2, R6.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::Sha256;
use support::raw::{Answer, request, send, send_as, send_unfinished};
use support::server::SECRET;
use support::user::PASSWORD;
use support::{Server, User};
use tokio::task::JoinSet;

const JSON: &str = "Content-Type: application/json";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_IN: &str = "/api/auth/sign-in/email";

/// A server with one user.
struct Site {
    server: Server,
    ann: User,
}

impl Site {
    async fn open() -> Self {
        let server = Server::start();
        let ann = User::sign_up(&server, "ann").await;
        Self { server, ann }
    }

    /// Sends this body to the user's tasks.
    async fn send(&self, method: &str, rest: &str, headers: &[&str], body: &[u8]) -> Answer {
        let line = format!("{method} {} HTTP/1.1", self.ann.tasks(rest));
        send_as(&self.server, &self.ann.token, &line, headers, body).await
    }

    async fn create(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send("POST", "", &[JSON], body.as_ref()).await
    }

    /// Status and body of an answer to the user.
    async fn ask(&self, method: Method, rest: &str, body: Option<&Value>) -> (u16, Value) {
        let request = self.ann.request(method, &self.ann.tasks(rest));
        let request = if let Some(body) = body { request.json(body) } else { request };
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.ann.anonymous(Method::POST, path).json(body).send().await.unwrap()
    }
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {answer:?}"))
}

/// The shape of every error of the tasks API (P8).
fn assert_error(answer: &Answer, status: u16, code: &str, name: &str) {
    assert_eq!(answer.status, status, "{name}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    let body = parsed(answer);
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "detail", "message"], "{name}");
    assert_eq!(body["code"], code, "{name}");
    assert!(body["message"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{name}");
    if status == 422 {
        for fault in body["detail"].as_array().unwrap() {
            assert_eq!(fault.as_object().unwrap().keys().collect::<Vec<_>>(), ["loc", "msg", "type"], "{name}");
            assert!(fault["msg"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{name}");
        }
    } else {
        assert_eq!(body["detail"], body["message"], "{name}");
    }
}

/// 422 with exactly these faults: the place, and the type.
fn assert_faults(answer: &Answer, expected: &[(&[&str], &str)], name: &str) {
    assert_error(answer, 422, "VALIDATION_ERROR", name);
    let body = parsed(answer);
    let faults = body["detail"].as_array().unwrap().iter().map(|fault| json!([fault["loc"], fault["type"]]));
    let expected = expected.iter().map(|(place, kind)| json!([place, kind]));
    assert_eq!(faults.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
}

/// `2026-11-21T01:45:28.032Z`.
fn is_moment(value: &Value) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    value.as_str().is_some_and(|text| text.chars().map(shape).collect::<String>() == "0000-00-00T00:00:00.000Z")
}

fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() == 32 && text.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// P1, P6.
#[tokio::test]
async fn a_task_is_kept_as_it_was_given() {
    let site = Site::open().await;
    for (body, title, description, completed) in [
        (json!({ "title": "a" }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "a", "description": null }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "a", "description": "" }), json!("a"), json!(""), json!(false)),
        (json!({ "title": "a", "completed": true }), json!("a"), json!(null), json!(true)),
        (json!({ "title": "a", "completed": false, "description": " b " }), json!("a"), json!(" b "), json!(false)),
        (json!({ "title": " \t\n a  b \u{3000}" }), json!("a  b"), json!(null), json!(false)),
        (json!({ "title": "a", "unknown": { "deep": [1] } }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "x".repeat(200) }), json!("x".repeat(200)), json!(null), json!(false)),
        (json!({ "title": format!(" {} ", "x".repeat(200)) }), json!("x".repeat(200)), json!(null), json!(false)),
        (json!({ "title": "🙂".repeat(200) }), json!("🙂".repeat(200)), json!(null), json!(false)),
        (json!({ "title": "a", "description": "漢".repeat(1000) }), json!("a"), json!("漢".repeat(1000)), json!(false)),
    ] {
        let (status, task) = site.ask(Method::POST, "", Some(&body)).await;
        assert_eq!(status, 201, "{body}");
        let keys = ["completed", "created_at", "description", "id", "title", "updated_at", "user_id"];
        assert_eq!(task.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{body}");
        assert_eq!((&task["title"], &task["description"], &task["completed"]), (&title, &description, &completed));
        assert!(task["id"].as_i64().is_some_and(|id| id > 0), "{task}");
        assert_eq!(task["user_id"], json!(site.ann.id));
        assert!(is_moment(&task["created_at"]) && task["updated_at"] == task["created_at"], "{task}");
        assert_eq!(site.ask(Method::GET, &format!("/{}", task["id"]), None).await, (200, task), "{body}");
    }
}

/// C132, C133, C134, P10: text is text. It comes back byte for byte, the table is intact, and a browser is told that
/// it is JSON.
#[tokio::test]
async fn text_is_neither_interpreted_nor_changed() {
    let site = Site::open().await;
    let mut expected = Vec::new();
    for text in [
        "'; DROP TABLE tasks; --",
        "' OR '1'='1",
        "1); DELETE FROM tasks WHERE (1=1",
        "%' OR title LIKE '%",
        "\\'; SELECT 1; --",
        "${7*7} {{7*7}} #{7*7} <%= 7*7 %>",
        "%s %n %x {} {0} $1 ?1 :title",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</script><!--",
        "../../etc/passwd",
        "\\u0041 \\n \\",
        "\"quoted\" 'single' `back`",
        "null",
        "🙂👩\u{200d}👩\u{200d}👧🇩🇪",
        "e\u{301} is not é",
        "\u{202e}drawkcab\u{202c}",
        "עברית العربية 漢字 ไทย",
        "zero\u{200b}width\u{feff}",
        "\u{1f600}\u{10ffff}\u{fffd}",
        "tab\tline\nreturn\rbell\u{7}escape\u{1b}[31m delete\u{7f}",
        "line\u{2028}and paragraph\u{2029}separators",
    ] {
        let (status, task) = site.ask(Method::POST, "", Some(&json!({ "title": text, "description": text }))).await;
        assert_eq!((status, &task["title"], &task["description"]), (201, &json!(text), &json!(text)));
        let path = format!("/{}", task["id"]);
        let (_, changed) = site.ask(Method::PATCH, &path, Some(&json!({ "title": format!("{text}!") }))).await;
        assert_eq!(changed["title"], json!(format!("{text}!")));
        expected.insert(0, changed);
    }
    let list = site.send("GET", "", &[], b"").await;
    assert_eq!(parsed(&list), json!(expected));
    assert_eq!(list.header("content-type"), Some("application/json"));
}

/// C133: no browser guesses that an answer is a page.
#[tokio::test]
async fn answers_are_not_to_be_sniffed() {
    let site = Site::open().await;
    site.ann.add(json!({ "title": "<script>alert(1)</script>" })).await;
    for (rest, status) in [("", 200), ("/1", 200), ("/0", 404), ("?limit=x", 422)] {
        let answer = site.send("GET", rest, &[], b"").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{rest}");
    }
}

/// C117, C118, C124, C125, C126, P8, P10: on every route that reads a body.
#[tokio::test]
async fn what_is_no_json_object_is_told_so() {
    let site = Site::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let body: &[&str] = &["body"];
    let (malformed, no_object) = ((body, "json_invalid"), (body, "dict_type"));
    let texts = [
        ("{oops", malformed),
        ("title=x", malformed),
        (r#"{"title":"x""#, malformed),
        (r#"{"title":"x"#, malformed),
        (r#"{"title":"#, malformed),
        (r#"{"title":"x"}x"#, malformed),
        (r#"{"title":"x"}{}"#, malformed),
        (r#"{"title":"x",}"#, malformed),
        (r#"{"title":"x" "completed":true}"#, malformed),
        (r"{'title':'x'}", malformed),
        (r#"{title:"x"}"#, malformed),
        (r#"{"title":"x"} // comment"#, malformed),
        (r#"/* comment */ {"title":"x"}"#, malformed),
        (r#"{"title":NaN}"#, malformed),
        (r#"{"title":Infinity}"#, malformed),
        (r#"{"title":"x","n":1e999}"#, malformed),
        (r#"{"title":"x","n":01}"#, malformed),
        (r#"{"title":"x","n":0x10}"#, malformed),
        (r#"{"title":undefined}"#, malformed),
        (r#"{"title":True}"#, malformed),
        (r#"{"title":"\x41"}"#, malformed),
        ("{\"title\":\"a\nb\"}", malformed),
        ("{\"title\":\"a\0b\"}", malformed),
        (r#"{"title":"\ud800"}"#, malformed),
        (r#"{"title":"\udc00\ud800"}"#, malformed),
        (r#"{"title":"x","description":"\ud83d"}"#, malformed),
        ("\u{feff}{\"title\":\"x\"}", malformed),
        ("\0", malformed),
        (" ", malformed),
        ("[]", no_object),
        (r#"[{"title":"x"}]"#, no_object),
        (r#"["x",null,true]"#, no_object),
        (r#""title""#, no_object),
        ("1", no_object),
        ("-0.5e3", no_object),
        ("true", no_object),
        ("null", no_object),
    ];
    let bytes = [
        ("not UTF-8", b"{\"title\":\"\xff\xfe\"}".to_vec()),
        ("an overlong form", b"{\"title\":\"\xc0\xaf\"}".to_vec()),
        ("a surrogate in bytes", b"{\"title\":\"\xed\xa0\x80\"}".to_vec()),
        ("not UTF-8 in a field unknown", b"{\"title\":\"x\",\"y\":\"\xff\"}".to_vec()),
        ("UTF-16", r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("30,000 open arrays", vec![b'['; 30_000]),
        ("30,000 arrays", [vec![b'['; 30_000], vec![b']'; 30_000]].concat()),
        ("10,000 open objects", br#"{"a":"#.repeat(10_000)),
        ("a deep title", [br#"{"title":"#.to_vec(), vec![b'['; 20_000], vec![b']'; 20_000], b"}".to_vec()].concat()),
    ];
    let texts = texts.map(|(text, fault)| (text, text.as_bytes().to_vec(), fault));
    let bytes = bytes.map(|(name, bytes)| (name, bytes, malformed));
    let routes = [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("PATCH", &format!("{task}/complete"))];
    for (name, bytes, fault) in texts.into_iter().chain(bytes) {
        // Where no body is required, `null` counts as none.
        let count = if name == "null" { 3 } else { 4 };
        for (method, rest) in &routes[..count] {
            let answer = site.send(method, rest, &[JSON], &bytes).await;
            assert_faults(&answer, &[fault], &format!("{method} {rest} {name}"));
        }
    }
    for (method, rest) in &routes[..3] {
        for headers in [&[JSON][..], &[], &["Content-Type: text/plain"]] {
            let answer = site.send(method, rest, headers, b"").await;
            assert_faults(&answer, &[(body, "missing")], &format!("{method} {rest} {headers:?}, no body"));
        }
    }
    assert_eq!(site.ann.list().await, before);
}

/// C120, C121, P1, P8, P10: all faults of a body at once, in the order of the fields.
#[tokio::test]
async fn every_fault_of_a_field_is_told_with_its_place() {
    let site = Site::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let (title, description, completed): (&[&str], &[&str], &[&str]) =
        (&["body", "title"], &["body", "description"], &["body", "completed"]);
    let mut cases = Vec::new();
    for empty in ["", " ", "\t\r\n", "\u{3000}\u{2003}", "\u{1}\u{1f}\u{7f}", "\0", " \u{85}"] {
        cases.push((json!({ "title": empty }), vec![(title, "string_too_short")]));
    }
    for long in ["x".repeat(201), "🙂".repeat(201), "x".repeat(10_000)] {
        cases.push((json!({ "title": long }), vec![(title, "string_too_long")]));
    }
    for other in [json!(null), json!(1), json!(true), json!(["x"]), json!({ "x": "x" })] {
        cases.push((json!({ "title": other }), vec![(title, "string_type")]));
        if !other.is_null() {
            cases.push((json!({ "title": "x", "description": other }), vec![(description, "string_type")]));
        }
        if !other.is_boolean() {
            cases.push((json!({ "title": "x", "completed": other }), vec![(completed, "bool_type")]));
        }
    }
    for other in ["true", "false", "", "1", "yes"] {
        cases.push((json!({ "title": "x", "completed": other }), vec![(completed, "bool_type")]));
    }
    cases.extend([
        (json!({ "title": "a\0b" }), vec![(title, "string_nul")]),
        (json!({ "title": "x", "description": "\0" }), vec![(description, "string_nul")]),
        (json!({ "title": "x", "description": "漢".repeat(1001) }), vec![(description, "string_too_long")]),
        (json!({ "title": "x", "description": "x".repeat(60_000) }), vec![(description, "string_too_long")]),
        (
            json!({ "completed": 0, "description": [], "title": "" }),
            vec![(title, "string_too_short"), (description, "string_type"), (completed, "bool_type")],
        ),
    ]);
    for (body, faults) in &cases {
        for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task)] {
            let answer = site.send(method, rest, &[JSON], body.to_string().as_bytes()).await;
            assert_faults(&answer, faults, &format!("{method} {body:.100}"));
        }
    }
    for body in [json!({}), json!({ "Title": "x" }), json!({ "titel": "x", "description": "y" })] {
        assert_faults(&site.create(body.to_string()).await, &[(title, "missing")], &body.to_string());
    }
    let complete = format!("{task}/complete");
    for other in [json!(null), json!("true"), json!(1), json!([true])] {
        let body = json!({ "completed": other }).to_string();
        let answer = site.send("PATCH", &complete, &[JSON], body.as_bytes()).await;
        assert_faults(&answer, &[(completed, "bool_type")], &body);
    }
    assert_eq!(site.ann.list().await, before);
}

/// C122, P7, P10: of a field given twice the last counts, wherever it stands.
#[tokio::test]
async fn of_a_field_given_twice_the_last_counts() {
    let site = Site::open().await;
    for (body, title, completed) in [
        (r#"{"title":"one","title":"two"}"#, "two", false),
        (r#"{"title":"","title":"two"}"#, "two", false),
        (r#"{"title":5,"completed":true,"title":"two"}"#, "two", true),
        (r#"{"title":"two","completed":"x","completed":true}"#, "two", true),
        (r#"{"title":"one","\u0074itle":"two"}"#, "two", false),
    ] {
        let task = parsed(&site.create(body).await);
        assert_eq!((&task["title"], &task["completed"]), (&json!(title), &json!(completed)), "{body}");
    }
    let answer = site.create(r#"{"title":"two","title":""}"#).await;
    assert_faults(&answer, &[(&["body", "title"], "string_too_short")], "the last is wrong");
}

/// C121, C126, C128, P8: more than the limit is not read, whether or not its length is announced.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let site = Site::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let of_size = |size: usize| {
        let frame = json!({ "title": "x", "more": "" }).to_string().len();
        json!({ "title": "x", "more": "y".repeat(size - frame) }).to_string().into_bytes()
    };
    let bearer = format!("Authorization: Bearer {}", site.ann.token);
    let chunked = "Transfer-Encoding: chunked";
    for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("POST", &format!("{task}/complete"))] {
        let line = format!("{method} {} HTTP/1.1", site.ann.tasks(rest));
        let mut requests = Vec::new();
        for (name, body) in [
            ("one more byte", of_size(65_537)),
            ("1 MB", of_size(1 << 20)),
            ("100,000 arrays", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
            ("not JSON at all", vec![0; 100_000]),
        ] {
            // One chunk, and no end after it.
            let length = format!("{:x}\r\n", body.len());
            let endless =
                [&request(&line, &[&bearer, JSON, chunked], b"")[..], length.as_bytes(), &body, b"\r\n"].concat();
            requests.push((format!("{name}, chunked"), endless));
            requests.push((name.to_owned(), request(&line, &[&bearer, JSON], &body)));
        }
        for length in ["65537", "10000000000"] {
            let announced = format!("Content-Length: {length}");
            requests.push((announced.clone(), request(&line, &[&bearer, JSON, &announced], b"")));
        }
        for (name, bytes) in requests {
            let answer = send_unfinished(&site.server, &bytes).await;
            assert_error(&answer, 413, "PAYLOAD_TOO_LARGE", &format!("{line} {name}"));
        }
    }
    assert_eq!(site.ann.list().await, before);
    assert_eq!(site.create(of_size(65_536)).await.status, 201, "the largest that is read");
    let mut in_chunks = request(&format!("POST {} HTTP/1.1", site.ann.tasks("")), &[&bearer, JSON, chunked], b"");
    in_chunks.extend_from_slice(b"5\r\n{\"tit\r\na\r\nle\":\"in ch\r\n6\r\nunks\"}\r\n0\r\n\r\n");
    let answer = send(&site.server, &in_chunks).await;
    assert_eq!(parsed(&answer)["title"], "in chunks", "{answer:?}");
}

/// C129, C130, P8: JSON in UTF-8 as it is, and nothing that a form of another site could send.
#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let site = Site::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let body = br#"{"title":"changed","completed":true}"#.as_slice();
    // `{"title":"zipped"}`.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xabV*\xc9,\xc9IU\xb2R\xaa\xca,(HMQ\xaa\x05\0i\xab\x13W\x12\0\0\0";
    let deflate = b"x\x9c\xabV*\xc9,\xc9IU\xb2R\xaa\xca,(HMQ\xaa\x05\0<\xdd\x06i";
    let multipart = b"--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n--b--\r\n".as_slice();
    let utf16: Vec<u8> = r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases = [
        (vec![], body),
        (vec!["Content-Type:"], body),
        (vec!["Content-Type: text/plain"], body),
        (vec!["Content-Type: text/plain; application/json"], body),
        (vec!["Content-Type: text/json"], body),
        (vec!["Content-Type: application/xml"], body),
        (vec!["Content-Type: application/vnd.api+json"], body),
        (vec!["Content-Type: application/json-patch+json"], body),
        (vec!["Content-Type: application/jsonx"], body),
        (vec!["Content-Type: application/json, text/plain"], body),
        (vec!["Content-Type: application"], body),
        (vec!["Content-Type: */*"], body),
        (vec!["Content-Type: application/octet-stream"], body),
        (vec!["Content-Type: application/x-www-form-urlencoded"], b"title=changed&completed=true"),
        (vec!["Content-Type: application/x-www-form-urlencoded"], body),
        (vec!["Content-Type: multipart/form-data; boundary=b"], multipart),
        (vec!["Content-Type: application/json; charset=utf-16"], &utf16),
        (vec!["Content-Type: application/json; charset=iso-8859-1"], body),
        (vec!["Content-Type: application/json; charset=utf-7"], body),
        (vec!["Content-Type: application/json; charset="], body),
        (vec!["Content-Type: application/json; a=b; Charset=\"us-ascii\""], body),
        (vec!["Content-Type: application/json\u{e9}"], body),
        (vec![JSON, "Content-Encoding: gzip"], gzip),
        (vec![JSON, "Content-Encoding: x-gzip"], gzip),
        (vec![JSON, "Content-Encoding: deflate"], deflate),
        (vec![JSON, "Content-Encoding: br"], body),
        (vec![JSON, "Content-Encoding: gzip, gzip"], gzip),
        (vec![JSON, "Content-Encoding: identity, gzip"], gzip),
        (vec![JSON, "Content-Encoding: gzip"], body),
        (vec![JSON, "Content-Encoding: unknown"], body),
    ];
    for (headers, body) in &cases {
        for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("PATCH", &format!("{task}/complete"))]
        {
            let answer = site.send(method, rest, headers, body).await;
            assert_error(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", &format!("{method} {rest} {headers:?}"));
        }
    }
    assert_eq!(site.ann.list().await, before);
    for headers in [
        [JSON, "X: 1"],
        ["Content-Type: Application/JSON", "X: 1"],
        ["Content-Type: application/json;charset=utf-8", "X: 1"],
        ["Content-Type: application/json ; charset=\"UTF-8\"", "X: 1"],
        ["Content-Type: application/json; charset=utf8; v=1", "X: 1"],
        [JSON, "Content-Encoding: identity"],
    ] {
        assert_eq!(site.send("POST", "", &headers, body).await.status, 201, "{headers:?}");
    }
}

/// P3, P6, P7.
#[tokio::test]
async fn a_change_touches_what_it_names_and_reading_touches_nothing() {
    let site = Site::open().await;
    let other = site.ann.add(json!({ "title": "other" })).await;
    for method in [Method::PUT, Method::PATCH] {
        let task = site.ann.add(json!({ "title": "t", "description": "d" })).await;
        let path = format!("/{}", task["id"]);
        let mut expected = task.clone();
        for (change, moves) in [
            (json!({}), false),
            (json!({ "unknown": 1 }), false),
            (json!({ "title": " new " }), true),
            (json!({ "description": "new, too" }), true),
            (json!({ "completed": true }), true),
            (json!({ "completed": true }), true),
            (json!({ "description": null }), true),
            (json!({ "description": "" }), true),
            (json!({ "title": "all", "description": "three", "completed": false }), true),
        ] {
            let (status, changed) = site.ask(method.clone(), &path, Some(&change)).await;
            assert_eq!(status, 200, "{method} {change}");
            let earlier = expected["updated_at"].clone();
            for (field, value) in change.as_object().unwrap().iter().filter(|(field, _)| *field != "unknown") {
                expected[field] = if value == " new " { json!("new") } else { value.clone() };
            }
            expected["updated_at"] = changed["updated_at"].clone();
            assert_eq!(changed, expected, "{method} {change}");
            assert_eq!(changed["updated_at"].as_str() > earlier.as_str(), moves, "{method} {change}: {earlier}");
            assert!(is_moment(&changed["updated_at"]));
            for _ in 0..2 {
                assert_eq!(site.ask(Method::GET, &path, None).await, (200, changed.clone()), "{method} {change}");
            }
        }
    }
    assert_eq!(site.ask(Method::GET, &format!("/{}", other["id"]), None).await, (200, other));
}

/// P4.
#[tokio::test]
async fn completing_sets_what_is_named_and_turns_round_otherwise() {
    let site = Site::open().await;
    let task = site.ann.add(json!({ "title": "t" })).await;
    let path = format!("/{}/complete", task["id"]);
    let mut last = task;
    for method in ["PATCH", "POST"] {
        for (headers, body, completed) in [
            (&[JSON][..], r#"{"completed":true}"#, true),
            (&[JSON], r#"{"completed":true}"#, true),
            (&[JSON], r#"{"completed":false}"#, false),
            (&[JSON], r#"{"completed":false}"#, false),
            (&[], "", true),
            (&[JSON], "", false),
            (&["Content-Type: text/plain"], "", true),
            (&[JSON], "{}", false),
            (&[JSON], r#"{"unknown":true,"title":"ignored"}"#, true),
            (&[JSON], " { } ", false),
        ] {
            let answer = site.send(method, &path, headers, body.as_bytes()).await;
            assert_eq!(answer.status, 200, "{method} {body:?}: {answer:?}");
            let changed = parsed(&answer);
            assert!(changed["updated_at"].as_str() > last["updated_at"].as_str(), "{method} {body:?}");
            last["updated_at"] = changed["updated_at"].clone();
            last["completed"] = json!(completed);
            assert_eq!(changed, last, "{method} {body:?}");
        }
    }
}

/// P5.
#[tokio::test]
async fn a_deleted_task_is_gone() {
    let site = Site::open().await;
    let (kept, gone) = (site.ann.add(json!({ "title": "kept" })).await, site.ann.add(json!({ "title": "gone" })).await);
    let path = format!("/{}", gone["id"]);
    let deleted = site.send("DELETE", &path, &[], b"").await;
    assert_eq!((deleted.status, deleted.body.as_str(), deleted.header("content-type")), (204, "", None));
    assert_error(&site.send("DELETE", &path, &[], b"").await, 404, "TASK_NOT_FOUND", "twice");
    assert_error(&site.send("GET", &path, &[], b"").await, 404, "TASK_NOT_FOUND", "read");
    assert_error(&site.send("PUT", &path, &[JSON], b"{}").await, 404, "TASK_NOT_FOUND", "change");
    assert_error(&site.send("POST", &format!("{path}/complete"), &[], b"").await, 404, "TASK_NOT_FOUND", "complete");
    assert_eq!(site.ann.list().await, json!([kept]));
}

/// C136, P8.
#[tokio::test]
async fn a_limit_is_a_number_from_1_to_1000() {
    let site = Site::open().await;
    for number in 0..4 {
        site.ann.add(json!({ "title": number.to_string() })).await;
    }
    let all = site.ann.list().await;
    for (query, count) in [
        ("", 4),
        ("limit=", 4),
        ("limit=1", 1),
        ("limit=3", 3),
        ("limit=1000", 4),
        ("limit=4&limit=2", 2),
        ("limit=x&limit=2", 2),
        ("%6cimit=2", 2),
        ("limit=%32", 2),
        ("&&limit=2&", 2),
        ("Limit=1", 4),
        ("x=%00%ff&y", 4),
        ("'%20OR%201=1%20--", 4),
    ] {
        let (status, list) = site.ask(Method::GET, &format!("?{query}"), None).await;
        assert_eq!(status, 200, "{query}: {list}");
        assert_eq!(list.as_array().unwrap(), &all.as_array().unwrap()[..count], "{query}");
    }
    let beyond = "9".repeat(2000);
    for value in [
        "0",
        "-0",
        "-1",
        "1001",
        "65536",
        "65537",
        "1000000000",
        "9223372036854775808",
        "18446744073709551617",
        "1.0",
        "1e2",
        "0x10",
        "abc",
        "null",
        "true",
        "NaN",
        "Infinity",
        "1,2",
        "%201",
        "1%20",
        "+1",
        "1%00",
        "%00",
        "%EF%BC%91",
        "%ff",
        "1;DROP%20TABLE%20tasks",
        "1%20OR%201=1",
        "[]",
        "2&limit=0",
        &beyond,
    ] {
        let answer = site.send("GET", &format!("?limit={value}"), &[], b"").await;
        assert_faults(&answer, &[(&["query", "limit"], "int_range")], value);
    }
    assert_eq!(site.ann.list().await, all);
}

/// C216, P5, P10.
#[tokio::test]
async fn of_parallel_deletes_one_succeeds() {
    let site = Site::open().await;
    let path = site.ann.tasks(&format!("/{}", site.ann.add(json!({ "title": "t" })).await["id"]));
    let mut statuses = in_parallel(10, |_| site.ann.request(Method::DELETE, &path)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[204].as_slice(), &[404; 9]].concat());
}

/// C217, C218, P4.
#[tokio::test]
async fn parallel_changes_are_all_made() {
    let site = Site::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "t" })).await["id"]);
    let toggle = site.ann.tasks(&format!("{task}/complete"));
    for (toggles, completed) in [(20, false), (21, true), (20, true)] {
        let statuses = in_parallel(toggles, |_| site.ann.request(Method::PATCH, &toggle)).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let (_, shown) = site.ask(Method::GET, &task, None).await;
        assert_eq!(shown["completed"], json!(completed), "after {toggles}");
    }
    let path = site.ann.tasks(&task);
    let write = |number: usize| {
        let text = number.to_string();
        site.ann.request(Method::PUT, &path).json(&json!({ "title": text, "description": text }))
    };
    let statuses = in_parallel(20, write).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let (_, shown) = site.ask(Method::GET, &task, None).await;
    assert_eq!(shown["title"], shown["description"], "one of the writes, not a mix");
    assert_ne!(shown["title"], "t");
}

/// The statuses of so many requests, sent at the same time.
async fn in_parallel(count: usize, request: impl Fn(usize) -> reqwest::RequestBuilder) -> Vec<u16> {
    let mut answers = JoinSet::new();
    for number in 0..count {
        let request = request(number);
        answers.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    answers.join_all().await
}

/// Text as Better Auth signs it: `<text>.<signature>`.
fn signed(text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(text);
    format!("{text}.{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A `Set-Cookie` line as Better Auth writes it.
fn cookie(name: &str, value: &str, max_age: &str) -> String {
    let value = signed(value).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("better-auth.{name}={value};{max_age} Path=/; HttpOnly; SameSite=Lax")
}

/// R1, R6, C157, C166, C186: the answers of sign-up and sign-in are Better Auth's, cookies included.
#[tokio::test]
async fn signing_up_and_in_answers_as_better_auth_does() {
    let site = Site::open().await;
    let forged = json!({
        "name": "E", "email": "e@example.test", "password": PASSWORD, "image": "https://cdn.example.test/e.png",
        "emailVerified": true, "id": "forged", "userId": site.ann.id, "role": "admin", "banned": true,
        "createdAt": "2001-01-01T00:00:00.000Z", "updatedAt": "2001-01-01T00:00:00.000Z", "twoFactorEnabled": true,
    });
    let person = |email: &str, remember: Option<bool>| match remember {
        None => json!({ "name": "Ann", "email": email, "password": PASSWORD }),
        Some(remember) => json!({ "name": "Ann", "email": email, "password": PASSWORD, "rememberMe": remember }),
    };
    for (path, body, email, image, remembered) in [
        (SIGN_UP, person("First@Example.TEST", None), "first@example.test", json!(null), true),
        (SIGN_UP, person("second@example.test", Some(true)), "second@example.test", json!(null), true),
        (SIGN_UP, person("third@example.test", Some(false)), "third@example.test", json!(null), false),
        (SIGN_UP, forged, "e@example.test", json!("https://cdn.example.test/e.png"), true),
        (SIGN_IN, person("FIRST@example.test", None), "first@example.test", json!(null), true),
        (SIGN_IN, person("first@example.test", Some(true)), "first@example.test", json!(null), true),
        (SIGN_IN, person("first@example.test", Some(false)), "first@example.test", json!(null), false),
        (SIGN_IN, person("third@example.test", None), "third@example.test", json!(null), true),
    ] {
        let name = format!("{path} {body}");
        let response = site.post(path, &body).await;
        assert_eq!(response.status(), 200, "{name}");
        let headers = response.headers().clone();
        let header = |name: &str| headers[name].to_str().unwrap();
        let answer: Value = response.json().await.unwrap();
        let token = answer["token"].as_str().unwrap();
        assert!(is_id(&answer["token"]) && is_id(&answer["user"]["id"]), "{name}: {answer}");
        assert!(is_moment(&answer["user"]["createdAt"]), "{name}: {answer}");
        assert!(!answer.to_string().contains("2001"), "{name}: {answer}");
        let user = json!({
            "name": body["name"], "email": email, "emailVerified": false, "image": image,
            "createdAt": answer["user"]["createdAt"], "updatedAt": answer["user"]["createdAt"],
            "id": answer["user"]["id"],
        });
        let expected = match path {
            SIGN_UP => json!({ "token": token, "user": user }),
            _ => json!({ "redirect": false, "token": token, "user": user }),
        };
        assert_eq!(answer, expected, "{name}");
        assert_ne!(answer["user"]["id"], json!(site.ann.id), "{name}");

        assert_eq!(header("content-type"), "application/json", "{name}");
        assert_eq!(header("set-auth-token"), signed(token), "{name}");
        assert_eq!(header("set-auth-jwt").split('.').count(), 3, "{name}");
        assert!(header("access-control-expose-headers").split(", ").any(|name| name == "set-auth-token"), "{name}");
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
        let mut expected = vec![cookie("session_token", token, if remembered { " Max-Age=604800;" } else { "" })];
        if !remembered {
            expected.push(cookie("dont_remember", "true", ""));
        }
        assert_eq!(cookies, expected, "{name}");
    }
}

/// R1: the form of every refusal of the two routes, as Better Auth words it. The password is looked at last.
#[tokio::test]
async fn bodies_of_sign_up_and_sign_in_are_refused_in_better_auths_words() {
    let site = Site::open().await;
    let up = |email: &str, password: &str| json!({ "name": "B", "email": email, "password": password }).to_string();
    let sign_in = |email: &str, password: &str| json!({ "email": email, "password": password }).to_string();
    let missing = |field: &str| format!("[body.{field}] Invalid input: expected string, received undefined");
    let long = "x".repeat(129);
    let schema = |message: &str| (400, "VALIDATION_ERROR", message.to_owned());
    let of_up = |received: &str| {
        let one = |expected| format!("[body] Invalid input: expected {expected}, received {received}");
        schema(&[one("object"), one("record")].join("; "))
    };
    let of_in = |received: &str| schema(&format!("[body] Invalid input: expected object, received {received}"));
    let (short, too_long) = (
        (400, "PASSWORD_TOO_SHORT", "Password too short".to_owned()),
        (400, "PASSWORD_TOO_LONG", "Password too long".to_owned()),
    );
    let taken = (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email.".to_owned());
    let malformed = (400, "BAD_REQUEST", "Invalid JSON in request body".to_owned());
    let refused = (401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password".to_owned());
    let no_email = (400, "INVALID_EMAIL", "Invalid email".to_owned());
    let bad_email = schema("[body.email] Invalid email address");
    let nul = |field: &str| schema(&format!("[body.{field}] Invalid input: must not contain a NUL character"));
    let wrong = r#"{"rememberMe":"x","image":{},"password":[],"email":true,"name":1}"#;
    let wrong_types = schema(
        "[body.name] Invalid input: expected string, received number; \
         [body.email] Invalid input: expected string, received boolean; \
         [body.password] Invalid input: expected string, received array; \
         [body.image] Invalid input: expected string, received object; \
         [body.rememberMe] Invalid input: expected boolean, received string",
    );
    let null_image = r#"{"name":"B","email":"b@example.test","password":"long enough","image":null}"#;
    for (path, body, (status, code, message)) in [
        (SIGN_UP, "{}".to_owned(), schema(&["name", "email", "password"].map(missing).join("; "))),
        (SIGN_UP, wrong.into(), wrong_types),
        (SIGN_UP, null_image.into(), schema("[body.image] Invalid input: expected string, received null")),
        (SIGN_UP, "null".into(), of_up("null")),
        (SIGN_UP, r#""x""#.into(), of_up("string")),
        (SIGN_UP, "[]".into(), of_up("array")),
        (SIGN_UP, "1".into(), of_up("number")),
        (SIGN_UP, "true".into(), of_up("boolean")),
        (SIGN_UP, String::new(), of_up("undefined")),
        (SIGN_UP, "{oops".into(), malformed.clone()),
        (SIGN_UP, "{} x".into(), malformed.clone()),
        (SIGN_UP, up("nope", "long enough"), bad_email.clone()),
        (SIGN_UP, up("", "long enough"), bad_email.clone()),
        (SIGN_UP, up(" b@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("b@example.test\r\nBcc: c@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("b@example.test\0", "long enough"), bad_email.clone()),
        (SIGN_UP, up("ann@ex\u{e4}mple.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up("\u{ff41}nn@example.test", "long enough"), bad_email.clone()),
        (SIGN_UP, up(&format!("{}@example.test", "b".repeat(400)), "long enough"), bad_email.clone()),
        (
            SIGN_UP,
            up("b@example.test", ""),
            schema("[body.password] Too small: expected string to have >=1 characters"),
        ),
        (SIGN_UP, up("b@example.test", "short"), short.clone()),
        (SIGN_UP, up("b@example.test", "1234567"), short),
        (SIGN_UP, up("b@example.test", &"x".repeat(73)), too_long.clone()),
        (SIGN_UP, up("b@example.test", &"é".repeat(37)), too_long.clone()),
        (SIGN_UP, up("b@example.test", &long), too_long.clone()),
        (SIGN_UP, up("b@example.test", "long\0enough"), nul("password")),
        (SIGN_UP, up("b@example.test", "\0\0\0\0\0\0\0\0"), nul("password")),
        (SIGN_UP, up("b@example.test", "long enough").replace(r#""B""#, r#""\u0000""#), nul("name")),
        (SIGN_UP, up("ann@example.test", "long enough"), taken.clone()),
        (SIGN_UP, up("ANN@Example.Test", "long enough"), taken),
        (SIGN_IN, "{}".into(), schema(&["email", "password"].map(missing).join("; "))),
        (SIGN_IN, "null".into(), of_in("null")),
        (SIGN_IN, "[]".into(), of_in("array")),
        (SIGN_IN, String::new(), of_in("undefined")),
        (SIGN_IN, "{oops".into(), malformed),
        (SIGN_IN, r#"{"email":5,"password":{}}"#.into(), {
            schema(
                "[body.email] Invalid input: expected string, received number; \
                 [body.password] Invalid input: expected string, received object",
            )
        }),
        (SIGN_IN, sign_in("nobody", PASSWORD), no_email.clone()),
        (SIGN_IN, sign_in("", PASSWORD), no_email),
        (SIGN_IN, sign_in("ann@example.test", &long), too_long),
        (SIGN_IN, sign_in("ann@example.test", ""), refused.clone()),
        (SIGN_IN, sign_in("ann@example.test", "wrong"), refused.clone()),
        (SIGN_IN, sign_in("nobody@example.test", PASSWORD), refused),
    ] {
        let line = format!("POST {path} HTTP/1.1");
        let answer = send(&site.server, &request(&line, &[JSON], body.as_bytes())).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert_eq!(answer.body, format!(r#"{{"message":{},"code":"{code}"}}"#, json!(message)), "{path} {body}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path} {body}");
        for header in ["set-cookie", "set-auth-token", "set-auth-jwt"] {
            assert_eq!(answer.header(header), None, "{path} {body}");
        }
    }
    // None of it made an account.
    assert_eq!(
        site.post(SIGN_UP, &json!({ "name": "", "email": "b@example.test", "password": "12345678" })).await.status(),
        200
    );
}

/// R1: media types as Better Auth reads them; a body without one counts as none.
#[tokio::test]
async fn sign_up_and_sign_in_take_json_only() {
    let site = Site::open().await;
    let sign_in = json!({ "email": site.ann.email, "password": PASSWORD }).to_string();
    let post = async |path: &str, headers: &[&str], body: &[u8]| {
        send(&site.server, &request(&format!("POST {path} HTTP/1.1"), headers, body)).await
    };
    for media_type in
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;x=y"]
    {
        let answer = post(SIGN_IN, &[&format!("Content-Type: {media_type}")], sign_in.as_bytes()).await;
        assert_eq!(answer.status, 200, "{media_type}: {answer:?}");
    }
    for path in [SIGN_UP, SIGN_IN] {
        for media_type in
            ["text/plain", "application/vnd.api+json", "multipart/form-data; boundary=b", "application/xml"]
        {
            let answer = post(path, &[&format!("Content-Type: {media_type}")], sign_in.as_bytes()).await;
            let body = parsed(&answer);
            assert_eq!((answer.status, &body["code"]), (415, &json!("UNSUPPORTED_MEDIA_TYPE")), "{path} {media_type}");
            let message = body["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("Content-Type {media_type:?} is not allowed. ")), "{message}");
            assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        }
        let answer = post(path, &[], sign_in.as_bytes()).await;
        let message = parsed(&answer)["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert!(message.ends_with("received undefined"), "{message}");

        let large = request(&format!("POST {path} HTTP/1.1"), &[JSON, "Content-Length: 10000000"], b"");
        let answer = send_unfinished(&site.server, &large).await;
        assert_eq!(answer.status, 413, "{path}: {answer:?}");
        for hostile in
            [b"{\"email\":\"\xff\"}".to_vec(), vec![b'['; 60_000], br#"{"email":"\ud800","password":"x"}"#.to_vec()]
        {
            let answer = post(path, &[JSON], &hostile).await;
            assert_eq!((answer.status, &parsed(&answer)["code"]), (400, &json!("BAD_REQUEST")), "{path}: {answer:?}");
        }
    }
}

/// C112, C178, wire contract 1.1: below `/api/auth` whatever is not there is an empty 404.
#[tokio::test]
async fn what_is_not_there_below_api_auth_is_an_empty_404() {
    let site = Site::open().await;
    for (method, path) in [
        ("GET", SIGN_UP),
        ("GET", SIGN_IN),
        ("PUT", SIGN_IN),
        ("DELETE", SIGN_IN),
        ("OPTIONS", SIGN_IN),
        ("POST", "/api/auth/token"),
        ("OPTIONS", "/api/auth/token"),
        ("HEAD", "/api/auth/token"),
        ("TRACE", "/api/auth/token"),
        ("POST", "/api/auth/sign-in/email/"),
        ("POST", "/api/auth//sign-in/email"),
        ("POST", "/api/auth/sign-in"),
        ("POST", "/api/auth/Sign-In/Email"),
        ("GET", "/api/auth/token/"),
        ("GET", "/api/auth/nothing"),
        ("GET", "/api/auth/"),
        ("GET", "/api/auth"),
    ] {
        let bearer = format!("Authorization: Bearer {}", site.ann.session);
        let answer = send(&site.server, &request(&format!("{method} {path} HTTP/1.1"), &[&bearer], b"")).await;
        let shown = (answer.status, answer.body.as_str(), answer.header("content-type"));
        assert_eq!(shown, (404, "", None), "{method} {path}");
    }
}

/// C144 to C146, C148, C150, C152, R2, R3: a password is the whole of it, and a refusal says nothing.
#[tokio::test]
async fn only_the_very_password_signs_in() {
    let site = Site::open().await;
    let sixty_four = "a".repeat(64);
    let seventy_two = "0123456789ab".repeat(6);
    let accents = "é".repeat(36);
    let emoji = "🔑🔑🔑🔑";
    for (name, password, others) in [
        (
            "p",
            "correct horse",
            vec!["correct horse ", " correct horse", "Correct horse", "correct hors", "correct horsee"],
        ),
        (
            "nul",
            "nul-password",
            vec!["nul-password\0nul-password", "nul-password\0nul-password\0nul-password", "nul-password\0", "\0"],
        ),
        ("long", &sixty_four, vec![&sixty_four[1..], "a"]),
        ("longest", &seventy_two, vec![&seventy_two[..71], "0123456789ab0123456789ab"]),
        ("bytes", &accents, vec![&accents[2..]]),
        ("emoji", emoji, vec!["🔑🔑🔑", "🔒🔒🔒🔒"]),
        ("composed", "café-\u{fb01}rst", vec!["cafe-first"]),
    ] {
        let email = format!("{name}@example.test");
        let sign_up = site.post(SIGN_UP, &json!({ "name": name, "email": email, "password": password })).await;
        assert_eq!(sign_up.status(), 200, "{name}");
        let sign_in = async |password: &str| site.post(SIGN_IN, &json!({ "email": email, "password": password })).await;
        let accepted = sign_in(password).await;
        assert_eq!(accepted.status(), 200, "{name}");
        let unknown = site.post(SIGN_IN, &json!({ "email": "x@example.test", "password": password })).await;
        let expected = shown(unknown).await;
        assert_eq!(expected.0, 401);
        let tails = [format!("{password}x"), format!("{password}\0"), password.repeat(2)];
        for other in
            others.into_iter().map(str::to_owned).chain(tails).filter(|other| other.encode_utf16().count() <= 128)
        {
            assert_eq!(shown(sign_in(&other).await).await, expected, "{name} {other:?}");
        }
    }
    // What looks the same is the same (NFKC).
    let composed = json!({ "email": "composed@example.test", "password": "cafe\u{301}-first" });
    assert_eq!(site.post(SIGN_IN, &composed).await.status(), 200);
}

/// All of an answer but its time and its id.
async fn shown(response: Response) -> (u16, Vec<(String, String)>, String) {
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let differs = |(name, _): &(String, String)| name == "date" || name == "x-request-id";
    let mut headers: Vec<_> = response.headers().iter().map(header).filter(|header| !differs(header)).collect();
    headers.sort_unstable();
    (response.status().as_u16(), headers, response.text().await.unwrap())
}

/// C213, C214, R1.
#[tokio::test]
async fn of_parallel_sign_ups_with_one_address_one_succeeds() {
    let site = Site::open().await;
    let spellings = ["same@example.test", "SAME@example.test", "Same@Example.Test"];
    let sign_up = |number: usize| {
        let body = json!({ "name": number.to_string(), "email": spellings[number % 3], "password": PASSWORD });
        site.ann.anonymous(Method::POST, SIGN_UP).json(&body)
    };
    let mut statuses = in_parallel(10, sign_up).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200].as_slice(), &[422; 9]].concat());
    let sign_in = site.post(SIGN_IN, &json!({ "email": "same@example.test", "password": PASSWORD })).await;
    assert_eq!(sign_in.status(), 200);
}

/// C141, C157: nobody takes an account over by an address that looks the same, or by naming its id.
#[tokio::test]
async fn a_sign_up_never_touches_an_account_that_is_there() {
    let site = Site::open().await;
    let list = json!([site.ann.add(json!({ "title": "mine" })).await]);
    for (email, status) in [
        ("ann@example.test", 422),
        ("ANN@EXAMPLE.TEST", 422),
        ("a\u{301}nn@example.test", 400),
        ("\u{0430}nn@example.test", 400),
        ("\u{ff41}nn@example.test", 400),
        ("ann@example.test ", 400),
        ("ann@example.test.", 400),
        ("ann+@example.test", 200),
        ("ann@example.tests", 200),
    ] {
        let body = json!({ "name": "Mallory", "email": email, "password": "another password", "id": site.ann.id });
        let response = site.post(SIGN_UP, &body).await;
        assert_eq!(response.status().as_u16(), status, "{email}");
        let answer: Value = response.json().await.unwrap();
        assert_ne!(answer["user"]["id"], json!(site.ann.id), "{email}");
        let stolen = json!({ "email": site.ann.email, "password": "another password" });
        assert_eq!(site.post(SIGN_IN, &stolen).await.status(), 401, "{email}");
    }
    let signed_in = site.post(SIGN_IN, &json!({ "email": site.ann.email, "password": PASSWORD })).await;
    let answer: Value = signed_in.json().await.unwrap();
    assert_eq!((&answer["user"]["id"], &answer["user"]["name"]), (&json!(site.ann.id), &json!("ann")));
    assert_eq!(site.ann.list().await, list);
}
