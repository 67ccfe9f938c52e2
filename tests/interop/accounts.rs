//! A change of a user at one server takes effect at the other at once.

use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Pair, Peer};

const NEW_PASSWORD: &str = "another horse battery";

async fn user(peer: &Peer, cookie: &str) -> Value {
    peer.get_session(cookie).await["user"].clone()
}

/// Name, image, and the time of the change.
#[tokio::test]
async fn a_user_whom_one_updates_is_updated_at_the_other() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            for update in [
                json!({ "name": "Ann C", "image": "https://example.test/ann.png" }),
                json!({ "image": null }),
                json!({ "name": "Änn 漢字 🙂" }),
            ] {
                let before = user(&other, &ann.cookie).await;
                let answer = one.post("/update-user", &ann.cookie, update.clone()).await;
                assert_eq!((answer.status, answer.body), (200, json!({ "status": true })), "{}", one.name);
                let after = user(&other, &ann.cookie).await;
                assert_eq!(after, user(&one, &ann.cookie).await);
                for (name, value) in update.as_object().unwrap() {
                    assert_eq!(&after[name], value, "{}", one.name);
                }
                assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str(), "{before} {after}");
                assert_eq!(after["createdAt"], before["createdAt"]);
            }
            let refused = one.post("/update-user", &ann.cookie, json!({ "email": "x@example.test" })).await;
            assert_eq!(refused.refusal(), (400, "EMAIL_CAN_NOT_BE_UPDATED"));
            assert_eq!(user(&other, &ann.cookie).await["email"], ann.user["email"]);
        }
    }
}

/// At both, the old password is rejected and the new one accepted, for sign-in and verification.
#[tokio::test]
async fn a_password_that_one_changes_is_changed_at_the_other() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let wrong = json!({ "currentPassword": NEW_PASSWORD, "newPassword": NEW_PASSWORD });
            let answer = one.post("/change-password", &ann.cookie, wrong).await;
            assert_eq!(answer.refusal(), (400, "INVALID_PASSWORD"), "{}", one.name);
            assert_eq!(other.sign_in(&ann.user, PASSWORD).await.user, ann.user);

            let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD });
            let answer = one.post("/change-password", &ann.cookie, change).await;
            assert_eq!((answer.status, &answer.body["token"]), (200, &Value::Null), "{}", one.name);
            for peer in [&other, &one] {
                let old = peer.try_sign_in(&ann.user["email"], PASSWORD).await;
                assert_eq!(old.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"), "{}", peer.name);
                assert_eq!(peer.sign_in(&ann.user, NEW_PASSWORD).await.user["id"], ann.user["id"]);
                let verify = async |password: &str| {
                    peer.post("/verify-password", &ann.cookie, json!({ "password": password })).await
                };
                assert_eq!(verify(PASSWORD).await.refusal(), (400, "INVALID_PASSWORD"), "{}", peer.name);
                assert_eq!(verify(NEW_PASSWORD).await.body, json!({ "status": true }), "{}", peer.name);
            }
        }
    }
}

/// Afterwards there is a single session, valid at both.
#[tokio::test]
async fn a_change_of_password_that_ends_other_sessions_ends_them_at_the_other() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let second = other.sign_in(&ann.user, PASSWORD).await;
            let change =
                json!({ "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD, "revokeOtherSessions": true });
            let new = one.post("/change-password", &ann.cookie, change).await.session();
            for over in [&ann, &second] {
                assert_eq!(other.get_session(&over.cookie).await, Value::Null, "{}", one.name);
            }
            let session = other.get_session(&new.cookie).await;
            assert_eq!(session, one.get_session(&new.cookie).await);
            assert_eq!((&session["session"]["token"], &session["user"]["id"]), (&json!(new.token), &ann.user["id"]));
        }
    }
}

/// User, sessions, accounts and tasks are deleted, and the address can be used again.
#[tokio::test]
async fn a_user_whom_one_deletes_is_gone_at_the_other() {
    for pair in Pair::of_each_kind_with(&[("TASKBRIDGE__AUTH__DELETE_USER", "on")], &[]) {
        for (one, other) in pair.both_ways() {
            let (ann, bob) = (one.sign_up("ann").await, one.sign_up("bob").await);
            let id = ann.user["id"].as_str().unwrap();
            let token = pair_token(&pair, &ann.cookie).await;
            let tasks = pair.taskbridge.url(&format!("/api/{id}/tasks"));
            let added = reqwest::Client::new().post(&tasks).bearer_auth(&token).json(&json!({ "title": "x" })).send();
            assert_eq!(added.await.unwrap().status(), 201);

            let answer = one.post("/delete-user", &ann.cookie, json!({ "password": PASSWORD })).await;
            assert_eq!((answer.status, answer.body), (200, json!({ "success": true, "message": "User deleted" })));
            assert_eq!(other.get_session(&ann.cookie).await, Value::Null);
            let gone = other.try_sign_in(&ann.user["email"], PASSWORD).await;
            assert_eq!(gone.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"), "{}", one.name);
            for (table, column) in [("user", "id"), ("session", "userId"), ("account", "userId"), ("tasks", "user_id")]
            {
                let left = format!(r#"select 1 from "{table}" where "{column}" = '{id}'"#);
                assert_eq!(pair.database.query(&left), json!([]), "{table}, at {}", one.name);
            }
            assert_eq!(user(&other, &bob.cookie).await, bob.user);
            assert_ne!(one.sign_up("ann").await.user["id"], ann.user["id"]);
        }
    }
}

/// Returns a token of Taskbridge, the only one that its tasks API accepts here.
async fn pair_token(pair: &Pair, cookie: &str) -> String {
    Peer::taskbridge(&pair.taskbridge).jwt(cookie).await
}

/// The account with a password, and one of another provider, which only Better Auth can create.
#[tokio::test]
async fn the_accounts_of_a_user_are_the_same_at_both() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let id = ann.user["id"].as_str().unwrap();
            pair.database.query(&format!(
                r#"insert into account (id, "accountId", "providerId", "userId", scope, "accessToken", "createdAt", "updatedAt")
                   select 'github-{id}', '12345678', 'github', '{id}', 'read:user, user:email', 'x', "createdAt", "updatedAt"
                   from account where "userId" = '{id}'"#
            ));
            let [ours, theirs] = [&one, &other].map(async |peer| peer.get("/list-accounts", &ann.cookie).await.body);
            let (ours, theirs) = (by_provider(ours.await), by_provider(theirs.await));
            assert_eq!(ours, theirs);
            let scopes = ours.as_array().unwrap().iter().map(|account| (&account["providerId"], &account["scopes"]));
            assert_eq!(
                scopes.collect::<Vec<_>>(),
                [(&json!("credential"), &json!([])), (&json!("github"), &json!(["read:user", "user:email"]))]
            );
        }
    }
}

/// Indexes a list without a defined order.
fn by_provider(mut accounts: Value) -> Value {
    accounts.as_array_mut().unwrap().sort_by_key(|account| account["providerId"].as_str().unwrap().to_owned());
    accounts
}
