//! Asking again and again, and the time it takes until the answer changes.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use support::User;

/// How long anything may take before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The status of the user's list; `None` when there was no answer at all.
pub(crate) async fn list_status(user: &User) -> Option<StatusCode> {
    Some(user.request(Method::GET, &user.tasks("")).send().await.ok()?.status())
}

/// Asks for the list until it has this status; how long that took.
pub(crate) async fn until_list_is(user: &User, status: StatusCode) -> Duration {
    let started = Instant::now();
    while list_status(user).await != Some(status) {
        assert!(started.elapsed() < PATIENCE, "the list never became {status}");
        tokio::task::yield_now().await;
    }
    started.elapsed()
}

/// A 503 as it should be: quick to say when to come back, friendly, and silent about the reason.
pub(crate) async fn assert_unavailable(response: reqwest::Response) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["code"], "SERVICE_UNAVAILABLE");
    assert_eq!(body["detail"], "The service is temporarily unavailable, please try again");
}

/// The status of a path that needs no token.
pub(crate) async fn status(user: &User, path: &str) -> StatusCode {
    user.anonymous(Method::GET, path).send().await.unwrap().status()
}
