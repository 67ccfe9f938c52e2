//! Settings of bridge mode, and what the server logs about them.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::forge::sign;
use support::postgres::{fresh_database, psql};
use support::server::{SECRET, refuse_to_start};
use support::signer::claims;
use support::{Issuer, Server, Signer, User};

use crate::site::{ANN, Site};

/// Keys are only fetched over TLS or from this machine: an attacker on the network could replace them.
#[test]
fn an_address_that_is_not_safe_stops_the_start() {
    for (url, key) in
        [("http://web:3000", "auth.url (from BETTER_AUTH_URL"), ("https://ann:hunter2@app.test", "auth.url")]
    {
        let (status, message) = refuse_to_start(&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", url)]);
        assert_eq!(status.code(), Some(1));
        assert!(message.contains(key) && !message.contains("hunter2"), "{message}");
    }
}

/// A wrong issuer or audience is always rejected. A missing one is rejected if the token is signed with a published
/// key, or if the settings require it.
#[tokio::test]
async fn issuer_and_audience_are_optional_for_hs256_alone() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    for (required, bare) in [("off", 200), ("on", 401)] {
        let settings = [("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__JWT__REQUIRE_ISSUER", required)];
        let site = Site::start(&issuer.url, &settings);
        let hs256 = |claims: &Value| sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string(), SECRET.as_bytes());
        let eddsa = |claims: &Value| ed.sign(&json!({ "alg": "EdDSA", "kid": "ed" }), claims);
        let good = claims(&site.url, ANN);
        assert_eq!((site.status(&hs256(&good)).await, site.status(&eddsa(&good)).await), (200, 200));
        for name in ["iss", "aud"] {
            let mut claims = good.clone();
            claims[name] = json!("https://else.test");
            assert_eq!((site.status(&hs256(&claims)).await, site.status(&eddsa(&claims)).await), (401, 401));
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!((site.status(&hs256(&claims)).await, site.status(&eddsa(&claims)).await), (bare, 401));
        }
        assert!(
            site.log().contains("wrong issuer: iss is \\\"https://else.test\\\", jwt.issuer accepts"),
            "{}",
            site.log()
        );
    }
}

/// For migrations, and for apps whose JWT plugin has a different issuer.
#[tokio::test]
async fn other_issuers_audiences_and_addresses_can_be_configured() {
    let (ed, ec) = (Signer::ed25519("ed"), Signer::p256("ec"));
    let (issuer, old) = (Issuer::of(&[&ed]), Issuer::of(&[&ec]));
    let addresses = format!("{}/api/auth/jwks, {}/api/auth/jwks", issuer.url, old.url);
    let settings = [
        ("JWKS_URL", addresses.as_str()),
        ("TASKBRIDGE__JWT__ISSUER", "https://app.example.test/,old"),
        ("TASKBRIDGE__JWT__AUDIENCE", "api"),
    ];
    let site = Site::start("https://app.example.test", &settings);
    for signer in [&ed, &ec] {
        let token = |iss: &str, aud: &str| {
            let mut claims = claims("", ANN);
            claims["iss"] = json!(iss);
            claims["aud"] = json!(aud);
            signer.sign(&json!({ "alg": signer.algorithm, "kid": signer.kid }), &claims)
        };
        assert_eq!(site.status(&token("https://app.example.test/", "api")).await, 200);
        assert_eq!(site.status(&token("old", "api")).await, 200);
        assert_eq!(site.status(&token("https://app.example.test", "api")).await, 401);
        assert_eq!(site.status(&token("old", "https://app.example.test")).await, 401);
    }
}

/// One log line says which algorithm the key has, which are enabled, and what to change.
#[tokio::test]
async fn the_log_says_which_algorithm_is_not_enabled() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let site = Site::start(&issuer.url, &[]);
    let hs256 = sign(r#"{"alg":"HS256"}"#, claims(&site.url, ANN).to_string(), SECRET.as_bytes());
    let es512 = ed.sign(&json!({ "alg": "ES512", "kid": "ed" }), &claims(&site.url, ANN));
    assert_eq!((site.status(&hs256).await, site.status(&es512).await), (401, 401));
    let enabled = "is not enabled (enabled: EdDSA, Ed25519, ES256, RS256, PS256); ";
    let log = site.log();
    let lines = |part: &str| log.lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines(&format!(r#"algorithm \"HS256\" {enabled}set BETTER_AUTH_SECRET"#)), 1, "{log}");
    assert_eq!(lines(&format!(r#"algorithm \"ES512\" {enabled}choose EdDSA, ES256, RS256 or PS256"#)), 1, "{log}");

    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let token = ed.token(&server.origin, &ann.id);
    let list = ann.anonymous(reqwest::Method::GET, &ann.tasks("")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(list.status(), StatusCode::UNAUTHORIZED);
    let log = server.log.text();
    assert!(log.contains("no trusted key of its algorithm and kid"), "{log}");
}

/// The answer to a sign-in says where the auth server is.
#[tokio::test]
async fn nobody_signs_in_at_a_bridge() {
    let issuer = Issuer::of(&[]);
    let site = Site::start(&issuer.url, &[]);
    let sign_up = json!({ "name": "ann", "email": "ann@example.test", "password": "correct horse battery" });
    let http = Client::new();
    for path in ["/api/auth/sign-up/email", "/api/auth/sign-in/email"] {
        let answer = http.post(site.server.url(path)).json(&sign_up).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["code"], "NOT_FOUND");
        assert!(body["detail"].as_str().unwrap().contains("Better Auth"));
    }
    assert_eq!(http.get(site.server.url("/health/ready")).send().await.unwrap().status(), StatusCode::OK);
    assert!(site.log().contains(r#""mode":"bridge""#));
}

/// No migration of bridge mode creates the table `rateLimit`. A Better Auth on the same database may have created it.
#[tokio::test]
async fn a_rate_limit_in_the_database_requires_its_table() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let url = fresh_database();
    let variables = [
        ("AUTH_MODE", "bridge"),
        ("BETTER_AUTH_URL", issuer.url.as_str()),
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "2"),
        ("TASKBRIDGE__RATE_LIMIT__STORAGE", "database"),
    ];
    let (_, message) = refuse_to_start(&variables);
    assert!(message.contains("tasks.requests_per_minute") && message.contains("table rateLimit"), "{message}");

    let columns =
        r#"id text primary key, key text not null unique, count integer not null, "lastRequest" bigint not null"#;
    psql(&url, &format!(r#"create table "rateLimit" ({columns})"#));
    let site = Site::start(&issuer.url, &variables);
    for status in [200, 200, 429] {
        assert_eq!(site.list(&site.token(&ed)).await.status(), status);
    }
}
