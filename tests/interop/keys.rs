//! Keys in Better Auth's `jwks` table sign and verify the tokens of both servers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::better_auth::{BetterAuth, run};
use support::pair::start_taskbridge;
use support::peer::APP;
use support::server::SECRET;
use support::user::PASSWORD;
use support::{Database, Pair, Peer, Server};

use crate::recorded::Recorded;

const ALGORITHMS: [&str; 2] = ["EdDSA", "ES256"];

/// Decodes a part of a token without verifying it.
fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// Returns the content of a token that `jose` verifies with the keys which this server publishes.
fn verified(token: &str, peer: &Peer) -> Value {
    let url = format!("{}/api/auth/jwks", peer.base);
    run("verify.mjs", &[("JWKS_URL", &url), ("ISSUER", APP), ("TOKEN", token)])
}

async fn keys(peer: &Peer) -> Value {
    let answer = peer.get("/jwks", "").await;
    assert_eq!(answer.status, 200, "{}", peer.name);
    answer.body["keys"].clone()
}

fn number_of_keys(database: &Database) -> u64 {
    database.number("select count(*) from jwks")
}

/// Removes the claims that depend on the time.
fn lasting(mut claims: Value) -> Value {
    claims.as_object_mut().unwrap().retain(|name, _| !["iat", "exp"].contains(&name.as_str()));
    claims
}

/// Both sign with the same key and publish it in the same way.
#[tokio::test]
async fn a_token_of_one_is_verified_with_the_keys_of_the_other() {
    for algorithm in ALGORITHMS {
        for pair in Pair::of_each_kind_with(&[("JWT_ALGORITHM", algorithm)], &[("ALG", algorithm)]) {
            for (one, other) in pair.both_ways() {
                let ann = one.sign_up("ann").await;
                let [of_one, of_other] = [one.jwt(&ann.cookie).await, other.jwt(&ann.cookie).await];
                assert_eq!(keys(&one).await, keys(&other).await);
                let found = verified(&of_one, &other);
                assert_eq!(found, verified(&of_one, &one));
                let (header, claims) = (&found["header"], &found["claims"]);
                assert_eq!(header, &json!({ "alg": algorithm, "kid": keys(&one).await[0]["kid"] }));
                assert_eq!(
                    (&claims["sub"], &claims["iss"], &claims["aud"]),
                    (&ann.user["id"], &json!(APP), &json!(APP))
                );
                assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
                assert_eq!(part(&of_other, 0), part(&of_one, 0));
                assert_eq!(lasting(part(&of_other, 1)), lasting(claims.clone()));
            }
        }
    }
}

/// The second server finds a key and does not create another.
#[tokio::test]
async fn the_key_of_whoever_signs_first_is_the_key_of_both() {
    for algorithm in ALGORITHMS {
        let (ours, theirs) = ([("JWT_ALGORITHM", algorithm)], [("ALG", algorithm)]);
        for database in Database::of_each_kind() {
            let first = start_taskbridge(&database, &ours);
            let key = key_of_somebody(&Peer::taskbridge(&first)).await;
            let second = BetterAuth::on(&database, &theirs);
            assert_eq!(key_of_somebody(&Peer::better_auth(&second)).await, key);
            assert_eq!(number_of_keys(&database), 1);
        }
        for database in Database::of_each_kind() {
            let first = BetterAuth::on(&database, &theirs);
            let key = key_of_somebody(&Peer::better_auth(&first)).await;
            let second = start_taskbridge(&database, &ours);
            assert_eq!(key_of_somebody(&Peer::taskbridge(&second)).await, key);
            assert_eq!(number_of_keys(&database), 1);
        }
    }
}

/// Returns the key id of a new token, which verifies it.
async fn key_of_somebody(peer: &Peer) -> Value {
    let ann = peer.sign_up("ann").await;
    verified(&peer.jwt(&ann.cookie).await, peer)["header"]["kid"].clone()
}

async fn status_of_tasks(server: &Server, user: &Value, token: &str) -> u16 {
    let tasks = server.url(&format!("/api/{}/tasks", user["id"].as_str().unwrap()));
    reqwest::Client::new().get(tasks).bearer_auth(token).send().await.unwrap().status().as_u16()
}

