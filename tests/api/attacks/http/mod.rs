//! Malformed HTTP: ambiguous framing, heads that are too large or invalid, and bodies without end.

mod answers;
mod bodies;

use futures_util::future::join_all;
use serde_json::{Value, json};
use support::raw::{Answer, Connection, request, send, send_all};
use support::{Server, User};

const JSON: &str = "Content-Type: application/json";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_UP: &str = "/api/auth/sign-up/email";

const HEALTH: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The last request on its connection.
const LAST: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A server on which Bob attacks the tasks of Ann.
struct Site {
    server: Server,
    ann: User,
    bob: User,
}

impl Site {
    async fn open() -> Self {
        let server = Server::start_with(&[("TASKBRIDGE__SERVER__REQUEST_SECONDS", "2")]);
        let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
        ann.add(json!({ "title": "of ann" })).await;
        Self { server, ann, bob }
    }

    /// Returns the head of a request by Bob without its last line; `framing` are the lines about its length.
    fn post(&self, framing: &str) -> String {
        format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{JSON}\r\n{framing}",
            self.bob.tasks(""),
            self.bob.token
        )
    }

    /// Returns a complete request by Ann, the last one on its connection. A proxy sends it when it believes that Bob's
    /// request has ended.
    fn anns(&self) -> String {
        let head = format!("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", self.ann.tasks(""));
        format!("{head}Authorization: Bearer {}\r\n\r\n", self.ann.token)
    }

    /// Sends these bytes and then Ann's request, and returns the statuses of all answers.
    async fn statuses(&self, bytes: &[u8]) -> Vec<u16> {
        let answers = send_all(&self.server, &[bytes, self.anns().as_bytes()].concat()).await;
        for answer in &answers[..answers.len().saturating_sub(1)] {
            assert!(!answer.body.contains("of ann"), "{answers:?}");
        }
        answers.iter().map(|answer| answer.status).collect()
    }

    /// Asserts that the server still works, and that nothing was stored.
    async fn assert_well(&self) {
        assert_eq!(self.ann.list().await.as_array().unwrap().len(), 1);
        assert_eq!(self.bob.list().await, json!([]));
    }
}

/// A head that a proxy may interpret differently is rejected, and nothing after it on the connection is answered
/// (request smuggling).
#[tokio::test]
async fn an_ambiguous_head_is_refused_and_ends_its_connection() {
    let site = Site::open().await;
    let body = r#"{"title":"x"}"#;
    let framings = [
        "Content-Length: 13\r\nContent-Length: 14",
        "Content-Length: 13\r\nContent-Length: 13",
        "Content-Length: 13\r\ncontent-length: 0",
        "Content-Length: 13, 13",
        "Content-Length: 13,14",
        "Content-Length: +13",
        "Content-Length: -13",
        "Content-Length: -0",
        "Content-Length: 0x0d",
        "Content-Length: 13.0",
        "Content-Length: 1e1",
        "Content-Length: 1 3",
        "Content-Length: 1_3",
        "Content-Length: 13;",
        "Content-Length: \"13\"",
        "Content-Length: thirteen",
        "Content-Length:",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999",
        "Content-Length : 13",
        "Content-Length\t: 13",
        " Content-Length: 13",
        "Content-Length:\r\n 13",
        "Content-Length: 1\r\n 3",
        "Content-Length: 13\0",
        "Content-Length: 13\u{b}",
        "Content-Length: 13\rX: y",
        "Content Length: 13",
        "Content-Length\r\n: 13",
        ": 13",
        "Content-Length 13",
        "Content-Length: 13\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 13",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 13\r\nTransfer-Encoding: identity",
        "Content-Length: 13\r\nTransfer-Encoding:",
        "Content-Length: 13\r\nTransfer-Encoding: x",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chun ked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: chunke\u{17f}",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\n ",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: \0y",
        "X\0: y",
        "X\u{7f}: y",
        "X(y): z",
        "X y: z",
        "Host: localhost",
        "Host: evil.example.test",
        "host: localhost\r\nHOST: localhost",
    ];
    for framing in framings {
        let statuses = site.statuses(format!("{}\r\n\r\n{body}", site.post(framing)).as_bytes()).await;
        assert_eq!(statuses, [400], "{framing:?}");
    }
    site.assert_well().await;
}

