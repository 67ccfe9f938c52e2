//! The request id that an answer and its log lines share.

use std::collections::HashSet;

use serde_json::{Value, json};
use support::raw::{Answer, request, send_unfinished};
use support::routes::task_routes;
use support::user::PASSWORD;
use support::{Server, User};

const JSON: &str = "Content-Type: application/json";

/// Any status: other tests check it.
const ANY: u16 = 0;

fn ids(answer: &Answer) -> Vec<&str> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id")).map(|(_, value)| value).collect()
}

/// Every answer has an id, that of the client or a new one.
#[tokio::test]
async fn every_answer_has_an_id() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let good = format!("Authorization: Bearer {}", ann.token);
    let credentials = |password: &str| json!({ "email": ann.email, "password": password }).to_string();
    let mut asked: Vec<(String, Vec<&str>, String, u16)> = Vec::new();
    for (method, rest, body, status) in task_routes("1") {
        asked.push((format!("{method} {}", ann.tasks(&rest)), vec![&good, JSON], body.into(), status));
        asked.push((format!("{method} {}", ann.tasks(&rest)), vec![JSON], body.into(), 401));
        asked.push((format!("{method} /api/bob/tasks{rest}"), vec![&good, JSON], body.into(), 403));
    }
    let large = "x".repeat(70_000);
    for (line, headers, body, status) in [
        ("GET /health/live", vec![], "", 200),
        ("HEAD /health/ready", vec![], "", ANY),
        ("OPTIONS /api/ann/tasks", vec!["Origin: http://x", "Access-Control-Request-Method: PUT"], "", ANY),
        ("GET /nowhere", vec![], "", 404),
        ("MADE-UP /", vec![], "", 404),
        ("GET /%00%ff", vec![], "", 404),
        ("GET /api/auth/nowhere", vec![], "", 404),
        ("GET /api/auth/token", vec![], "", 401),
        ("POST /api/auth/sign-in/email", vec![JSON], "{", 400),
        ("POST /api/auth/sign-in/email", vec!["Content-Type: text/plain"], "x", 415),
        ("POST /api/auth/sign-in/email", vec![JSON], &large, 413),
        ("POST /api/auth/sign-in/email", vec![JSON], &credentials("wrong password"), 401),
        ("POST /api/auth/sign-in/email", vec![JSON], &credentials(PASSWORD), 200),
        ("POST /api/auth/sign-up/email", vec![JSON], "[]", 400),
    ] {
        asked.push((line.into(), headers, body.into(), status));
    }
    for (body, status) in [("{", 422), ("{}", 422), (large.as_str(), 413)] {
        asked.push((format!("POST {}", ann.tasks("")), vec![&good, JSON], body.into(), status));
    }

    let mut made = HashSet::new();
    for (line, headers, body, status) in asked {
        let answer = send_unfinished(&server, &request(&format!("{line} HTTP/1.1"), &headers, body.as_bytes())).await;
        assert!(status == ANY || status == answer.status, "{line}: {answer:?}");
        let [id] = ids(&answer)[..] else { panic!("{line}: {answer:?}") };
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert!(made.insert(id.to_owned()), "{id} twice");

        let given: Vec<_> = headers.into_iter().chain(["X-REQUEST-ID: 01J9-a.b_c~"]).collect();
        let answer = send_unfinished(&server, &request(&format!("{line} HTTP/1.1"), &given, body.as_bytes())).await;
        assert_eq!(ids(&answer), ["01J9-a.b_c~"], "{line}");
    }
}

/// An id with other characters than letters, digits and some punctuation is replaced as a whole.
#[tokio::test]
async fn an_id_that_could_break_a_log_is_replaced() {
    let mut server = Server::start_with(&[("TASKBRIDGE__LOG__FORMAT", "text")]);
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    let hostile = [
        "",
        " ",
        "canary\"}: forged",
        "canary canary",
        "canary\tx",
        "canary,x",
        "canary\u{fc}",
        "canary\u{1b}[31m",
        "%0Acanary",
        "{canary}",
        &too_long,
    ];
    let get = async |id: &str| {
        send_unfinished(&server, &request("GET /health/live HTTP/1.1", &[&format!("X-Request-Id: {id}")], b"")).await
    };
    assert_eq!(ids(&get(&longest).await), [longest.as_str()]);
    for id in hostile {
        let answer = get(id).await;
        // The HTTP parser rejects the header.
        let refused = answer.status == 400 && id.contains('\u{1b}');
        assert!(refused || (answer.status == 200 && ids(&answer)[0].len() == 32), "{id:?}: {answer:?}");
    }
    // The first of several ids is used.
    let two = ["X-Request-Id: one", "X-Request-Id: two"];
    assert_eq!(ids(&send_unfinished(&server, &request("GET /health/live HTTP/1.1", &two, b"")).await), ["one"]);
    server.terminate();
    server.wait();
    let log = server.log.text();
    assert!(!log.contains("canary") && !log.contains(&too_long) && log.contains(&longest));
}

/// Every log line about a request has its id, in both formats and at every level.
#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    for (filter, format) in
        [("info", "json"), ("info", "text"), ("trace", "json"), ("error,taskbridge_web=info", "json")]
    {
        let variables = [("RUST_LOG", format!("{filter},taskbridge=info")), ("TASKBRIDGE__LOG__FORMAT", format.into())];
        let mut server = Server::start_with(&variables.each_ref().map(|(name, value)| (*name, value.as_str())));
        let ann = User::sign_up(&server, "ann").await;
        let credentials = json!({ "email": ann.email, "password": PASSWORD }).to_string();
        let headers = [JSON, "X-Request-Id: the-one"];
        send_unfinished(&server, &request("POST /api/auth/sign-in/email HTTP/1.1", &headers, credentials.as_bytes()))
            .await;
        server.terminate();
        server.wait();
        let log = server.log.lines();
        let id = |line: &String| {
            if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                line["request_id"].as_str().unwrap().to_owned()
            } else {
                line.split_once("request_id=\"").unwrap().1.strip_suffix('"').unwrap().to_owned()
            }
        };
        let ids: Vec<_> = log.iter().filter(|line| line.contains("taskbridge_web")).map(id).collect();
        let [up, up_too, one, one_too] = ids.as_slice() else { panic!("{ids:?}") };
        assert!(up == up_too && up.len() == 32, "{ids:?}");
        assert_eq!([one, one_too], ["the-one", "the-one"], "signed in, and the request");
    }
}
