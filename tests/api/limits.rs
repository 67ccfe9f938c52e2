//! Rate limits of the auth endpoints, and how clients are identified.

use futures_util::future::join_all;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use support::raw::{request, send};
use support::user::{PASSWORD, User};
use support::{Forge, Server};

pub(crate) const ON: (&str, &str) = ("RATE_LIMIT", "on");
/// The address from which the tests connect.
pub(crate) const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1, ::1");
const SIGN_IN: &str = "/api/auth/sign-in/email";
const REFUSAL: &str = r#"{"message":"Too many requests. Please try again later."}"#;

fn sign_in(server: &Server, email: &str, password: &str) -> RequestBuilder {
    Client::new().post(server.url(SIGN_IN)).json(&json!({ "email": email, "password": password }))
}

/// Sends a wrong password, and returns the status of the answer.
pub(crate) async fn guess(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let guess = headers.iter().fold(sign_in(server, "ann@example.test", "wrong password"), |request, (name, value)| {
        request.header(*name, *value)
    });
    guess.send().await.unwrap().status().as_u16()
}

/// Sends wrong passwords until the limit is reached.
pub(crate) async fn exhaust(server: &Server, headers: &[(&str, &str)]) {
    for _ in 0..3 {
        assert_eq!(guess(server, headers).await, 401, "{headers:?}");
    }
    assert_eq!(guess(server, headers).await, 429, "{headers:?}");
}

/// Rate limits are enabled by default.
#[tokio::test]
async fn three_guesses_in_a_row_are_looked_at() {
    let server = Server::start_with(&[ON]);
    let ann = User::sign_up(&server, "ann").await;
    exhaust(&server, &[]).await;
    // The correct password is rejected as well; otherwise guessing could continue.
    let refused = sign_in(&server, &ann.email, PASSWORD).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let others = sign_in(&server, "bob@example.test", PASSWORD).send().await.unwrap();
    assert_eq!(others.status(), 429, "it is counted by address, not by account");
    let server = Server::start();
    for _ in 0..5 {
        assert_eq!(guess(&server, &[]).await, 401);
    }
}

/// Without a trusted proxy, headers with client addresses are ignored.
#[tokio::test]
async fn no_header_is_a_way_around() {
    let server = Server::start_with(&[ON]);
    exhaust(&server, &[]).await;
    for name in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"] {
        for value in ["192.0.2.7", "for=192.0.2.8", "2001:db8::1", "127.0.0.1", ""] {
            assert_eq!(guess(&server, &[(name, value)]).await, 429, "{name}: {value}");
        }
    }
    let log = server.log.lines();
    let told = log.iter().filter(|line| line.contains("TRUSTED_PROXIES")).count();
    assert_eq!(told, 1, "operators are told once: {log:#?}");
}

/// Behind a trusted proxy, addresses that the client puts before its own are ignored.
#[tokio::test]
async fn behind_a_proxy_each_client_is_counted_for_itself() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY]);
    exhaust(&server, &[("X-Forwarded-For", "192.0.2.1")]).await;
    for made_up in ["198.51.100.1", "192.0.2.2", "garbage", "::1"] {
        assert_eq!(guess(&server, &[("X-Forwarded-For", &format!("{made_up}, 192.0.2.1"))]).await, 429, "{made_up}");
    }
    exhaust(&server, &[("X-Forwarded-For", "192.0.2.1, 192.0.2.2")]).await;
}

/// An IPv6 network counts as one client, however an address is written.
#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY]);
    exhaust(&server, &[("X-Forwarded-For", "2001:db8:1:2::1")]).await;
    for same in ["2001:db8:1:2::2", "2001:0DB8:0001:0002::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2:0::1"] {
        assert_eq!(guess(&server, &[("X-Forwarded-For", same)]).await, 429, "{same}");
    }
    exhaust(&server, &[("X-Forwarded-For", "2001:db8:1:3::1")]).await;
    exhaust(&server, &[("X-Forwarded-For", "192.0.2.1")]).await;
    assert_eq!(guess(&server, &[("X-Forwarded-For", "::ffff:192.0.2.1")]).await, 429);
}

/// Other spellings of the path count together with the usual one, or are not found.
#[tokio::test]
async fn no_spelling_of_the_path_is_a_way_around() {
    let server = Server::start_with(&[ON]);
    let ann = User::sign_up(&server, "ann").await;
    exhaust(&server, &[]).await;
    let body = json!({ "email": ann.email, "password": PASSWORD }).to_string();
    for (path, status) in [
        ("/api/auth/sign-in/email", 429),
        ("/api/auth/sign-in/email?x=1", 429),
        ("/api/auth/sign-in/email?", 429),
        ("/api/auth/sign-in/email/", 404),
        ("/api/auth//sign-in/email", 404),
        ("/api/auth/sign-in//email", 404),
        ("//api/auth/sign-in/email", 404),
        ("/api/auth/./sign-in/email", 404),
        ("/api/auth/x/../sign-in/email", 404),
        ("/API/auth/sign-in/email", 404),
        ("/api/auth/Sign-In/Email", 404),
        ("/api/auth/sign-in/%65mail", 404),
        ("/api/%61uth/sign-in/email", 404),
        ("/api/auth/sign-in%2Femail", 404),
        ("/api/auth/sign-in/email%20", 404),
        ("/api/auth/sign-in/email;x=1", 404),
    ] {
        let bytes = request(&format!("POST {path} HTTP/1.1"), &["Content-Type: application/json"], body.as_bytes());
        assert_eq!(send(&server, &bytes).await.status, status, "{path}");
    }
}

