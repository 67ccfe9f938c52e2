//! Databases that were recorded in bridge mode, next to the tables of a Better Auth.

use serde_json::json;
use support::forge::{now, sign};
use support::{Issuer, Server, Signer};

use crate::recording::Recording;
use crate::tasks::Caller;

#[tokio::test]
async fn a_database_of_an_earlier_release_next_to_better_auth_loses_nothing() {
    let key = Signer::ed25519("app");
    let issuer = Issuer::of(&[&key]);
    for recording in Recording::of_mode("bridge") {
        let before = recording.rows();
        let server = Server::start_with(&[
            ("AUTH_MODE", "bridge"),
            ("BETTER_AUTH_URL", &issuer.url),
            ("BETTER_AUTH_SECRET", &recording.secret),
            ("DATABASE_URL", &recording.database.url),
        ]);
        recording.assert_unchanged(&before);
        recording.assert_migrated(&before, &server);

        for recorded in recording.users() {
            let id = recorded["user"]["id"].as_str().unwrap();
            let by_key = Caller::of(recorded, &server, key.token(&issuer.url, id));
            let claims = json!({ "sub": id, "iat": now(), "exp": now() + 300, "iss": issuer.url, "aud": issuer.url });
            let by_secret = sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string(), recording.secret.as_bytes());
            Caller::of(recorded, &server, by_secret).assert_lists(&recording).await;
            by_key.assert_lists(&recording).await;
            by_key.work(&recording).await;
        }
    }
}
