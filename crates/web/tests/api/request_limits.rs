//! The middleware that every request passes through: the time limit, the limit for the size of the request head, the
//! limit on the memory of responses, and the headers that it adds to every response.

use serde_json::json;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::tasks::{Description, Task};
use taskbridge_domain::testing::fixtures::task;
use taskbridge_web::UnsentLimits;

use crate::support::{Answer, Ports, TestAuth, alice, alice_sends, anonymous, page};

const APP: &str = "https://app.example.test";
const SIGN_IN: &str = "/api/auth/sign-in/email";

fn assert_framed(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[actix_web::test]
async fn work_that_takes_too_long_is_503() {
    let ports = Ports { auth: TestAuth { delay: usize::MAX, ..TestAuth::new() }, ..Ports::new() };
    let answer = ports.framed_answer(alice("GET", "/api/alice/tasks").insert_header(("origin", APP))).await;
    assert_eq!(answer.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!(answer.json()["detail"], "The service is temporarily unavailable, please try again");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!answer.is_last);
    assert_framed(&answer);
}

#[actix_web::test]
async fn during_a_shutdown_each_response_is_the_last_of_its_connection() {
    for (delay, status) in [(0, 403), (usize::MAX, 503)] {
        let ports = Ports { auth: TestAuth { delay, ..TestAuth::new() }, ..Ports::new() };
        ports.stopping.begin();
        let answer = ports.framed_answer(alice("GET", "/api/bob/tasks")).await;
        assert_eq!((answer.status.as_u16(), answer.is_last), (status, true));
    }
}

/// A small response needs no memory that is limited.
#[actix_web::test]
async fn a_large_response_without_memory_is_503() {
    let answer = async |total, tasks| {
        let mut repo = MockTaskRepo::new();
        let description = Some(Description::parse("x".repeat(1000)).unwrap());
        let list = (0..tasks).map(|id| Task { description: description.clone(), ..task("alice", id) }).collect();
        repo.expect_list().return_once(|_, _| Ok(page(list)));
        let ports = Ports { unsent: UnsentLimits { total, per_network: 0 }, ..Ports::with_tasks(repo) };
        ports.framed_answer(alice("GET", "/api/alice/tasks").insert_header(("origin", APP))).await
    };
    let refused = answer(32 * 1024, 40).await;
    assert_eq!(refused.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
    assert_eq!((refused.header("retry-after"), refused.header("x-total-count")), (Some("1"), None));
    assert_framed(&refused);
    for (total, tasks) in [(100_000, 40), (0, 20)] {
        let whole = answer(total, tasks).await;
        assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, Some("application/json")));
        assert_eq!(whole.json().as_array().unwrap().len(), usize::try_from(tasks).unwrap());
        assert_framed(&whole);
    }
}

#[actix_web::test]
async fn a_head_that_is_too_large_is_431_in_the_words_of_the_surface() {
    for (path, detail) in [("/api/alice/tasks", true), ("/nowhere", true), (SIGN_IN, false), ("/api/auth", false)] {
        for (header, target) in
            [("x".repeat(64 * 1024), path.to_owned()), ("x".repeat(1000), format!("{path}?{}", "x".repeat(65_000)))]
        {
            let request = anonymous("POST", &target).insert_header(("origin", APP)).insert_header(("x", header));
            let answer = Ports::new().framed_answer(request).await;
            assert_eq!(answer.verdict(), (431, "REQUEST_HEADER_FIELDS_TOO_LARGE".into()), "{path}");
            assert_eq!(answer.json().get("detail").is_some(), detail, "{path}");
            assert_framed(&answer);
        }
    }
}

#[actix_web::test]
async fn an_answer_within_the_limits_is_what_it_is_without_them() {
    let body = json!({ "title": "" }).to_string();
    let plain = Ports::new().answer(alice_sends("POST", "/api/alice/tasks", body.clone())).await;
    let framed = Ports::new().framed_answer(alice_sends("POST", "/api/alice/tasks", body)).await;
    assert_eq!((plain.status, plain.body), (framed.status, framed.body));
}
