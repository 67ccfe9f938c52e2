//! Databases that were recorded in server mode.

use serde_json::{Value, json};
use support::better_auth::run;
use support::forge::{now, sign};
use support::pair::start_taskbridge;
use support::peer::APP;
use support::{Peer, Server};

use crate::recording::Recording;
use crate::tasks::Caller;

#[tokio::test]
async fn a_database_of_an_earlier_release_loses_nothing() {
    for recording in Recording::of_mode("server") {
        recording.move_expiry();
        let before = recording.rows();
        let server = start(&recording);
        recording.assert_unchanged(&before);
        recording.assert_migrated(&before, &server);
        for name in ["user", "account", "session", "jwks", "rateLimit", "tasks"] {
            assert!(before[name].len() > 1, "{}: {name}", recording.name);
        }
    }
}

#[tokio::test]
async fn users_of_an_earlier_release_keep_their_sessions_and_passwords() {
    for recording in Recording::of_mode("server") {
        recording.move_expiry();
        let server = start(&recording);
        let peer = Peer::taskbridge(&server);
        for recorded in recording.users() {
            for session in recorded["sessions"].as_array().unwrap() {
                let found = peer.get_session(session["cookie"].as_str().unwrap()).await;
                assert_eq!(found["session"]["token"], session["token"], "{}", recording.name);
                assert_eq!(found["session"]["id"], session["id"]);
                assert_eq!(found["user"], recorded["user"]);
            }
            let signed_in = peer.sign_in(&recorded["user"], recorded["password"].as_str().unwrap()).await;
            assert_eq!(signed_in.user["id"], recorded["user"]["id"], "{}", recording.name);
            let wrong = peer.try_sign_in(&recorded["user"]["email"], "wrong horse battery").await;
            assert_eq!(wrong.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"));
        }
    }
}

#[tokio::test]
async fn keys_of_an_earlier_release_are_published_and_still_sign() {
    for recording in Recording::of_mode("server") {
        recording.move_expiry();
        let server = start(&recording);
        let peer = Peer::taskbridge(&server);
        let keys = peer.get("/jwks", "").await.body;
        assert_eq!(keys, recording.facts["jwks"], "{}", recording.name);

        // The key that signed last still signs.
        let cookie = recording.users()[0]["sessions"][0]["cookie"].as_str().unwrap();
        let address = server.url("/api/auth/jwks");
        let token = peer.jwt(cookie).await;
        let verified = run("verify.mjs", &[("ISSUER", APP), ("JWKS_URL", &address), ("TOKEN", &token)]);
        let newest = keys["keys"].as_array().unwrap().last().unwrap();
        assert_eq!(verified["header"]["kid"], newest["kid"], "{}", recording.name);
    }
}

#[tokio::test]
async fn tasks_of_an_earlier_release_are_served_to_their_owners() {
    for recording in Recording::of_mode("server") {
        recording.move_expiry();
        let server = start(&recording);
        for (number, recorded) in recording.users().iter().enumerate() {
            let tokens = tokens(&recording, &recorded["user"]["id"]);
            assert_eq!(tokens.len(), recording.facts["jwks"]["keys"].as_array().unwrap().len() + 1);
            for token in &tokens {
                Caller::of(recorded, &server, token).assert_lists(&recording).await;
            }
            Caller::of(recorded, &server, &tokens[number]).work(&recording).await;
        }
    }
}

/// Returns an access token by each of the recorded keys, also by those that no longer sign, and one by the secret.
fn tokens(recording: &Recording, subject: &Value) -> Vec<String> {
    let id = subject.as_str().unwrap();
    let url = recording.database.url.as_str();
    let secret = ("BETTER_AUTH_SECRET", recording.secret.as_str());
    let by_keys = run("sign.mjs", &[("DATABASE_URL", url), secret, ("ISSUER", APP), ("SUBJECT", id)]);
    let claims = json!({ "sub": id, "iat": now(), "exp": now() + 300, "iss": APP, "aud": APP });
    let by_secret = sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string(), recording.secret.as_bytes());
    let by_keys = by_keys.as_array().unwrap().iter().map(|token| token.as_str().unwrap().to_owned());
    by_keys.chain([by_secret]).collect()
}

/// Starts this release with the settings of the recording. Old counters of the rate limits are not deleted.
fn start(recording: &Recording) -> Server {
    let settings = [
        ("BETTER_AUTH_SECRET", recording.secret.as_str()),
        ("JWT_ALGORITHM", "EdDSA"),
        ("TASKBRIDGE__JWT__ACCEPT_HS256", "on"),
        ("TASKBRIDGE__SESSION__PURGE_SECONDS", "0"),
    ];
    start_taskbridge(&recording.database, &settings)
}
