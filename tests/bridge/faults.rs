//! Errors of the issuer, and their effect on callers.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::forge::sign;
use support::issuer::{AUTHORITY, Answer};
use support::server::SECRET;
use support::signer::claims;
use support::{Issuer, Signer};

use crate::site::{ANN, QUICK, Site};

/// Without the issuer, the server starts, answers 503 without delay, accepts HS256, and finds the issuer later.
#[tokio::test]
async fn an_issuer_that_is_down_at_first_is_waited_for() {
    let ed = Signer::ed25519("ed");
    let url = Issuer::of(&[]).url.clone();
    let site = Site::start(&url, &[&QUICK[..], &[("BETTER_AUTH_SECRET", SECRET)]].concat());
    let token = site.token(&ed);
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.status(&token).await, 503);
    }
    assert!(started.elapsed() < Duration::from_secs(10));
    let hs256 = sign(r#"{"alg":"HS256"}"#, claims(&url, ANN).to_string(), SECRET.as_bytes());
    assert_eq!(site.status(&hs256).await, 200);
    let _issuer = Issuer::again(&url, &[&ed]);
    site.until(&token, 200, 503).await;
    assert!(site.log().contains("cannot fetch keys"));
}

/// Known keys stay valid while the issuer is down.
#[tokio::test]
async fn an_issuer_that_goes_away_takes_nobody_along() {
    let (ed, unknown) = (Signer::ed25519("ed"), Signer::ed25519("unknown"));
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &QUICK);
    let token = site.token(&ed);
    assert_eq!(site.status(&token).await, 200);
    drop(issuer);
    let unknown = site.token(&unknown);
    site.until(&unknown, 503, 401).await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        assert_eq!(site.status(&token).await, 200);
        assert_eq!(site.status(&unknown).await, 503);
    }
}

/// A listener that must not receive a connection.
struct Trap(TcpListener);

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/api/auth/jwks", self.0.local_addr().unwrap())
    }

    fn visitor(&self) -> Option<TcpStream> {
        match self.0.accept() {
            Ok((visitor, _)) => Some(visitor),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                None
            }
        }
    }
}

/// Errors, redirects and oversized key sets change nothing, and the known keys stay valid.
#[tokio::test]
async fn nothing_but_a_key_set_changes_what_is_known() {
    let (ed, other) = (Signer::ed25519("ed"), Signer::ed25519("other"));
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &[&QUICK[..], &[("TASKBRIDGE__JWT__JWKS_TIMEOUT_SECONDS", "2")]].concat());
    let (known, unknown) = (site.token(&ed), site.token(&other));
    assert_eq!(site.status(&known).await, 200);

    let trap = Trap::set();
    let whole = json!({ "keys": [other.jwk()] }).to_string();
    let status = |status: u16, body: &str| Answer::Response(status, Vec::new(), body.into());
    let to = |status: u16, place: &str| Answer::Response(status, vec![format!("location: {place}")], whole.clone());
    let answers = [
        status(500, &whole),
        status(404, ""),
        status(404, &whole),
        status(204, ""),
        status(203, &whole),
        Answer::body("<!DOCTYPE html><html><body>Sign in</body></html>"),
        Answer::body(""),
        Answer::body(&whole[..whole.len() - 1]),
        Answer::body(&whole[..whole.len() / 2]),
        Answer::body(format!("[{}]", other.jwk())),
        Answer::body("{}"),
        Answer::body(r#"{"keys":null}"#),
        Answer::body(format!(r#"{{"keys":{}}}"#, other.jwk())),
        Answer::body(r#"{"keys":"all"}"#),
        Answer::body("null"),
        Answer::body(format!("{whole} trailing")),
        Answer::body("[".repeat(300_000)),
        Answer::Large(50 * 1024 * 1024),
        Answer::Endless,
        Answer::Silence,
        Answer::Nothing,
        to(301, &trap.url()),
        to(302, &trap.url()),
        to(303, &trap.url()),
        to(307, &trap.url()),
        to(308, &trap.url()),
        to(302, "file:///etc/passwd"),
        to(302, "http://169.254.169.254/latest/meta-data/"),
        to(302, "/api/auth/jwks"),
    ];
    let mut kinds = 0;
    for answer in answers {
        issuer.answer(answer.clone());
        issuer.wait_for_fetches(1);
        assert_eq!(site.status(&known).await, 200, "{answer:?}");
        assert_eq!(site.status(&unknown).await, 503, "{answer:?}");
        kinds += 1;
    }
    assert_eq!(kinds, 29);
    assert!(trap.visitor().is_none(), "a redirect was followed");
    // Socket buffers hold data that the server has not read.
    assert!(issuer.written() < 40 * 1024 * 1024, "{} bytes could be sent", issuer.written());

    issuer.publish(&[&ed, &other]);
    site.until(&unknown, 200, 503).await;
    assert_eq!(site.status(&known).await, 200);
}

/// An endless answer takes little memory.
#[tokio::test]
async fn an_answer_without_end_takes_no_memory() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &QUICK);
    assert_eq!(site.status_of(&ed).await, 200);
    let before = site.server.peak_memory();
    for answer in [Answer::Large(50 * 1024 * 1024), Answer::Endless] {
        issuer.answer(answer);
        issuer.wait_for_fetches(2);
    }
    let grown = site.server.peak_memory() - before;
    assert!(grown < 8 * 1024, "{grown} KiB");
    assert_eq!(site.status_of(&ed).await, 200);
}

/// An empty key set is only believed if it is served repeatedly.
#[tokio::test]
async fn an_empty_set_is_not_believed_at_once() {
    let (ed, junk) = (Signer::ed25519("ed"), Signer::ed25519("junk"));
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &[("TASKBRIDGE__JWT__JWKS_REFRESH_SECONDS", "3"), QUICK[1]]);
    let token = site.token(&ed);
    assert_eq!(site.status(&token).await, 200);
    let junk = site.token(&junk);
    issuer.answer(Answer::keys(&[]));
    assert_eq!(site.status(&junk).await, 401);
    assert_eq!(site.status(&token).await, 200);
    site.until(&token, 401, 200).await;
    issuer.publish(&[&ed]);
    site.until(&token, 200, 401).await;
}

