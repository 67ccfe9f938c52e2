//! Tests of fetching published keys: the schedule, failures, and tokens that wait for a fetch.
//!
//! The tests run on a paused clock, which advances only while they wait.

use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use serde_json::json;
use taskbridge_adapters::jwt::{JwtVerifier, Rejection, RemoteJwks};
use taskbridge_domain::ports::{AuthError, AuthPort, RejectionKind};
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, advance, sleep};

use crate::support::{CONFIG, Issuer, SigningKey, claims, set, verifier};

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Rejected,
    Unavailable,
}
use Verdict::{Good, Rejected, Unavailable};

async fn verdict(verifier: &JwtVerifier, key: &SigningKey) -> Verdict {
    match verifier.verify(&key.token()).await {
        Ok(_) => Good,
        Err(AuthError::Rejected(kind, cause)) => {
            assert_eq!(kind, RejectionKind::UnknownKey);
            assert_eq!(*cause.downcast::<Rejection>().unwrap(), Rejection::NoKey);
            Rejected
        }
        Err(AuthError::Unavailable(_)) => Unavailable,
    }
}

/// Verifies a token, and panics if the verification waits for anything.
fn at_once(verifier: &JwtVerifier, key: &SigningKey) -> Verdict {
    unconstrained(verdict(verifier, key)).now_or_never().unwrap_or_else(|| panic!("the verification waits"))
}

/// Lets all asynchronous tasks run until they wait for time to pass.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn pass(duration: Duration) {
    advance(duration).await;
    settle().await;
}

/// Returns a verifier that has fetched its keys.
async fn ready(issuer: &Issuer) -> JwtVerifier {
    let verifier = verifier(&[issuer]);
    settle().await;
    assert_eq!(issuer.fetches(), 1);
    verifier
}

fn keys<const N: usize>(names: [&str; N]) -> [SigningKey; N] {
    names.map(SigningKey::ed25519)
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_at_the_start_and_after_each_refresh_interval() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    for round in 1..=10 {
        for _ in 0..100 {
            assert_eq!(at_once(&verifier, &a), Good);
        }
        assert_eq!(issuer.fetches(), round);
        pass(CONFIG.refresh).await;
    }
}