/// Concurrent guesses do not exceed the limit.
#[tokio::test]
async fn guesses_at_the_same_time_are_counted_one_by_one() {
    for storage in ["memory", "database"] {
        let server = Server::start_with(&[ON, ("TASKBRIDGE__RATE_LIMIT__STORAGE", storage)]);
        let guesses: Vec<_> =
            (0..20).map(|_| sign_in(&server, "ann@example.test", "wrong password").send()).map(tokio::spawn).collect();
        let mut looked_at = 0;
        for guess in guesses {
            looked_at += u32::from(guess.await.unwrap().unwrap().status() == 401);
        }
        assert_eq!(looked_at, 3, "{storage}");
    }
}

/// Wrong guesses by a stranger do not lock a user out: sessions stay valid, and the user can sign in from a known
/// device.
#[tokio::test]
async fn a_stranger_locks_nobody_out() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY]);
    let from = |request: RequestBuilder, ip: &str| request.header("X-Forwarded-For", ip);
    let ann = Client::new()
        .post(server.url("/api/auth/sign-up/email"))
        .json(&json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD }));
    let ann = from(ann, "198.51.100.1").send().await.unwrap();
    let jwt = ann.headers()["set-auth-jwt"].to_str().unwrap().to_owned();
    let device = known_device(&ann);
    let body: Value = ann.json().await.unwrap();
    let (id, session) = (body["user"]["id"].as_str().unwrap(), body["token"].as_str().unwrap());

    // In total, a hundred guesses are checked, from any number of addresses.
    let mut answers = Vec::new();
    for number in 0..36 {
        for _ in 0..3 {
            answers.push(guess(&server, &[("X-Forwarded-For", &format!("203.0.113.{number}"))]).await);
        }
    }
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 100);
    assert!(answers[100..].iter().all(|status| *status == 429));
    let status = async |request: RequestBuilder| request.send().await.unwrap().status().as_u16();
    let from_elsewhere = from(sign_in(&server, "ann@example.test", PASSWORD), "198.51.100.2");
    assert_eq!(status(from_elsewhere).await, 429);
    // An account that does not exist is answered in the same way.
    for number in 0..34 {
        for _ in 0..3 {
            let guess = sign_in(&server, "nobody@example.test", "wrong password");
            let guess = from(guess, &format!("203.0.113.{}", 100 + number));
            answers.push(status(guess).await);
        }
    }
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 200);

    let tasks = Client::new().get(server.url(&format!("/api/{id}/tasks"))).bearer_auth(&jwt);
    assert_eq!(status(tasks).await, 200, "the token goes on");
    let token = Client::new().get(server.url("/api/auth/token")).bearer_auth(session);
    assert_eq!(status(from(token, "198.51.100.3")).await, 200, "the session goes on, wherever it is");
    let from_home = from(sign_in(&server, "ann@example.test", PASSWORD), "198.51.100.1");
    assert_eq!(status(from_home).await, 200, "and from where she is signed in she gets in");

    // On a known device, its user can sign in from any address, even after signing out; other users cannot.
    let signed_out = Client::new().post(server.url("/api/auth/sign-out")).bearer_auth(session);
    assert_eq!(status(from(signed_out, "198.51.100.4")).await, 200);
    let bob = Client::new()
        .post(server.url("/api/auth/sign-up/email"))
        .json(&json!({ "name": "Bob", "email": "bob@example.test", "password": PASSWORD }));
    let bobs = known_device(&from(bob, "198.51.100.5").send().await.unwrap());
    let on_device = |email: &str, password: &str, cookie: &str, ip: &str| {
        from(sign_in(&server, email, password), ip).header("cookie", cookie).header("origin", &server.origin)
    };
    assert_eq!(status(on_device("ann@example.test", PASSWORD, &device, "198.51.100.6")).await, 200);
    assert_eq!(status(on_device("ann@example.test", "wrong password", &device, "198.51.100.6")).await, 401);
    assert_eq!(status(on_device("ann@example.test", PASSWORD, &bobs, "198.51.100.7")).await, 429);
    assert_eq!(status(on_device("nobody@example.test", PASSWORD, &device, "198.51.100.7")).await, 429);
    // A known device does not bypass the limit of its address.
    assert_eq!(status(on_device("ann@example.test", "wrong password", &device, "198.51.100.6")).await, 401);
    assert_eq!(status(on_device("ann@example.test", PASSWORD, &device, "198.51.100.6")).await, 429);
}

