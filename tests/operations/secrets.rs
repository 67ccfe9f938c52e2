//! Changes of the secret and of the signing keys, on two running replicas.

use std::fs;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::forge::sign;
use support::peer::APP;
use support::postgres::fresh_database;
use support::user::PASSWORD;
use support::{Forge, Peer, Server, User};

use crate::databases::{serve, variables};
use crate::page::{drill, run};

const PATIENCE: Duration = Duration::from_mins(1);
/// The file that the page writes.
const SECRETS: (&str, &str) = ("BETTER_AUTH_SECRETS_FILE", "secrets");
/// Empty variables are ignored.
const NO_OLD_SECRET: (&str, &str) = ("BETTER_AUTH_SECRET", "");

/// Returns the status of a request for the user's tasks with this token.
pub(crate) async fn status(server: &Server, user: &User, token: &str) -> u16 {
    let answer = reqwest::Client::new().get(server.url(&user.tasks(""))).bearer_auth(token).send().await;
    answer.unwrap().status().as_u16()
}

/// Returns the key id in the header of a token.
pub(crate) fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().into()
}

#[tokio::test]
async fn a_new_secret_ends_sessions_and_keeps_the_keys() {
    let url = fresh_database();
    let (one, two) = (serve(&url), serve(&url));
    let folder = one.folder();
    let ann = User::sign_up(&one, "ann").await;
    assert_eq!(status(&two, &ann, &ann.token).await, 200);
    run(folder, drill("secret"), &[]);

    // During the change, each replica accepts the cookies of its own secret only, and the access tokens of both.
    let new = one.again_with(&[SECRETS]);
    let (at_new, at_old) = (Peer::taskbridge(&new), Peer::taskbridge(&two));
    assert!(at_new.get_session(&ann.cookie).await.is_null());
    assert!(!at_old.get_session(&ann.cookie).await.is_null());
    let bob = User::sign_up(&new, "bob").await;
    assert!(at_old.get_session(&bob.cookie).await.is_null());
    assert_eq!(kid(&bob.token), kid(&ann.token));
    for server in [&new, &two] {
        assert_eq!(status(server, &ann, &ann.token).await, 200);
        assert_eq!(status(server, &bob, &bob.token).await, 200);
    }

    // A client that stores the session token without its signature stays signed in.
    assert_eq!(at_new.get_as_bearer("/get-session", &ann.session).await.body["user"]["id"], ann.id.as_str());
    let signed = at_old.sign_in(&json!({ "email": ann.email }), PASSWORD).await.bearer;
    assert!(at_new.get_as_bearer("/get-session", &signed).await.body.is_null());

    // The next change.
    run(folder, drill("secret-again"), &[]);
    let secrets = fs::read_to_string(folder.join("secrets")).unwrap();
    assert!(secrets.starts_with("2:") && secrets.contains(",1:"), "{secrets}");
    let newer = one.again_with(&[SECRETS]);
    let peer = Peer::taskbridge(&newer);
    assert!(peer.get_session(&bob.cookie).await.is_null());
    let carl = User::sign_up(&newer, "carl").await;
    assert_eq!(kid(&carl.token), kid(&ann.token));

    // After a rotation of the keys, the older secrets are not needed any more.
    run(folder, drill("secret-forget"), &variables(&url, &[SECRETS]));
    let last = one.again_with(&[SECRETS, NO_OLD_SECRET]);
    let peer = Peer::taskbridge(&last);
    assert!(!peer.get_session(&carl.cookie).await.is_null());
    assert_ne!(kid(&peer.jwt(&carl.cookie).await), kid(&ann.token));
    assert_eq!(status(&last, &ann, &ann.token).await, 200);
    let secrets = fs::read_to_string(folder.join("secrets")).unwrap();
    assert!(secrets.starts_with("2:") && !secrets.contains(','), "{secrets}");
}

/// With HS256, the secret also signs access tokens.
#[tokio::test]
async fn a_new_secret_rejects_hs256_tokens() {
    let server = Server::start_with(&[("AUTH_MODE", "server"), ("BETTER_AUTH_URL", APP)]);
    let ann = User::sign_up(&server, "ann").await;
    run(server.folder(), drill("secret"), &[]);
    let new = server.again_with(&[SECRETS]);
    assert_eq!(status(&new, &ann, &ann.token).await, 401);
}

#[tokio::test]
async fn keys_are_rotated_and_withdrawn_at_running_replicas() {
    let url = fresh_database();
    let (one, two) = (serve(&url), serve(&url));
    let ann = User::sign_up(&one, "ann").await;
    let peers = [&one, &two].map(Peer::taskbridge);
    let listed = run(one.folder(), drill("keys-rotate"), &variables(&url, &[]));
    assert!(listed.contains("signs") && listed.contains("verifies older tokens"), "{listed}");
    for peer in &peers {
        let started = Instant::now();
        while kid(&peer.jwt(&ann.cookie).await) == kid(&ann.token) {
            assert!(started.elapsed() < PATIENCE, "{} signs with the old key", peer.base);
        }
    }
    let newer = peers[0].jwt(&ann.cookie).await;
    for server in [&one, &two] {
        assert_eq!(status(server, &ann, &ann.token).await, 200);
        assert_eq!(status(server, &ann, &newer).await, 200);
    }

    run(one.folder(), drill("keys-withdraw"), &variables(&url, &[]));
    for server in [&one, &two] {
        let started = Instant::now();
        while status(server, &ann, &ann.token).await == 200 || status(server, &ann, &newer).await == 200 {
            assert!(started.elapsed() < PATIENCE, "{} accepts a withdrawn key", server.base);
        }
        let next = Peer::taskbridge(server).jwt(&ann.cookie).await;
        assert_eq!(status(server, &ann, &next).await, 200);
    }
}

/// In bridge mode, exactly the tokens of the secret that is set are accepted.
#[tokio::test]
async fn in_bridge_mode_the_app_and_taskbridge_change_the_secret_together() {
    let server = Server::start_with(&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", APP), ("JWKS_URL", "off")]);
    run(server.folder(), drill("leak-secret"), &[]);
    let secret = fs::read_to_string(server.folder().join("secret")).unwrap();
    let claims = Forge::of(&server).claims("ann").to_string();
    let new = sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims, secret.trim_end().as_bytes());
    let old = Forge::of(&server).token("ann");
    let changed = server.again_with(&[NO_OLD_SECRET, ("BETTER_AUTH_SECRET_FILE", "secret")]);
    for (server, accepted, rejected) in [(&server, &old, &new), (&changed, &new, &old)] {
        for (token, expected) in [(accepted, 200), (rejected, 401)] {
            let answer = reqwest::Client::new().get(server.url("/api/ann/tasks")).bearer_auth(token).send().await;
            assert_eq!(answer.unwrap().status(), expected);
        }
    }
}
