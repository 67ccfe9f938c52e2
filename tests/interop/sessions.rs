//! Accounts and sessions of one server are valid at the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::peer::Session;
use support::user::PASSWORD;
use support::{Pair, Peer};

/// All fields of the user are equal, and wrong credentials are rejected at both.
#[tokio::test]
async fn who_signs_up_at_one_signs_in_at_the_other() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            assert_eq!(other.sign_in(&ann.user, PASSWORD).await.user, ann.user);

            let wrong = other.try_sign_in(&ann.user["email"], "wrong horse battery").await;
            assert_eq!(wrong.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"));
            let again = json!({ "name": "Ann", "email": ann.user["email"], "password": PASSWORD });
            let taken = other.post_anonymously("/sign-up/email", again).await;
            assert_eq!(taken.refusal(), (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"));
        }
    }
}

/// All fields are equal, whether the session is sent as a cookie, as the value of `set-auth-token`, or as the bare
/// token.
#[tokio::test]
async fn a_session_of_one_is_the_same_session_at_the_other() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            for session in [ann.clone(), one.sign_in(&ann.user, PASSWORD).await] {
                let expected = one.get_session(&session.cookie).await;
                assert_eq!((&expected["user"], &expected["session"]["token"]), (&ann.user, &json!(session.token)));
                assert_eq!(other.get_session(&session.cookie).await, expected);
                for bearer in [&session.bearer, &session.token] {
                    assert_eq!(other.get_as_bearer("/get-session", bearer).await.body, expected);
                }
            }
            let listed = async |peer: &Peer| by_id(&peer.get("/list-sessions", &ann.cookie).await.body);
            let sessions = listed(&one).await;
            assert_eq!((sessions.len(), listed(&other).await), (2, sessions));
        }
    }
}

/// Indexes a list without a defined order.
fn by_id(list: &Value) -> BTreeMap<String, Value> {
    list.as_array().unwrap().iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect()
}

/// A cookie with a valid session token, signed with another secret.
#[tokio::test]
async fn a_cookie_of_another_secret_is_none() {
    let another = ("BETTER_AUTH_SECRET", "another-secret-not-for-production-0123456789");
    for pair in Pair::of_each_kind_with(&[another], &[]) {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            assert_eq!(one.get_session(&ann.cookie).await["user"], ann.user);
            assert_eq!(other.get_session(&ann.cookie).await, Value::Null);
        }
    }
}

/// If one server renews a session, both see the new expiry.
#[tokio::test]
async fn a_session_that_one_renews_lives_on_at_the_other() {
    let at_once = [("TASKBRIDGE__SESSION__UPDATE_AGE_SECONDS", "0")];
    for pair in Pair::of_each_kind_with(&at_once, &[]) {
        let [(ours, theirs), _] = pair.both_ways();
        let ann = theirs.sign_up("ann").await;
        let before = theirs.get_session(&ann.cookie).await;
        let renewed = ours.get_session(&ann.cookie).await;
        let end = |session: &Value| session["session"]["expiresAt"].as_str().unwrap().to_owned();
        assert!(end(&renewed) > end(&before), "{before} {renewed}");
        assert_eq!(theirs.get_session(&ann.cookie).await, renewed);
    }
}

#[tokio::test]
async fn a_sign_out_at_one_is_one_at_the_other_at_once() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let second = one.sign_in(&ann.user, PASSWORD).await;
            assert_eq!(other.get_session(&second.cookie).await["user"], ann.user);
            let answer = other.post("/sign-out", &second.cookie, json!({})).await;
            assert_eq!((answer.status, answer.body), (200, json!({ "success": true })));
            assert_eq!(who_is_left(&one, &[&ann, &second]).await, [true, false]);
            assert_eq!(who_is_left(&other, &[&ann, &second]).await, [true, false]);
        }
    }
}

/// One by its token, all others, and all.
#[tokio::test]
async fn sessions_that_one_ends_are_over_at_the_other_at_once() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let [second, third, fourth] = [
                other.sign_in(&ann.user, PASSWORD).await,
                one.sign_in(&ann.user, PASSWORD).await,
                other.sign_in(&ann.user, PASSWORD).await,
            ];
            let all = [&ann, &second, &third, &fourth];
            let bob = one.sign_up("bob").await;
            for (path, body, left) in [
                ("/revoke-session", json!({ "token": bob.token }), [true, true, true, true]),
                ("/revoke-session", json!({ "token": second.token }), [true, false, true, true]),
                ("/revoke-other-sessions", json!({}), [true, false, false, false]),
                ("/revoke-sessions", json!({}), [false, false, false, false]),
            ] {
                let answer = one.post(path, &ann.cookie, body).await;
                assert_eq!((answer.status, answer.body), (200, json!({ "status": true })), "{path} at {}", one.name);
                assert_eq!(who_is_left(&other, &all).await, left, "{path} at {}", one.name);
                assert_eq!(other.get_session(&bob.cookie).await["user"], bob.user, "{path} at {}", one.name);
            }
        }
    }
}

/// Returns, for each session, whether it is valid.
async fn who_is_left(peer: &Peer, sessions: &[&Session]) -> Vec<bool> {
    let mut are_alive = Vec::new();
    for session in sessions {
        are_alive.push(!peer.get_session(&session.cookie).await.is_null());
    }
    are_alive
}
