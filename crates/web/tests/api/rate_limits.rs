//! Rate limits: which requests are counted, under which key, and how a request above the limit is rejected.

use std::net::SocketAddr;

use actix_web::test::TestRequest;
use serde_json::json;
use taskbridge_domain::ports::{MockRateLimiter, MockTaskRepo, StoreError};
use taskbridge_domain::rate_limit::{Decision, WindowStart};
use taskbridge_domain::services::WRONG_PASSWORD_LIMIT;
use taskbridge_domain::testing::fixtures::moment;
use taskbridge_web::{ForwardedHeader, TasksMount, TrustedProxies};

use crate::support::{PER_MINUTE, Ports, alice, anonymous, page};

/// Returns a mocked limiter that rejects the request. It checks that it is called once, with the key `key` and a limit
/// of `max` requests.
fn refusing(key: &'static str, max: u32) -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_hit()
        .times(1)
        .withf(move |asked, limit, now| {
            assert_eq!((asked, limit.max, limit.window.as_secs(), *now), (key, max, 10, moment()));
            true
        })
        .return_once(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 7 }));
    limiter
}

fn from(peer: &str, method: &str, path: &str) -> TestRequest {
    anonymous(method, path).peer_addr(SocketAddr::new(peer.parse().unwrap(), 1234))
}

/// Requests are counted by client address and endpoint. A request above the limit is rejected before any other port is
/// called.
#[actix_web::test]
async fn each_address_and_endpoint_has_its_own_counter() {
    for (peer, method, path, key, max) in [
        ("192.0.2.1", "POST", "/api/auth/sign-in/email", "192.0.2.1|/sign-in/email", 3),
        ("192.0.2.1", "POST", "/api/auth/sign-in/email?x=1", "192.0.2.1|/sign-in/email", 3),
        ("192.0.2.1", "GET", "/api/auth/sign-in/email", "192.0.2.1|/sign-in/email", 3),
        ("192.0.2.2", "POST", "/api/auth/sign-up/email", "192.0.2.2|/sign-up/email", 3),
        ("::ffff:192.0.2.1", "GET", "/api/auth/get-session", "192.0.2.1|/get-session", 100),
        ("2001:db8::1", "GET", "/api/auth/token", "2001:0db8:0000:0000:0000:0000:0000:0000|/token", 100),
        ("2001:db8::2:1", "GET", "/api/auth/token", "2001:0db8:0000:0000:0000:0000:0000:0000|/token", 100),
        // All unknown paths of an address share one counter, so made-up paths do not create new counters.
        ("192.0.2.1", "GET", "/api/auth/made-up/1", "192.0.2.1|*", 100),
        ("192.0.2.1", "POST", "/api/auth/sign-in/made-up", "192.0.2.1|*", 100),
        ("192.0.2.1", "POST", "/api/auth/sign-in/email/", "192.0.2.1|*", 100),
        ("192.0.2.1", "POST", "/api/auth//sign-in/email", "192.0.2.1|*", 100),
        ("192.0.2.1", "GET", "/api/auth", "192.0.2.1|*", 100),
    ] {
        let ports = Ports { limiter: Some(refusing(key, max)), ..Ports::new() };
        let request = from(peer, method, path).insert_header(("x-forwarded-for", "198.51.100.1"));
        let answer = ports.framed_answer(request).await;
        assert_eq!(answer.status.as_u16(), 429, "{path}");
        assert_eq!(answer.body, r#"{"message":"Too many requests. Please try again later."}"#);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!((answer.header("x-retry-after"), answer.header("retry-after")), (Some("7"), Some("7")));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

/// A percent-encoded spelling of a path does not circumvent the limit of this path: it is counted as an unknown path,
/// and the response is a 404.
#[actix_web::test]
async fn a_path_in_another_spelling_is_not_served() {
    for path in ["/api/auth/sign-in/%65mail", "/api/auth/sign%2din/email", "/api/auth/%73ign-in/email"] {
        let mut limiter = MockRateLimiter::new();
        limiter.expect_hit().withf(|key, _, _| key == "192.0.2.1|*").return_once(|_, _, _| Ok(Decision::Allowed));
        let ports = Ports { limiter: Some(limiter), ..Ports::new() };
        let request = from("192.0.2.1", "POST", path)
            .insert_header(("content-type", "application/json"))
            .set_payload(r#"{"email":"ann@example.test","password":"correct horse"}"#);
        let answer = ports.framed_answer(request).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""), "{path}");
    }
}

#[actix_web::test]
async fn requests_are_counted_by_the_address_that_a_trusted_proxy_reports() {
    let proxies = || TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()], ForwardedHeader::XForwardedFor);
    for (forwarded, key) in [
        ("6.6.6.6, 198.51.100.1, 10.0.0.7", "198.51.100.1|/token"),
        ("198.51.100.1", "198.51.100.1|/token"),
        ("not an address", "no-trusted-ip|/token"),
        ("", "no-trusted-ip|/token"),
    ] {
        let ports = Ports { limiter: Some(refusing(key, 100)), trusted_proxies: proxies(), ..Ports::new() };
        let request = from("10.1.1.1", "GET", "/api/auth/token").insert_header(("x-forwarded-for", forwarded));
        assert_eq!(ports.framed_answer(request).await.status.as_u16(), 429, "{forwarded}");
    }
}

