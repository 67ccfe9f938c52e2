//! When keys are fetched, and what holds meanwhile. (N12, C041 to C056)
//!
//! Time stands still but for waiting: nothing here takes any.

use std::time::Duration;

use futures_util::future::{FutureExt, join_all};
use serde_json::json;
use taskbridge_adapters::jwt::{JwtVerifier, Rejection};
use taskbridge_domain::ports::{AuthError, AuthPort};
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, advance, sleep};

use crate::support::{CONFIG, Issuer, SigningKey, claims, set, verifier};

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Refused,
    Unavailable,
}
use Verdict::{Good, Refused, Unavailable};

async fn verdict(verifier: &JwtVerifier, key: &SigningKey) -> Verdict {
    match verifier.verify(&key.token()).await {
        Ok(_) => Good,
        Err(AuthError::Rejected(cause)) => {
            assert_eq!(*cause.downcast::<Rejection>().unwrap(), Rejection::NoKey);
            Refused
        }
        Err(AuthError::Unavailable(_)) => Unavailable,
    }
}

/// A verdict that nobody has to wait for, however many the test asks for without a pause.
fn at_once(verifier: &JwtVerifier, key: &SigningKey) -> Verdict {
    unconstrained(verdict(verifier, key)).now_or_never().unwrap_or_else(|| panic!("it waits for something"))
}

/// Until everything that can go on without time has.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

async fn pass(duration: Duration) {
    advance(duration).await;
    settle().await;
}

/// A verifier whose keys have been fetched.
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
async fn keys_are_there_before_anybody_asks_and_are_fetched_again_in_time() {
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

/// C049: also right after the keys were fetched.
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

/// A key without a name stands for any, so that it is told from its successor by the signature alone.
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
    assert_eq!(at_once(&verifier, &a), Refused, "and junk causes no more");
    assert_eq!(issuer.fetches(), 2);

    // The token has no name, and the key has one.
    pass(CONFIG.cool_down).await;
    issuer.publish(&[&c]);
    let token = c.sign(&json!({ "alg": "EdDSA" }), &claims());
    assert!(verifier.verify(&token).await.is_ok());
}

/// The answer under way may be older than the key.
#[tokio::test(start_paused = true)]
async fn a_new_key_is_accepted_while_an_older_answer_is_under_way() {
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

/// C050: a key that was withdrawn is accepted no longer than a refresh takes to come.
#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_refused_after_the_next_refresh() {
    let [a, b] = keys(["a", "b"]);
    let issuer = Issuer::of(&[&a, &b]);
    let verifier = ready(&issuer).await;
    assert_eq!(at_once(&verifier, &a), Good);
    issuer.publish(&[&b]);
    let almost = CONFIG.refresh.mul_f32(0.999);
    pass(almost).await;
    assert_eq!(at_once(&verifier, &a), Good);
    pass(CONFIG.refresh.abs_diff(almost)).await;
    assert_eq!(verdict(&verifier, &a).await, Refused, "though its signature was remembered");
    assert_eq!(at_once(&verifier, &b), Good);
}

/// C052: junk is refused at once, and costs one fetch in a cool-down, whatever the issuer answers.
#[tokio::test(start_paused = true)]
async fn junk_causes_one_fetch_in_a_cool_down() {
    let [a] = keys(["a"]);
    let good = set(&[a.jwk()]);
    for (answer, expected) in [(Some(good.as_str()), Refused), (Some(r#"{"keys":[]}"#), Refused), (None, Unavailable)] {
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
            // One that was caused, and while fetches fail one that repeats it.
            assert!((round + 1..=2 * round + 1).contains(&caused), "{caused} in round {round}");
            pass(CONFIG.cool_down).await;
        }
    }
}

/// C052: a known key waits for nothing.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_fetch_of_somebody_elses_key() {
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
async fn tokens_that_come_together_share_one_fetch() {
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

/// Whoever goes away does not take the fetch along.
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

/// C042, C044, C045: whatever comes instead of keys, those that are known stay, for as long as it lasts.
#[tokio::test(start_paused = true)]
async fn known_keys_outlast_every_wrong_answer() {
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
        assert_eq!(verdict(&verifier, &a).await, Refused, "{answer:?}");
    }
}

/// C048, C050: an issuer that has just lost its keys is more likely broken than empty; one that stays so is not.
#[tokio::test(start_paused = true)]
async fn an_empty_set_is_believed_once_it_has_lasted() {
    let [a, junk] = keys(["a", "junk"]);
    let broken = set(&[json!({ "kty": "OKP" })]);
    for empty in [r#"{"keys":[]}"#, broken.as_str()] {
        let issuer = Issuer::of(&[&a]);
        let verifier = ready(&issuer).await;
        issuer.answer(Some(empty));
        // Asking more often does not make it last longer.
        for _ in 0..5 {
            assert_eq!(verdict(&verifier, &junk).await, Refused);
            assert_eq!(at_once(&verifier, &a), Good);
            pass(CONFIG.cool_down).await;
        }
        // Neither does silence.
        issuer.answer(None);
        pass(CONFIG.refresh).await;
        assert_eq!(at_once(&verifier, &a), Good);
        issuer.answer(Some(empty));
        pass(CONFIG.cool_down).await;
        assert_eq!(verdict(&verifier, &a).await, Refused, "{empty}");
    }

    // One answer with keys, and it starts anew.
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    for answer in [r#"{"keys":[]}"#, &set(&[a.jwk()]), r#"{"keys":[]}"#] {
        issuer.answer(Some(answer));
        pass(CONFIG.refresh).await;
        assert_eq!(at_once(&verifier, &a), Good);
    }
    pass(CONFIG.refresh).await;
    assert_eq!(verdict(&verifier, &a).await, Refused);
}

/// C041: quickly told, and over as soon as the issuer is there.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_at_first_is_found_when_it_comes() {
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

/// C041: an issuer that accepts and never answers holds a token up for a bounded time.
#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_an_issuer_that_hangs() {
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

/// C012: what cannot be a key's name is not asked for.
#[tokio::test(start_paused = true)]
async fn a_kid_that_is_too_long_causes_no_fetch() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    let verifier = ready(&issuer).await;
    assert_eq!(at_once(&verifier, &SigningKey::ed25519(&"k".repeat(257))), Refused);
    for other in
        [json!({ "alg": "HS256", "kid": "b" }), json!({ "alg": "ES512", "kid": "b" }), json!({ "alg": "none" })]
    {
        assert!(verifier.verify(&a.sign(&other, &claims())).now_or_never().unwrap().is_err());
    }
    settle().await;
    assert_eq!(issuer.fetches(), 1);
}

/// One of several addresses is down: the keys of the other are there, and are followed.
#[tokio::test(start_paused = true)]
async fn addresses_do_not_wait_for_each_other() {
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
async fn nothing_is_fetched_when_nobody_verifies_any_more() {
    let [a] = keys(["a"]);
    let issuer = Issuer::of(&[&a]);
    drop(ready(&issuer).await);
    pass(CONFIG.refresh * 10).await;
    assert_eq!(issuer.fetches(), 1);
}