/// Bytes that are not an HTTP/1.1 or HTTP/1.0 request with a single host are rejected.
#[tokio::test]
async fn what_is_no_request_is_refused_and_ends_its_connection() {
    let site = Site::open().await;
    let tls_hello: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for head in [
        "GET /health/live HTTP/1.1",
        "GET /health/live HTTP/1.1\r\nX: y",
        "GET /health/live HTTP/1.1\r\n Host: localhost",
        "GET /health/live HTTP/1.1\r\nHost : localhost",
        "GET /health/live HTTP/3.0\r\nHost: localhost",
        "GET /health/live HTTP/2.0\r\nHost: localhost",
        "GET /health/live HTTP/1.2\r\nHost: localhost",
        "GET /health/live HTTP/1.10\r\nHost: localhost",
        "GET /health/live HTTP/1\r\nHost: localhost",
        "GET /health/live http/1.1\r\nHost: localhost",
        "GET /health/live HTTP/1.1 HTTP/1.1\r\nHost: localhost",
        "GET /health/live HTTP/1.1 \r\nHost: localhost",
        "GET  /health/live HTTP/1.1\r\nHost: localhost",
        "GET /health/live\r\nHost: localhost",
        "GET\r\nHost: localhost",
        " GET /health/live HTTP/1.1\r\nHost: localhost",
        "GET\t/health/live\tHTTP/1.1\r\nHost: localhost",
        "GET /health live HTTP/1.1\r\nHost: localhost",
        "GET /health/live\0 HTTP/1.1\r\nHost: localhost",
        "G\0T /health/live HTTP/1.1\r\nHost: localhost",
        "G(T /health/live HTTP/1.1\r\nHost: localhost",
        "POST /health/live HTTP/1.0\r\nTransfer-Encoding: chunked",
        "GET /health/live HTTP/1.0\r\nTransfer-Encoding: chunked",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "hello",
        "\0\0\0\0",
        "SSH-2.0-OpenSSH_9.6",
        "*1\r\n$4\r\nPING",
        "HTTP/1.1 200 OK\r\nHost: localhost",
    ] {
        assert_eq!(site.statuses(format!("{head}\r\n\r\n").as_bytes()).await, [400], "{head:?}");
    }
    assert_eq!(site.statuses(tls_hello).await, [400]);
    site.assert_well().await;
}

/// A body with invalid chunks is answered once, and ends the connection.
#[tokio::test]
async fn a_malformed_chunk_is_answered_once_and_ends_its_connection() {
    let site = Site::open().await;
    let sign_in = format!("POST {SIGN_IN} HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked");
    for chunks in [
        "x\r\n",
        "-1\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2 2\r\n{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        ";a\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r{}\r\n0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2;a\n{}\r\n0\r\n\r\n",
        "2;a=\0\r\n{}\r\n0\r\n\r\n",
        "2,\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "10000000000000000\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\n\n",
        "2\r\n{}\r\n0\r\n\rx",
    ] {
        for head in [site.post("Transfer-Encoding: chunked"), sign_in.clone()] {
            let statuses = site.statuses(format!("{head}\r\n\r\n{chunks}").as_bytes()).await;
            assert_eq!(statuses, [400], "{chunks:?}");
        }
    }
    site.assert_well().await;
}

/// Such a body is not parsed, so the error does not mention JSON.
#[tokio::test]
async fn a_malformed_chunk_is_a_bad_request() {
    let site = Site::open().await;
    let sign_in = format!("POST {SIGN_IN} HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked");
    for (head, chunks, status, code, message) in [
        (site.post("Transfer-Encoding: chunked"), "x\r\n", 400, "BAD_REQUEST", "malformed"),
        (sign_in.clone(), "x\r\n", 400, "BAD_REQUEST", "malformed"),
        // The framing is valid.
        (site.post("Transfer-Encoding: chunked"), "1\r\n{\r\n0\r\n\r\n", 422, "VALIDATION_ERROR", "JSON"),
        (sign_in, "1\r\n{\r\n0\r\n\r\n", 400, "BAD_REQUEST", "JSON"),
    ] {
        let mut connection = Connection::open(&site.server).await;
        connection.write(format!("{head}\r\n\r\n{chunks}").as_bytes()).await;
        let answer = connection.answer().await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((answer.status, body["code"].as_str()), (status, Some(code)), "{answer:?}");
        assert!(body["message"].as_str().unwrap().contains(message), "{answer:?}");
        if message == "malformed" {
            assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
            assert_eq!(connection.rest().await, b"", "the connection is closed");
        }
    }
    site.assert_well().await;
}

