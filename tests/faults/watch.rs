//! Repeated requests, and the time until their answer changes.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use support::User;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns the status of the user's list; `None` if there was no answer.
pub(crate) async fn list_status(user: &User) -> Option<StatusCode> {
    Some(user.request(Method::GET, &user.tasks("")).send().await.ok()?.status())
}

/// Requests the list until it has this status. Returns how long that took.
pub(crate) async fn until_list_is(user: &User, status: StatusCode) -> Duration {
    until("the list has the status", async || list_status(user).await == Some(status)).await
}

/// Asks `/health/ready` until it has this status. Returns how long that took.
pub(crate) async fn until_ready_is(user: &User, expected: StatusCode) -> Duration {
    until("/health/ready has the status", async || status(user, "/health/ready").await == expected).await
}

/// Sends tasks with this title until an answer has this status. Returns how long that took.
pub(crate) async fn until_write_is(user: &User, title: &str, status: StatusCode) -> Duration {
    until("a write has the status", async || write(user, title).await.status() == status).await
}

/// Evaluates the condition until it holds. Returns how long that took.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "in vain: until {what}");
        tokio::task::yield_now().await;
    }
    started.elapsed()
}

/// Sends a task with this title.
pub(crate) async fn write(user: &User, title: &str) -> Response {
    user.request(Method::POST, &user.tasks("")).json(&json!({ "title": title })).send().await.unwrap()
}

/// Returns the titles of the user's tasks, oldest first.
pub(crate) async fn titles(user: &User) -> Vec<String> {
    let list: Vec<Value> = user.get(&user.tasks("?order=asc&limit=1000")).await.json().await.unwrap();
    list.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that an answer is a 503 for a write that may have been executed, so that the client must check before it
/// repeats the write.
pub(crate) async fn assert_outcome_unknown(response: Response) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"), "{response:?}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "OUTCOME_UNKNOWN", "{body}");
}

/// Asserts that an answer is a 503 with a time to retry after, and without internal details.
pub(crate) async fn assert_unavailable(response: Response) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "SERVICE_UNAVAILABLE");
    assert_eq!(body["detail"], "The service is temporarily unavailable, please try again");
}

/// Returns the status of a request without a token.
pub(crate) async fn status(user: &User, path: &str) -> StatusCode {
    user.anonymous(Method::GET, path).send().await.unwrap().status()
}
