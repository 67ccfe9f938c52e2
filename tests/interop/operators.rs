//! Changes that an operator makes with `taskbridge users` also take effect at Better Auth.

use serde_json::{Value, json};
use support::server::Outcome;
use support::user::PASSWORD;
use support::{Database, Pair};

const NEW_PASSWORD: &str = "another horse battery";

/// Runs `taskbridge users` with these arguments and this standard input. It must succeed.
fn users(pair: &Pair, arguments: &[&str], input: &str) -> Outcome {
    let outcome = pair.taskbridge.run_with_input(&[&["users"], arguments].concat(), &[], input);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome
}

/// Both sign the user in, and both accept the sessions of the other.
#[tokio::test]
async fn a_user_whom_an_operator_creates_signs_in_at_both() {
    for pair in Pair::of_each_kind() {
        users(&pair, &["create", "Ada@Example.test", "--name", "Ada 漢字", "--verified"], PASSWORD);
        for (one, other) in pair.both_ways() {
            let ada = one.sign_in(&json!({ "email": "ada@example.test" }), PASSWORD).await;
            assert_eq!((&ada.user["name"], &ada.user["emailVerified"]), (&json!("Ada 漢字"), &json!(true)));
            assert_eq!(other.get_session(&ada.cookie).await["user"], ada.user, "{}", one.name);
        }
    }
}

/// The sessions of both end, also for a user who had no password.
#[tokio::test]
async fn a_password_that_an_operator_sets_is_set_at_both() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let email = ann.user["email"].as_str().unwrap();
            for (password, old) in [(NEW_PASSWORD, PASSWORD), (PASSWORD, NEW_PASSWORD)] {
                let session = other.sign_in(&ann.user, old).await;
                if old == NEW_PASSWORD {
                    let id = ann.user["id"].as_str().unwrap();
                    pair.database.query(&format!(r#"delete from "account" where "userId" = '{id}'"#));
                }
                users(&pair, &["set-password", email], password);
                for peer in [&one, &other] {
                    assert_eq!(peer.get_session(&session.cookie).await, Value::Null, "{}", peer.name);
                    let refused = peer.try_sign_in(&ann.user["email"], old).await;
                    assert_eq!(refused.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"), "{}", peer.name);
                    assert_eq!(peer.sign_in(&ann.user, password).await.user["id"], ann.user["id"]);
                }
            }
        }
    }
}

/// The running server refuses a banned user at once, and so does Better Auth.
#[tokio::test]
async fn a_user_whom_an_operator_bans_is_banned_at_both() {
    for database in Database::of_each_kind() {
        let pair = Pair::start_better_auth_first(database, &[], &[("RESTRICT", "on")]);
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let email = ann.user["email"].as_str().unwrap();
            for end in [&[][..], &["--until", "2999-12-31T23:59:59Z"]] {
                users(&pair, &[&["ban", email, "--reason", "spam", "--yes"], end].concat(), "");
                for peer in [&one, &other] {
                    assert_eq!(peer.get_session(&ann.cookie).await, Value::Null, "{}", peer.name);
                    let refused = peer.try_sign_in(&ann.user["email"], PASSWORD).await;
                    assert_eq!(refused.refusal(), (403, "BANNED_USER"), "{}", peer.name);
                }
            }
            users(&pair, &["unban", email], "");
            for peer in [&one, &other] {
                assert_eq!(peer.sign_in(&ann.user, PASSWORD).await.user["id"], ann.user["id"], "{}", peer.name);
            }
        }
    }
}