/// An unusual but unambiguous request is answered, and so is the request after it.
#[tokio::test]
async fn an_unusual_but_clear_request_is_served_and_so_is_the_next() {
    let site = Site::open().await;
    let body = r#"{"title":"x"}"#;
    let chunks = format!("d\r\n{body}\r\n0\r\n\r\n");
    for (framing, body) in [
        ("Content-Length: 13", body),
        ("content-length:13", body),
        ("CONTENT-LENGTH: \t 13 \t ", body),
        ("Content-Length: 0013", body),
        ("Content_Length: 5\r\nContent-Length: 13", body),
        ("Transfer_Encoding: chunked\r\nContent-Length: 13", body),
        ("X-Transfer-Encoding: chunked\r\nContent-Length: 13", body),
        ("TE: chunked\r\nContent-Length: 13", body),
        ("Connection: Content-Length\r\nContent-Length: 13", body),
        ("Transfer-Encoding: chunked", &chunks),
        ("transfer-encoding:  Chunked ", &chunks),
        ("Transfer-Encoding: chunked\r\nTrailer: X", "D\r\n{\"title\":\"x\"}\r\n0\r\nX: y\r\n\r\n"),
        ("Transfer-Encoding: chunked", "000d;a=b;c=\"d\"\r\n{\"title\":\"x\"}\r\n000\r\n\r\n"),
        (
            "Transfer-Encoding: chunked",
            "1\r\n{\r\nc \r\n\"title\":\"x\"}\r\n0;x\r\nAuthorization: x\r\nHost: y\r\n\r\n",
        ),
    ] {
        let bytes = format!("{}\r\n\r\n{body}", site.post(framing));
        assert_eq!(site.statuses(bytes.as_bytes()).await, [201, 200], "{framing:?} {body:?}");
    }
    for (bytes, expected) in [
        ("\r\nGET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), vec![200, 200]),
        ("GET /health/live HTTP/1.1\nHost: localhost\n\n".into(), vec![200, 200]),
        ("GET http://evil.example.test/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), vec![200, 200]),
        ("GET /health/live HTTP/1.1\r\nHost: evil.example.test\r\n\r\n".into(), vec![200, 200]),
        ("GET /health/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n".into(), vec![200, 200]),
        ("GET * HTTP/1.1\r\nHost: localhost\r\n\r\n".into(), vec![404, 200]),
        ("GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".into(), vec![200, 200]),
    ] {
        assert_eq!(site.statuses(bytes.as_bytes()).await, expected, "{bytes:?}");
    }
    assert_eq!(site.bob.list().await.as_array().unwrap().len(), 14);
}

/// The rest of a body that was not read is never treated as the next request.
#[tokio::test]
async fn a_request_in_a_body_that_is_not_read_is_not_answered() {
    let site = Site::open().await;
    let anns = site.anns();
    let length = format!("Content-Length: {}", anns.len());
    let chunked = format!("{:x}\r\n{anns}\r\n0\r\n\r\n", anns.len());
    let bearer = format!("Authorization: Bearer {}", site.bob.token);
    let tasks = site.bob.tasks("");
    let large = format!("X: {}", "x".repeat(66_000));
    let cases = [
        (200, "GET /health/live".to_owned(), vec![]),
        (200, format!("GET {tasks}"), vec![&*bearer]),
        (401, format!("POST {tasks}"), vec![]),
        (401, format!("POST {tasks}"), vec!["Authorization: Bearer x"]),
        (403, format!("POST {}", site.ann.tasks("")), vec![&*bearer]),
        (404, format!("PUT {tasks}/x"), vec![&*bearer]),
        (404, "POST /nowhere".into(), vec![]),
        (404, "POST /api/auth/nowhere".into(), vec![]),
        (405, format!("DELETE {tasks}"), vec![&*bearer]),
        (431, "POST /nowhere".into(), vec![&*large]),
    ];
    let attempts = cases.iter().map(async |(status, line, headers)| {
        for (framing, body) in [(&*length, &*anns), ("Transfer-Encoding: chunked", &*chunked)] {
            let headers = [&headers[..], &["Host: localhost", framing]].concat().join("\r\n");
            let bytes = format!("{line} HTTP/1.1\r\n{headers}\r\n\r\n{body}");
            // Sent at once, the server may have read the body, so that the next request is valid; or the body is sent
            // after the answer.
            let answers = send_all(&site.server, format!("{bytes}{LAST}").as_bytes()).await;
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            assert!(statuses == [*status] || statuses == [*status, 200], "{line} {framing}: {answers:?}");
            assert!(!answers.iter().any(|answer| answer.body.contains("of ann")), "{line} {framing}: {answers:?}");
            let mut connection = Connection::open(&site.server).await;
            connection.write(bytes.strip_suffix(body).unwrap().as_bytes()).await;
            let answer = connection.answer().await;
            assert_eq!((answer.status, answer.header("connection")), (*status, Some("close")), "{line} {framing}");
            connection.write(body.as_bytes()).await;
            connection.write(anns.as_bytes()).await;
            assert_eq!(connection.answers().await, [], "{line} {framing}");
        }
    });
    join_all(attempts).await;
    // actix treats everything after this request as its body, regardless of the length.
    let upgrade =
        format!("{}\r\n\r\n{{}}", site.post("Content-Length: 2\r\nUpgrade: websocket\r\nConnection: upgrade"));
    assert_eq!(site.statuses(upgrade.as_bytes()).await, [422]);
    site.assert_well().await;
}

/// Pipelined requests are answered in their order. actix-http may close the connection after the response to one when the
/// body of a later one has not arrived yet; every request that it has handled is answered all the same.
#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let site = Site::open().await;
    let create = |title: &str| {
        let body = json!({ "title": title }).to_string();
        format!("{}\r\n\r\n{body}", site.post(&format!("Content-Length: {}", body.len())))
    };
    let title = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap()["title"].clone();
    let requests: Vec<_> = (0..300).map(|number| create(&number.to_string())).collect();
    let answers = send_all(&site.server, format!("{}{LAST}", requests.concat()).as_bytes()).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(title).collect();
    let sent: Vec<_> = (0..created.len()).map(|number| json!(number.to_string())).collect();
    assert!(created.len() > 1 && created == sent, "{created:?}");
    let stored = site.bob.get(&site.bob.tasks("?limit=1000")).await.json::<Vec<Value>>().await.unwrap();
    let stored: Vec<_> = stored.iter().rev().map(|task| task["title"].clone()).collect();
    assert_eq!(stored, created, "each request that was handled was answered");

    // Requests without bodies are all answered on one connection.
    let mut connection = Connection::open(&site.server).await;
    let count = 300;
    connection.write(HEALTH.repeat(count).as_bytes()).await;
    for number in 0..count {
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (200, None), "{number}");
    }
    // So is a body in pieces, and an error does not end the connection.
    let broken = format!("{}\r\n\r\n{{", site.post("Content-Length: 1"));
    connection.write(broken.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 422);
    for byte in create("in pieces").bytes() {
        connection.write(&[byte]).await;
    }
    assert_eq!(connection.answer().await.status, 201);
}

