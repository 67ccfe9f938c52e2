//! What an operator does after the secret or the database was stolen.

use serde_json::json;
use support::postgres::{fresh_database, psql};
use support::user::PASSWORD;
use support::{Peer, User};

use crate::databases::{serve, variables};
use crate::page::{drill, run};
use crate::secrets::{kid, status};

/// The thief has the secret and a copy of the database: every cookie, session token and access token of before is
/// rejected, and the new key pair is encrypted with the new secret.
#[tokio::test]
async fn after_a_leak_no_token_of_before_is_accepted() {
    let url = fresh_database();
    let mut old = serve(&url);
    let ann = User::sign_up(&old, "ann").await;
    assert_eq!(status(&old, &ann, &ann.token).await, 200);
    run(old.folder(), drill("leak-secret"), &[]);
    old.terminate();
    assert!(old.wait().success());
    // Only the new secret: the old private keys are not used any more.
    let changed = [("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_SECRET_FILE", "secret")];
    let more = [&changed[..], &[("RUST_LOG", "error")]].concat();
    run(old.folder(), drill("leak-database"), &variables(&url, &more));
    let new = old.again_with(&changed);
    let peer = Peer::taskbridge(&new);
    assert!(peer.get_session(&ann.cookie).await.is_null());
    assert!(peer.get_as_bearer("/get-session", &ann.session).await.body.is_null());
    assert_eq!(status(&new, &ann, &ann.token).await, 401);
    assert_eq!(psql(&url, "select count(*) from session"), "0");

    // The user signs in again, with the same password.
    let session = peer.sign_in(&json!({ "email": ann.email }), PASSWORD).await;
    let token = peer.jwt(&session.cookie).await;
    assert_ne!(kid(&token), kid(&ann.token));
    assert_eq!(status(&new, &ann, &token).await, 200);
}
