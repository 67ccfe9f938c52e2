//! Key rotation, and floods of invalid tokens, under load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use support::forge::encode;
use support::signer::claims;
use support::{Issuer, Signer};

use crate::site::{ANN, QUICK, Site};

/// While keys rotate, no valid token is rejected, from the first token of each new key on.
#[tokio::test]
async fn rotation_is_followed_without_one_refused_request() {
    let mut current = Signer::ed25519("0");
    let issuer = Issuer::of(&[&current]);
    let site = Site::start(&issuer.url, &[QUICK[1]]);
    assert_eq!(site.status_of(&current).await, 200);
    let mut count = 0;
    for round in 1..=4 {
        let next = if round % 2 == 0 { Signer::ed25519(&round.to_string()) } else { Signer::p256(&round.to_string()) };
        issuer.publish(&[&current, &next]);
        let rotated = Instant::now();
        let tokens = [site.token(&next), site.token(&current)];
        // The time during which invalid tokens can delay the next fetch.
        while rotated.elapsed() < Duration::from_millis(1100) {
            for token in &tokens {
                assert_eq!(site.status(token).await, 200, "request {count}, round {round}");
                count += 1;
            }
        }
        current = next;
    }
    assert!(count > 100, "{count} requests");
    // The first fetch, and one for each new key.
    assert_eq!(issuer.fetches(), 5);
}

/// A new key is found even if no token refers to it.
#[tokio::test]
async fn keys_are_fetched_ahead_of_need() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let issuer = Issuer::of(&[&old]);
    let site = Site::start(&issuer.url, &[QUICK[0]]);
    assert_eq!(site.status_of(&old).await, 200);
    issuer.publish(&[&old, &new]);
    issuer.wait_for_fetches(2);
    assert_eq!(site.status_of(&new).await, 200);
}

/// A withdrawn key is rejected after the next refresh.
#[tokio::test]
async fn a_withdrawn_key_is_refused_after_the_next_refresh() {
    let (old, new) = (Signer::ed25519("old"), Signer::ed25519("new"));
    let issuer = Issuer::of(&[&old, &new]);
    let site = Site::start(&issuer.url, &QUICK);
    let token = site.token(&old);
    assert_eq!(site.status(&token).await, 200);
    issuer.publish(&[&new]);
    site.until(&token, 401, 200).await;
    assert_eq!(site.status_of(&new).await, 200);
}

/// 10,000 tokens with random key ids cause few fetches, and do not delay valid tokens.
#[tokio::test]
async fn a_flood_of_junk_harms_nobody() {
    const COOL_DOWN: u64 = 2;
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let cool_down = COOL_DOWN.to_string();
    let site = Site::start(&issuer.url, &[("TASKBRIDGE__JWT__JWKS_COOLDOWN_SECONDS", cool_down.as_str())]);
    let good = site.token(&ed);
    assert_eq!(site.status(&good).await, 200);
    let before = issuer.fetches();
    let started = Instant::now();
    let is_over = AtomicBool::new(false);
    let flood = async {
        let claims = encode(claims(&site.url, ANN).to_string());
        let workers = (0..8).map(|worker| {
            let (site, claims) = (&site, &claims);
            async move {
                for number in 0..1250 {
                    let header = json!({ "alg": "EdDSA", "kid": format!("{worker}-{number}") }).to_string();
                    let token = format!("{}.{claims}.{}", encode(header), encode([7; 64]));
                    assert_eq!(site.status(&token).await, 401);
                }
            }
        });
        join_all(workers).await;
        is_over.store(true, Ordering::SeqCst);
    };
    let work = async {
        let mut count = 0;
        while !is_over.load(Ordering::SeqCst) {
            assert_eq!(site.status(&good).await, 200);
            count += 1;
        }
        count
    };
    let ((), count) = tokio::join!(flood, work);
    assert!(count > 100, "{count} good requests");
    let caused = issuer.fetches() - before;
    let most = usize::try_from(started.elapsed().as_secs() / COOL_DOWN + 1).unwrap();
    assert!((1..=most).contains(&caused), "{caused} fetches, {most} allowed");
}