/// Paths that are not below `/api/auth`, such as the tasks API and the health checks, have no rate limit.
#[actix_web::test]
async fn only_what_is_below_api_auth_is_limited() {
    for path in ["/api/alice/tasks", "/health/live", "/api/authentic", "/openapi.json"] {
        let ports = Ports { limiter: Some(MockRateLimiter::new()), ..Ports::new() };
        assert_ne!(ports.answer(anonymous("GET", path)).await.status.as_u16(), 429, "{path}");
    }
}

#[actix_web::test]
async fn an_unavailable_limiter_is_a_503() {
    let mut limiter = MockRateLimiter::new();
    limiter.expect_hit().return_once(|_, _, _| Err(StoreError::Unavailable("secret detail".into())));
    let answer = Ports { limiter: Some(limiter), ..Ports::new() }.framed_answer(anonymous("GET", "/api/auth/ok")).await;
    assert_eq!(answer.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
    assert!(!answer.body.contains("secret"));
}

/// After too many wrong passwords for an account, the response to a sign-in is the same 429 as for too many requests.
/// It does not reveal whether the account exists, because the account is not looked up.
#[actix_web::test]
async fn too_many_wrong_passwords_for_one_account_are_one_more_429() {
    let mut ports = Ports::new();
    ports.sessions.expect_has_session_from().return_once(|_, _, _| Ok(false));
    let mut limiter = MockRateLimiter::new();
    limiter.expect_hit().times(1).return_once(|_, _, _| Ok(Decision::Allowed));
    limiter
        .expect_hit()
        .withf(|key, limit, _| (key, *limit) == ("account|ann@example.test", WRONG_PASSWORD_LIMIT))
        .return_once(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 600 }));
    ports.limiter = Some(limiter);
    let request = from("192.0.2.1", "POST", "/api/auth/sign-in/email")
        .insert_header(("content-type", "application/json"))
        .set_payload(r#"{"email":"ann@example.test","password":"correct horse"}"#);
    let answer = ports.answer(request).await;
    assert_eq!(answer.status.as_u16(), 429);
    assert_eq!(answer.body, r#"{"message":"Too many requests. Please try again later."}"#);
    assert_eq!(answer.header("x-retry-after"), Some("600"));
}

/// Every request for tasks is one request of the caller, whatever its method and path.
#[actix_web::test]
async fn the_requests_of_a_user_for_tasks_have_one_counter() {
    for (method, path) in [
        ("GET", "/api/alice/tasks"),
        ("HEAD", "/api/alice/tasks?q=milk"),
        ("POST", "/api/alice/tasks/"),
        ("GET", "/api/alice/tasks/1"),
        ("PUT", "/api/alice/tasks/no-number"),
        ("PATCH", "/api/%61lice/tasks/1/complete"),
        ("DELETE", "/api/alice/tasks/1"),
        ("GET", "/api/tasks"),
    ] {
        let mut limiter = MockRateLimiter::new();
        limiter
            .expect_hit()
            .times(1)
            .withf(|key, limit, now| {
                let minute = (limit.window.as_secs(), limit.begins) == (60, WindowStart::FirstRequest);
                minute && (key, limit.max, *now) == ("tasks|alice", PER_MINUTE, moment())
            })
            .return_once(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 7 }));
        let mount = TasksMount { prefix: "/api".into(), without_user_id: true };
        let ports = Ports { task_limiter: Some(limiter), mount, ..Ports::new() };
        let answer = ports.framed_answer(alice(method, path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("7")), "{method} {path}");
        if method != "HEAD" {
            let message = "Too many requests: wait before you send more";
            let expected = json!({ "detail": message, "code": "TOO_MANY_REQUESTS", "message": message });
            assert_eq!(answer.json(), expected);
        }
    }
}

/// A caller who is not the owner could otherwise use up the requests of another user.
#[actix_web::test]
async fn requests_that_the_guard_rejects_are_not_counted() {
    let bob = || anonymous("GET", "/api/alice/tasks").insert_header(("authorization", "Bearer bob-token"));
    for (request, status) in [
        (anonymous("GET", "/api/alice/tasks"), 401),
        (anonymous("GET", "/api/alice/tasks").insert_header(("authorization", "Bearer forged")), 401),
        (bob(), 403),
        (alice("PUT", "/api/alice/tasks"), 405),
        (anonymous("GET", "/health/live"), 200),
    ] {
        // The mock panics if it is called.
        let ports = Ports { task_limiter: Some(MockRateLimiter::new()), ..Ports::new() };
        assert_eq!(ports.answer(request).await.status.as_u16(), status);
    }
}

#[actix_web::test]
async fn requests_within_the_limit_are_answered_and_a_limiter_that_fails_is_503() {
    for (decision, status) in [(Ok(Decision::Allowed), 200), (Err(StoreError::Unavailable("down".into())), 503)] {
        let mut limiter = MockRateLimiter::new();
        limiter.expect_hit().times(1).return_once(|_, _, _| decision);
        let mut tasks = MockTaskRepo::new();
        if status == 200 {
            tasks.expect_list().times(1).return_once(|_, _| Ok(page(Vec::new())));
        }
        let ports = Ports { task_limiter: Some(limiter), tasks, ..Ports::new() };
        assert_eq!(ports.answer(alice("GET", "/api/alice/tasks")).await.status.as_u16(), status);
    }
}
