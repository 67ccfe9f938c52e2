//! Rate limits of clients that share an address.

use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::json;
use support::user::PASSWORD;
use support::{Server, User};

const LIMITS: (&str, &str) = ("RATE_LIMIT", "on");
const PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// Signs a user in through a proxy whose client has this address.
async fn sign_in(server: &Server, email: &str, address: &str) -> Response {
    let request = Client::new().post(server.url("/api/auth/sign-in/email")).header("x-forwarded-for", address);
    request.json(&json!({ "email": email, "password": PASSWORD })).send().await.unwrap()
}

/// Signs users in until one is refused, and returns how many were not.
async fn until_refused(server: &Server, emails: &[String], addresses: &[&str]) -> usize {
    for (count, (email, address)) in emails.iter().cycle().zip(addresses.iter().cycle()).enumerate() {
        let answer = sign_in(server, email, address).await;
        if answer.status() == 429 {
            for name in ["retry-after", "x-retry-after"] {
                let seconds: u64 = answer.headers()[name].to_str().unwrap().parse().unwrap();
                assert!((1..=10).contains(&seconds), "{name}: {seconds}");
            }
            return count;
        }
        assert_eq!(answer.status(), 200);
    }
    unreachable!("the addresses are repeated")
}

/// Signs up users from different addresses, so that no limit applies, and returns their email addresses.
async fn office(server: &Server) -> Vec<String> {
    let mut emails = Vec::new();
    for number in 1..=5 {
        let email = format!("user{number}@example.test");
        let person = json!({ "name": "x", "email": email, "password": PASSWORD });
        let request = Client::new().post(server.url("/api/auth/sign-up/email")).json(&person);
        let answer = request.header("x-forwarded-for", format!("192.0.2.{number}")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        emails.push(email);
    }
    emails
}

#[tokio::test]
async fn users_behind_one_address_share_the_limit_of_sign_ins() {
    let server = Server::start_with(&[LIMITS, PROXY]);
    let emails = office(&server).await;
    assert_eq!(until_refused(&server, &emails, &["203.0.113.7"]).await, 3);
    // Another address of the same IPv4 /24 has its own count.
    assert_eq!(sign_in(&server, &emails[3], "203.0.113.8").await.status(), 200);
    // IPv6 addresses count by their /64.
    assert_eq!(until_refused(&server, &emails, &["2001:db8::1", "2001:db8::2"]).await, 3);
    assert_eq!(sign_in(&server, &emails[3], "2001:db8:0:1::1").await.status(), 200);
}

#[tokio::test]
async fn other_requests_of_one_address_have_the_limit_of_the_settings() {
    let server = Server::start_with(&[LIMITS, PROXY, ("TASKBRIDGE__RATE_LIMIT__MAX", "5")]);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let request = Client::new().get(server.url("/api/auth/get-session")).header("x-forwarded-for", "203.0.113.7");
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}

/// A count that has reached the limit starts again after a pause of `rate_limit.window_seconds`.
#[tokio::test]
async fn a_shorter_window_ends_refusals_sooner() {
    let limits = [("TASKBRIDGE__RATE_LIMIT__MAX", "2"), ("TASKBRIDGE__RATE_LIMIT__WINDOW_SECONDS", "1")];
    let server = Server::start_with(&[&[LIMITS][..], &limits].concat());
    let get = async || reqwest::get(server.url("/api/auth/get-session")).await.unwrap();
    let started = Instant::now();
    let refused = loop {
        let answer = get().await;
        if answer.status() == 429 {
            break answer;
        }
        assert!(started.elapsed() < PATIENCE, "no request is refused");
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    while get().await.status() == 429 {
        assert!(started.elapsed() < PATIENCE, "requests are still refused");
    }
}

/// A proxy that is not named: clients with different addresses share one count.
#[tokio::test]
async fn without_trusted_proxies_all_clients_are_one() {
    let server = Server::start_with(&[PROXY]);
    let emails = office(&server).await;
    let server = server.again_with(&[LIMITS, ("TRUSTED_PROXIES", "")]);
    assert_eq!(until_refused(&server, &emails, &["203.0.113.7", "198.51.100.1", "2001:db8::1"]).await, 3);
}

#[tokio::test]
async fn without_rate_limits_an_office_signs_in() {
    let server = Server::start_with(&[("RATE_LIMIT", "off"), PROXY]);
    let emails = office(&server).await;
    for email in emails.iter().cycle().take(8) {
        assert_eq!(sign_in(&server, email, "203.0.113.7").await.status(), 200);
    }
}

/// Tasks are counted by user, not by address.
#[tokio::test]
async fn requests_for_tasks_are_counted_by_user() {
    let server = Server::start_with(&[("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "5")]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    for _ in 0..5 {
        assert_eq!(ann.get(&ann.tasks("")).await.status(), 200);
    }
    assert_eq!(ann.get(&ann.tasks("")).await.status(), 429);
    assert_eq!(bob.get(&bob.tasks("")).await.status(), 200);
}