/// An invalid or unsupported key in a set does not affect the others. The log names it once.
#[tokio::test]
async fn one_bad_key_among_good_ones_is_passed_over() {
    let (ed, ec) = (Signer::ed25519("ed"), Signer::p256("ec"));
    let issuer = Issuer::of(&[]);
    let es512 = json!({ "alg": "ES512", "crv": "P-521", "kty": "EC", "x": "AA", "y": "AA", "kid": "es512" });
    let broken = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "broken" });
    issuer.answer(Answer::keys(&[json!(null), es512, ed.jwk(), json!([]), broken, ec.jwk()]));
    let site = Site::start(&issuer.url, &QUICK);
    assert_eq!(site.status_of(&ed).await, 200);
    assert_eq!(site.status_of(&ec).await, 200);
    issuer.wait_for_fetches(3);
    let log = site.log();
    let named =
        |part: &str| log.lines().filter(|line| line.contains("a key is not used") && line.contains(part)).count();
    assert_eq!((named("es512"), named("broken"), named("")), (1, 1, 4), "{log}");
    assert!(log.contains("ES512 is not supported; choose EdDSA, ES256, RS256 or PS256"), "{log}");
}

/// An issuer that hangs does not delay requests with known keys, and others only for a limited time.
#[tokio::test]
async fn an_issuer_that_hangs_holds_nobody_up() {
    let (ed, junk) = (Signer::ed25519("ed"), Signer::ed25519("junk"));
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &QUICK);
    let token = site.token(&ed);
    assert_eq!(site.status(&token).await, 200);
    issuer.answer(Answer::Silence);
    issuer.wait_for_fetches(1);
    let junk = site.token(&junk);
    let waiting = site.status(&junk);
    let working = async {
        let started = Instant::now();
        let mut count = 0;
        while started.elapsed() < Duration::from_secs(2) {
            assert_eq!(site.status(&token).await, 200);
            count += 1;
        }
        count
    };
    let started = Instant::now();
    let (status, count) = tokio::join!(waiting, working);
    assert_eq!(status, 503);
    assert!(count > 20, "{count} requests in two seconds");
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// Over TLS, the issuer needs a valid certificate.
#[tokio::test]
async fn an_issuer_over_tls_must_have_a_good_certificate() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::with_tls(&[&ed]);
    let trusting = Site::start(&issuer.url, &[("TASKBRIDGE__JWT__JWKS_CA_FILE", AUTHORITY)]);
    assert_eq!(trusting.status_of(&ed).await, 200);

    let site = Site::start(&issuer.url, &[]);
    assert_eq!(site.status_of(&ed).await, 503);
    assert!(site.log().contains("UnknownIssuer"), "{}", site.log());

    let elsewhere = issuer.url.replace("localhost", "127.0.0.1");
    let settings = [("JWKS_URL", format!("{elsewhere}/api/auth/jwks"))];
    let settings = [(settings[0].0, settings[0].1.as_str()), ("TASKBRIDGE__JWT__JWKS_CA_FILE", AUTHORITY)];
    let site = Site::start(&issuer.url, &settings);
    assert_eq!(site.status_of(&ed).await, 503);
    assert!(site.log().contains("not valid for name"), "{}", site.log());
}

/// The log contains neither tokens nor the query of the key URL.
#[tokio::test]
async fn the_log_shows_no_token_and_no_query() {
    let (ed, other) = (Signer::ed25519("ed"), Signer::ed25519("other"));
    let issuer = Issuer::of(&[&ed]);
    let address = format!("{}/api/auth/jwks?key=hunter2", issuer.url);
    let mut site = Site::start(&issuer.url, &[("JWKS_URL", &address), ("RUST_LOG", "trace")]);
    let tokens = [site.token(&ed), site.token(&other)];
    for token in &tokens {
        site.status(token).await;
    }
    site.server.terminate();
    site.server.wait();
    let log = site.log();
    assert!(log.contains("TRACE") && log.contains("/api/auth/jwks"));
    for token in &tokens {
        let secret = token.rsplit_once('.').unwrap().1;
        assert!(!log.contains(token) && !log.contains(secret));
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| !line.to_string().contains("hunter2")));
}