/// Wherever the second of two requests is split, both are answered.
#[tokio::test]
async fn a_pipelined_request_may_arrive_in_two_parts() {
    let site = Site::open().await;
    let with_length = |title: &str| {
        let body = json!({ "title": title }).to_string();
        format!("{}\r\n\r\n{body}", site.post(&format!("Content-Length: {}", body.len())))
    };
    let chunked = |title: &str| {
        let body = json!({ "title": title }).to_string();
        format!("{}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", site.post("Transfer-Encoding: chunked"), body.len())
    };
    let (first, second) = ("first", "second");
    for (first, second) in [
        (with_length(first), with_length(second)),
        (with_length(first), chunked(second)),
        (chunked(first), chunked(second)),
    ] {
        let head = second.find("\r\n\r\n").unwrap();
        for split in (1..second.len()).filter(|split| split % 50 == 0 || (head..).contains(split)) {
            let mut connection = Connection::open(&site.server).await;
            connection.write(format!("{first}{}", &second[..split]).as_bytes()).await;
            for (part, title) in [("", "first"), (&second[split..], "second")] {
                connection.write(part.as_bytes()).await;
                let answer = connection.answer().await;
                assert_eq!(answer.status, 201, "{split}: {answer:?}");
                assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["title"], title, "{split}");
            }
        }
    }
}