/// The first token of a new key is accepted even if it arrives immediately after a fetch.
#[tokio::test(start_paused = true)]
async fn the_first_token_of_a_new_key_is_accepted() {
    let [a, b, c] = keys(["a", "b", "c"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.publish(&[&a, &b]);
    assert_eq!(verdict(&verifier, &b).await, Good);
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(at_once(&verifier, &a), Good);
    pass(CONFIG.cool_down).await;
    issuer.publish(&[&b, &c]);
    assert_eq!(verdict(&verifier, &c).await, Good);
}

/// If a published key has no `kid`, only an invalid signature can show that the issuer has replaced the key.
#[tokio::test(start_paused = true)]
async fn the_first_token_of_a_new_key_without_a_kid_is_accepted() {
    let [a, b, c] = keys(["a", "b", "c"]);
    let nameless = |key: &SigningKey| set(&[key.jwk_with(&json!({ "kid": null }))]);
    let issuer = Issuer::answering(Some(&nameless(&a)));
    let verifier = ready(&issuer).await;
    assert_eq!(at_once(&verifier, &a), Good);
    issuer.answer(Some(&nameless(&b)));
    assert_eq!(verdict(&verifier, &b).await, Good);
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(at_once(&verifier, &b), Good);
    assert_eq!(at_once(&verifier, &a), Rejected, "and causes no further fetch");
    assert_eq!(issuer.fetches(), 2);

    // The opposite case: the token has no `kid`, but the published key has one.
    pass(CONFIG.cool_down).await;
    issuer.publish(&[&c]);
    let token = c.sign(&json!({ "alg": "EdDSA" }), &claims());
    assert!(verifier.verify(&token).await.is_ok());
}

/// A response that is pending when the token arrives may lack the new key, so the token waits for another fetch.
#[tokio::test(start_paused = true)]
async fn a_new_key_is_accepted_while_an_older_response_is_pending() {
    let [a, b] = keys(["a", "b"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.hold();
    pass(CONFIG.refresh).await;
    assert_eq!(issuer.fetches(), 2);
    issuer.publish(&[&a, &b]);
    let mut waiting = Box::pin(verdict(&verifier, &b));
    assert!(waiting.as_mut().now_or_never().is_none());
    issuer.release(2);
    assert_eq!(waiting.await, Good);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_rejected_after_the_next_refresh() {
    let [a, b] = keys(["a", "b"]);
    let issuer = Issuer::of(&[&a, &b]);
    let verifier = ready(&issuer).await;
    assert_eq!(at_once(&verifier, &a), Good);
    issuer.publish(&[&b]);
    let almost = CONFIG.refresh.mul_f32(0.999);
    pass(almost).await;
    assert_eq!(at_once(&verifier, &a), Good);
    pass(CONFIG.refresh.abs_diff(almost)).await;
    assert_eq!(verdict(&verifier, &a).await, Rejected, "although its token was verified before");
    assert_eq!(at_once(&verifier, &b), Good);
}

/// Until the cool-down has passed, further tokens with unknown keys do not wait for a fetch, whatever the issuer
/// responds.
#[tokio::test(start_paused = true)]
async fn unknown_keys_cause_one_fetch_per_cool_down() {
    let [a] = keys(["a"]);
    let good = set(&[a.jwk()]);
    for (answer, expected) in [(Some(good.as_str()), Rejected), (Some(r#"{"keys":[]}"#), Rejected), (None, Unavailable)]
    {
        let issuer = Issuer::of(&[&a]);
        let verifier = ready(&issuer).await;
        issuer.answer(answer);
        for round in 1..=10 {
            assert_eq!(verdict(&verifier, &SigningKey::ed25519("first")).await, expected);
            let caused = issuer.fetches();
            for number in 0..100 {
                assert_eq!(at_once(&verifier, &SigningKey::ed25519(&format!("junk {number}"))), expected);
                assert_eq!(at_once(&verifier, &a), Good);
            }
            assert_eq!(issuer.fetches(), caused);
            // Each round has one fetch that a token causes and, while fetches fail, at most one repetition.
            assert!((round + 1..=2 * round + 1).contains(&caused), "{caused} in round {round}");
            pass(CONFIG.cool_down).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_of_known_keys_do_not_wait_for_a_fetch() {
    let [a, junk] = keys(["a", "junk"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.hold();
    let mut waiting = Box::pin(verdict(&verifier, &junk));
    assert!(waiting.as_mut().now_or_never().is_none());
    for _ in 0..100 {
        assert_eq!(at_once(&verifier, &a), Good);
    }
    assert_eq!(waiting.await, Unavailable);
}

#[tokio::test(start_paused = true)]
async fn concurrent_tokens_share_one_fetch() {
    let [a, b] = keys(["a", "b"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.publish(&[&a, &b]);
    issuer.hold();
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(verdict(&verifier, &b))).collect();
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    settle().await;
    issuer.release(1);
    assert!(join_all(waiting).await.iter().all(|one| *one == Good));
    assert_eq!(issuer.fetches(), 2);
}

/// Tokens with unknown keys that arrive while the issuer does not respond cannot use up the memory.
#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_tokens_is_bounded() {
    let [a, b, junk] = keys(["a", "b", "junk"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.publish(&[&a, &b]);
    issuer.hold();
    let mut waiting: Vec<_> = (0..RemoteJwks::MAX_WAITING).map(|_| Box::pin(verdict(&verifier, &junk))).collect();
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    assert_eq!(at_once(&verifier, &b), Unavailable);
    assert_eq!(at_once(&verifier, &a), Good, "a known key does not wait");
    // The place of a client that disconnects is free again.
    drop(waiting.pop());
    let mut valid = Box::pin(verdict(&verifier, &b));
    assert!(valid.as_mut().now_or_never().is_none());
    settle().await;
    issuer.release(1);
    assert_eq!(valid.await, Good);
    assert!(join_all(waiting).await.iter().all(|one| *one == Rejected));
    assert_eq!(issuer.fetches(), 2);
}

/// The fetch continues even if the client that caused it disconnects.
#[tokio::test(start_paused = true)]
async fn a_fetch_outlives_the_request_that_caused_it() {
    let [a, b] = keys(["a", "b"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    issuer.publish(&[&a, &b]);
    issuer.hold();
    assert!(verdict(&verifier, &b).now_or_never().is_none());
    settle().await;
    issuer.release(1);
    settle().await;
    assert_eq!(at_once(&verifier, &b), Good);
    assert_eq!(issuer.fetches(), 2);
}

/// Known keys stay in use no matter how long the issuer responds with something other than a key set.
#[tokio::test(start_paused = true)]
async fn known_keys_stay_in_use_after_invalid_responses() {
    let [a, b] = keys(["a", "b"]);
    let whole = set(&[a.jwk(), b.jwk()]);
    let many = set(&vec![json!({}); 1001]);
    for answer in [
        None,
        Some(""),
        Some("<!DOCTYPE html><title>Error</title>"),
        Some(&whole[..whole.len() / 2]),
        Some("[]"),
        Some(&whole["{\"keys\":".len()..whole.len() - 1]),
        Some("{}"),
        Some(r#"{"keys":null}"#),
        Some(r#"{"keys":{}}"#),
        Some(r#"{"keys":"none"}"#),
        Some(r#"{"keys":[],"keys":[]}"#),
        Some("null"),
        Some(&many),
        Some(&"[".repeat(100_000)),
    ] {
        let issuer = Issuer::of(&[&a]);
        let verifier = ready(&issuer).await;
        issuer.answer(answer);
        for _ in 0..100 {
            pass(CONFIG.refresh).await;
            assert_eq!(at_once(&verifier, &a), Good, "{answer:?}");
        }
        assert_eq!(verdict(&verifier, &b).await, Unavailable, "{answer:?}");
        issuer.publish(&[&b]);
        pass(CONFIG.cool_down).await;
        assert_eq!(verdict(&verifier, &b).await, Good, "{answer:?}");
        assert_eq!(verdict(&verifier, &a).await, Rejected, "{answer:?}");
    }
}

/// An issuer that suddenly publishes no keys is probably broken, so its known keys stay in use for one refresh
/// interval.
#[tokio::test(start_paused = true)]
async fn an_empty_set_takes_effect_after_a_whole_refresh_interval() {
    let [a, junk] = keys(["a", "junk"]);
    let broken = set(&[json!({ "kty": "OKP" })]);
    for empty in [r#"{"keys":[]}"#, broken.as_str()] {
        let issuer = Issuer::of(&[&a]);
        let verifier = ready(&issuer).await;
        issuer.answer(Some(empty));
        // Additional fetches do not shorten the interval for which the known key stays in use.
        for _ in 0..5 {
            assert_eq!(verdict(&verifier, &junk).await, Rejected);
            assert_eq!(at_once(&verifier, &a), Good);
            pass(CONFIG.cool_down).await;
        }
        // A failed fetch does not shorten this interval either.
        issuer.answer(None);
        pass(CONFIG.refresh).await;
        assert_eq!(at_once(&verifier, &a), Good);
        issuer.answer(Some(empty));
        pass(CONFIG.cool_down).await;
        assert_eq!(verdict(&verifier, &a).await, Rejected, "{empty}");
    }

    // A response with keys restarts the interval for which known keys stay in use.
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    for answer in [r#"{"keys":[]}"#, &set(&[a.jwk()]), r#"{"keys":[]}"#] {
        issuer.answer(Some(answer));
        pass(CONFIG.refresh).await;
        assert_eq!(at_once(&verifier, &a), Good);
    }
    pass(CONFIG.refresh).await;
    assert_eq!(verdict(&verifier, &a).await, Rejected);
}

/// Tokens that arrive before the issuer has started get an error without delay.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_starts_later_is_found() {
    let [a] = keys(["a"]);
    for comes_with_a_token in [true, false] {
        let issuer = Issuer::answering(None);
        let verifier = ready(&issuer).await;
        assert_eq!(verdict(&verifier, &a).await, Unavailable);
        assert_eq!(at_once(&verifier, &a), Unavailable);
        issuer.publish(&[&a]);
        pass(CONFIG.cool_down).await;
        if comes_with_a_token {
            assert_eq!(verdict(&verifier, &a).await, Good);
        } else {
            assert_eq!(at_once(&verifier, &a), Good);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_an_issuer_that_does_not_respond_is_bounded() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    issuer.hold();
    let verifier = verifier(&[&issuer]);
    for longest in [CONFIG.timeout, Duration::from_secs(1), Duration::ZERO] {
        let started = Instant::now();
        assert_eq!(verdict(&verifier, &a).await, Unavailable);
        assert!(started.elapsed() <= longest + Duration::from_millis(1), "{:?}", started.elapsed());
        sleep(CONFIG.timeout).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_is_too_long_causes_no_fetch() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    assert_eq!(at_once(&verifier, &SigningKey::ed25519(&"k".repeat(257))), Rejected);
    for other in
        [json!({ "alg": "HS256", "kid": "b" }), json!({ "alg": "ES512", "kid": "b" }), json!({ "alg": "none" })]
    {
        assert!(verifier.verify(&a.sign(&other, &claims())).now_or_never().unwrap().is_err());
    }
    settle().await;
    assert_eq!(issuer.fetches(), 1);
}

/// The keys of one endpoint are used and refreshed while another one does not respond.
#[tokio::test(start_paused = true)]
async fn endpoints_do_not_wait_for_each_other() {
    let [a, b, c] = keys(["a", "b", "c"]);
    let (first, second) = (Issuer::of(&[&a]), Issuer::of(&[&b]));
    let verifier = verifier(&[&first, &second]);
    settle().await;
    assert_eq!((at_once(&verifier, &a), at_once(&verifier, &b)), (Good, Good));
    first.hold();
    second.publish(&[&b, &c]);
    let started = Instant::now();
    assert_eq!(verdict(&verifier, &c).await, Good);
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(at_once(&verifier, &a), Good);
}

#[tokio::test(start_paused = true)]
async fn fetching_stops_when_the_verifier_is_dropped() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    drop(ready(&issuer).await);
    pass(CONFIG.refresh * 10).await;
    assert_eq!(issuer.fetches(), 1);
}