/// A token with the same claims from a Better Auth on another database is rejected.
#[tokio::test]
async fn the_tasks_api_takes_the_tokens_of_both() {
    for algorithm in ALGORITHMS {
        for pair in Pair::of_each_kind_with(&[("JWT_ALGORITHM", algorithm)], &[("ALG", algorithm)]) {
            for (one, other) in pair.both_ways() {
                let (ann, bob) = (one.sign_up("ann").await, one.sign_up("bob").await);
                for peer in [&one, &other] {
                    let token = peer.jwt(&ann.cookie).await;
                    assert_eq!(status_of_tasks(&pair.taskbridge, &ann.user, &token).await, 200, "{}", peer.name);
                    assert_eq!(status_of_tasks(&pair.taskbridge, &bob.user, &token).await, 403, "{}", peer.name);
                }
            }
        }
        let pair = Pair::start(Database::sqlite(), &[("JWT_ALGORITHM", algorithm)], &[("ALG", algorithm)]);
        let [(ours, _), _] = pair.both_ways();
        let ann = ours.sign_up("ann").await;
        let elsewhere = Database::sqlite();
        let stranger = BetterAuth::on(&elsewhere, &[("ALG", algorithm)]);
        let stranger = Peer::better_auth(&stranger);
        let token = stranger.jwt(&stranger.sign_up("ann").await.cookie).await;
        assert_eq!(verified(&token, &stranger)["claims"]["iss"], APP);
        assert_eq!(status_of_tasks(&pair.taskbridge, &part(&token, 1), &token).await, 401);
        let own = ours.jwt(&ours.sign_in(&ann.user, PASSWORD).await.cookie).await;
        assert_eq!(status_of_tasks(&pair.taskbridge, &ann.user, &own).await, 200);
    }
}

/// Tokens of key pairs need an issuer and an audience also if tokens of the secret do not.
#[tokio::test]
async fn a_token_of_a_key_pair_always_needs_issuer_and_audience() {
    let settings = [
        ("JWT_ALGORITHM", "EdDSA"),
        ("TASKBRIDGE__JWT__ACCEPT_HS256", "on"),
        ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "off"),
    ];
    let database = Database::sqlite();
    let server = start_taskbridge(&database, &settings);
    let ours = Peer::taskbridge(&server);
    let ann = ours.sign_up("ann").await;
    assert_eq!(status_of_tasks(&server, &ann.user, &ours.jwt(&ann.cookie).await).await, 200);
    let subject = ann.user["id"].as_str().unwrap();
    let variables = [("DATABASE_URL", database.url.as_str()), ("BETTER_AUTH_SECRET", SECRET), ("SUBJECT", subject)];
    let signed = |more: &[(&str, &str)]| {
        let tokens = run("sign.mjs", &[&variables[..], more].concat());
        tokens[0].as_str().unwrap().to_owned()
    };
    assert_eq!(status_of_tasks(&server, &ann.user, &signed(&[("ISSUER", APP)])).await, 200);
    let without = signed(&[]);
    assert!(part(&without, 1).get("iss").is_none() && part(&without, 1)["sub"] == ann.user["id"]);
    assert_eq!(status_of_tasks(&server, &ann.user, &without).await, 401);
}

/// The newest key that has not expired signs. An expired one is published for another thirty days.
#[tokio::test]
async fn the_key_of_a_recorded_database_signs_on() {
    for recorded in Recorded::of_each_kind() {
        let database = &recorded.database;
        let an_hour_ago = if database.url.starts_with("sqlite:") {
            "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour')"
        } else {
            "date_trunc('milliseconds', now() - interval '1 hour')"
        };
        // The time in the recording may be too long ago by now.
        database.query(&format!(r#"update jwks set "expiresAt" = {an_hour_ago} where "expiresAt" is not null"#));
        let current = &database.query(r#"select id from jwks where "expiresAt" is null"#)[0]["id"];

        let secret = ("BETTER_AUTH_SECRET", recorded.secret.as_str());
        let server = start_taskbridge(database, &[secret, ("JWT_ALGORITHM", "EdDSA")]);
        let ours = Peer::taskbridge(&server);
        let token = ours.jwt(recorded.cookie("alice", 0)).await;
        assert_eq!(verified(&token, &ours)["header"], json!({ "alg": "EdDSA", "kid": current }));
        assert_eq!(status_of_tasks(&server, &part(&token, 1), &token).await, 200);
        assert_eq!(keys(&ours).await.as_array().unwrap().len(), 2);

        let theirs = BetterAuth::on(database, &[secret]);
        let theirs = Peer::better_auth(&theirs);
        assert_eq!(part(&theirs.jwt(recorded.cookie("alice", 0)).await, 0), part(&token, 0));
        assert_eq!(sorted(keys(&theirs).await), sorted(keys(&ours).await));
        assert_eq!(number_of_keys(database), 2);
    }
}

/// Sorts by key id.
fn sorted(mut keys: Value) -> Value {
    keys.as_array_mut().unwrap().sort_by_key(|key| key["kid"].as_str().unwrap().to_owned());
    keys
}