/// Concurrent guesses from many addresses do not exceed the limit for one account, even if all of them could wait to be
/// hashed.
#[tokio::test]
async fn no_more_than_a_hundred_guesses_at_the_same_time_are_looked_at() {
    for storage in ["memory", "database"] {
        let server = Server::start_with(&[
            ON,
            BEHIND_A_PROXY,
            ("TASKBRIDGE__RATE_LIMIT__STORAGE", storage),
            ("TASKBRIDGE__PASSWORDS__QUEUE", "200"),
            ("TASKBRIDGE__PASSWORDS__QUEUE_PER_NETWORK", "200"),
            // Long enough for every password to be hashed.
            ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "300"),
        ]);
        let guesses = (0..150).map(|number| {
            sign_in(&server, "ann@example.test", "wrong password").header("X-Forwarded-For", address(number)).send()
        });
        let statuses: Vec<_> =
            join_all(guesses).await.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
        let of = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((of(401), of(429)), (100, 50), "{storage}: {statuses:?}");
    }
}

/// Returns the address of a client. Each number below 256 is another network.
fn address(number: usize) -> String {
    format!("198.18.{number}.1")
}

/// Returns the cookie that makes the device known. It is `HttpOnly`.
fn known_device(answer: &Response) -> String {
    let mut lines = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let line = lines.find(|line| line.starts_with("better-auth.known_device=")).unwrap();
    assert!(line.ends_with("; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

/// Sign-ups are limited to three.
#[tokio::test]
async fn accounts_are_not_made_by_the_hundred() {
    let server = Server::start_with(&[ON]);
    let mut made = 0;
    for number in 0..10 {
        let body = json!({ "name": "x", "email": format!("x{number}@example.test"), "password": PASSWORD });
        let answer = Client::new().post(server.url("/api/auth/sign-up/email")).json(&body).send().await.unwrap();
        made += u32::from(answer.status() == 200);
    }
    assert_eq!(made, 3);
}

/// Unknown paths share one counter, so that they take no memory.
#[tokio::test]
async fn paths_that_nobody_serves_are_counted_together() {
    let server = Server::start_with(&[ON]);
    let mut statuses = Vec::new();
    for number in 0..102 {
        let answer = Client::new().get(server.url(&format!("/api/auth/made-up/{number}"))).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!((&statuses[..100], &statuses[100..]), (&[404; 100][..], &[429, 429][..]));
    let endpoint = Client::new().get(server.url("/api/auth/ok")).send().await.unwrap();
    assert_eq!(endpoint.status(), 200);
}

/// The answer is JSON that a trusted page can read, and says nothing about the account.
#[tokio::test]
async fn who_is_refused_is_told_how_long_to_wait() {
    let server = Server::start_with(&[ON, ("BETTER_AUTH_TRUSTED_ORIGINS", "https://app.example.test")]);
    User::sign_up(&server, "ann").await;
    exhaust(&server, &[]).await;
    for email in ["ann@example.test", "nobody@example.test"] {
        let answer =
            sign_in(&server, email, PASSWORD).header("Origin", "https://app.example.test").send().await.unwrap();
        assert_refusal(answer, 1..=10).await;
    }
    // Tasks are not limited, and neither is anything else outside of `/api/auth`.
    let ann = Forge::of(&server).token("somebody");
    for _ in 0..5 {
        let tasks = Client::new().request(Method::GET, server.url("/api/somebody/tasks")).bearer_auth(&ann);
        assert_eq!(tasks.send().await.unwrap().status(), 200);
    }
}

async fn assert_refusal(answer: Response, waits: std::ops::RangeInclusive<u64>) {
    assert_eq!(answer.status(), 429);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("access-control-allow-origin"), "https://app.example.test");
    assert!(header("access-control-expose-headers").contains("X-Retry-After"));
    assert!(waits.contains(&header("x-retry-after").parse().unwrap()));
    assert_eq!(header("x-retry-after"), header("retry-after"));
    assert_eq!(answer.text().await.unwrap(), REFUSAL);
}

/// After the answer, the connection closes without waiting for the rest of the body.
#[tokio::test]
async fn who_is_refused_in_the_middle_of_a_body_is_cut_off() {
    let server = Server::start_with(&[ON]);
    exhaust(&server, &[]).await;
    let head = "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n5\r\n{\"ema\r\n";
    let answer = send(&server, head.as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (429, REFUSAL));
}

/// The limit ends when its window has passed. `window_seconds` applies to this endpoint, and is short here.
#[tokio::test]
async fn after_a_quiet_time_it_begins_anew() {
    let server = Server::start_with(&[
        ON,
        ("TASKBRIDGE__RATE_LIMIT__WINDOW_SECONDS", "1"),
        ("TASKBRIDGE__RATE_LIMIT__MAX", "2"),
    ]);
    let ok = async || Client::new().get(server.url("/api/auth/ok")).send().await.unwrap().status().as_u16();
    assert_eq!([ok().await, ok().await, ok().await], [200, 200, 429]);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while ok().await == 429 {
        assert!(std::time::Instant::now() < patience);
    }
}