/// The size of heads is limited.
#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let site = Site::open().await;
    let large = |size: usize| format!("X-Large: {}", "x".repeat(size));
    let many = |count: usize| (0..count).map(|number| format!("X-{number}: y")).collect::<Vec<_>>();
    let headers = |lines: &[String]| lines.iter().map(String::as_str).collect::<Vec<_>>().join("\r\n");
    let body = format!(r#"{{"email":"{}","password":"{}"}}"#, site.ann.email, support::user::PASSWORD);
    let attempt = async |line: &str, headers: &str, body: &str| {
        send(&site.server, &request(&format!("{line} HTTP/1.1"), &[headers, JSON], body.as_bytes())).await
    };
    // Far larger than what browsers send. Values that are stored are truncated.
    assert_eq!(attempt("GET /health/live", &large(60_000), "").await.status, 200);
    assert_eq!(attempt("GET /health/live", &headers(&many(90)), "").await.status, 200);
    let user_agent = format!("User-Agent: {}", "\u{e9}".repeat(30_000));
    assert_eq!(attempt(&format!("POST {SIGN_IN}"), &user_agent, &body).await.status, 200);
    for (line, body) in [("GET /health/live", ""), ("GET /api/ann/tasks", ""), (&format!("POST {SIGN_IN}"), &*body)] {
        let is_auth = line.contains("/api/auth");
        for header in [
            large(66_000),
            large(100_000),
            format!("User-Agent: {}", "x".repeat(66_000)),
            format!("Authorization: Bearer {}", "x".repeat(66_000)),
            format!("Cookie: better-auth.session_token={}", "x".repeat(66_000)),
            headers(&[large(20_000), large(20_000), large(20_000), large(20_000)]),
        ] {
            let answer = attempt(line, &header, body).await;
            assert_eq!(answer.status, 431, "{line} {header:.30}: {answer:?}");
            let error: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(error["code"], "REQUEST_HEADER_FIELDS_TOO_LARGE");
            assert_eq!(error.get("detail").is_none(), is_auth, "{error}");
        }
        // These are rejected before there is a request.
        for header in [headers(&many(200)), headers(&many(10_000)), large(200_000), large(1_000_000)] {
            let answer = attempt(line, &header, body).await;
            assert!([431, 400, 0].contains(&answer.status), "{line} {header:.30}: {answer:?}");
        }
    }
    for (length, expected) in [(60_000, 404), (65_500, 431), (100_000, 400), (1_000_000, 400)] {
        let answer = attempt(&format!("GET /{}", "x".repeat(length)), "X: y", "").await;
        assert!(
            [expected, 431].contains(&answer.status) || answer.status == 0 && expected == 400,
            "{length}: {answer:?}"
        );
    }
    site.assert_well().await;
}

/// Blank lines before a request are ignored (RFC 9112, section 2.2), but only as many as fit into a head.
#[tokio::test]
async fn blank_lines_without_end_are_refused() {
    let site = Site::open().await;
    for line in ["\r\n", "\n"] {
        let many = line.repeat(120_000 / line.len());
        assert_eq!(send(&site.server, format!("{many}{LAST}").as_bytes()).await.status, 200);
        let answers = send_all(&site.server, format!("{}{LAST}", many.repeat(10)).as_bytes()).await;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        // The connection may be reset before the response arrives.
        assert!(statuses == [431] || statuses.is_empty(), "{answers:?}");
    }
    site.assert_well().await;
}

/// A client that sends `Expect: 100-continue` with a body that is too large gets the 413 at once.
#[tokio::test]
async fn whoever_asks_before_sending_a_body_that_is_too_large_is_refused() {
    let site = Site::open().await;
    let expect = "Content-Length: 10000000000\r\nExpect: 100-continue";
    let sign_in = format!("POST {SIGN_IN} HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\n{expect}");
    for head in [site.post(expect), sign_in] {
        let statuses = site.statuses(format!("{head}\r\n\r\n").as_bytes()).await;
        assert_eq!(statuses, [100, 413]);
    }
    let mut connection = Connection::open(&site.server).await;
    let polite = format!("{}\r\n\r\n", site.post("Content-Length: 13\r\nExpect: 100-continue"));
    connection.write(polite.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.write(br#"{"title":"x"}"#).await;
    assert_eq!(connection.answer().await.status, 201);
}
