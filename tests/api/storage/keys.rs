//! Signing keys in Better Auth's `jwks` table: tokens are signed, keys published, and keys rotated while servers run.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::forge::Forge;
use support::server::{SECRET, run};
use support::{Server, User};

const EDDSA: (&str, &str) = ("JWT_ALGORITHM", "EdDSA");
const FILE: (&str, &str) = ("DATABASE_URL", "sqlite://./tasks.db");

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// Returns the key ids in the published key set.
async fn published(server: &Server) -> BTreeSet<String> {
    let answer = Client::new().get(server.url("/api/auth/jwks")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", server.log.text());
    assert_eq!(answer.headers()["content-type"], "application/json");
    let set: Value = answer.json().await.unwrap();
    assert!(!set.to_string().contains("\"d\""), "{set}");
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Returns a new access token for the user's session.
async fn token(user: &User) -> String {
    let answer = user.anonymous(reqwest::Method::GET, "/api/auth/token").header("cookie", &user.cookie).send().await;
    let body: Value = answer.unwrap().json().await.unwrap();
    body["token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

async fn status(user: &User, token: &str) -> StatusCode {
    user.anonymous(reqwest::Method::GET, &user.tasks("")).bearer_auth(token).send().await.unwrap().status()
}

fn kid(token: &str) -> String {
    header(token)["kid"].as_str().unwrap().to_owned()
}

/// With each algorithm. A token that is signed with the secret is rejected, although the server knows the secret.
#[tokio::test]
async fn tokens_are_signed_with_a_key_that_is_published_and_accepted() {
    for algorithm in ["EdDSA", "ES256"] {
        let server = Server::start_with(&[("JWT_ALGORITHM", algorithm)]);
        let ann = User::sign_up(&server, "ann").await;
        let given = [ann.token.clone(), token(&ann).await];
        let kids = published(&server).await;
        for token in &given {
            assert_eq!(header(token), json!({ "alg": algorithm, "kid": kids.first() }), "{algorithm}");
            assert_eq!(status(&ann, token).await, StatusCode::OK);
        }
        assert_eq!(kids.len(), 1);
        assert_eq!(status(&ann, &Forge::of(&server).token(&ann.id)).await, StatusCode::UNAUTHORIZED);
        let (unsigned, signature) = given[0].rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        assert_eq!(status(&ann, &format!("{unsigned}.{first}{}", &signature[1..])).await, StatusCode::UNAUTHORIZED);
    }
}

/// Moving from the secret to keys rejects no valid token: first, old and new replicas accept both, then only keys.
#[tokio::test]
async fn a_change_from_the_secret_to_keys_takes_two_steps() {
    let by_secret = Server::start_with(&[("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")]);
    let ann = User::sign_up(&by_secret, "ann").await;
    assert_eq!(header(&ann.token)["alg"], "HS256");
    let both = by_secret.again_with(&[EDDSA, ("TASKBRIDGE__JWT__ACCEPT_HS256", "on")]);
    let at_both = ann.at(&both);
    let new = token(&at_both).await;
    assert_eq!(header(&new)["alg"], "EdDSA");
    for token in [&ann.token, &new] {
        assert_eq!(status(&at_both, token).await, StatusCode::OK);
        assert_eq!(status(&ann, token).await, StatusCode::OK, "at the replica that still signs with the secret");
    }
    let by_keys = by_secret.again_with(&[EDDSA]);
    let there = ann.at(&by_keys);
    assert_eq!(status(&there, &new).await, StatusCode::OK);
    assert_eq!(status(&there, &ann.token).await, StatusCode::UNAUTHORIZED);
    let lines = by_keys.log.text();
    assert!(lines.contains("jwt.accept_hs256"), "{lines}");
    let (_, explained) = by_keys.run(&["token", "explain", &ann.token], &[EDDSA]);
    assert!(explained.contains("jwt.accept_hs256"), "{explained}");
}

/// A replica that has just read the table still accepts a token of a key that it has not seen.
#[tokio::test]
async fn the_first_token_of_a_new_key_is_good_at_every_replica_at_once() {
    let first = Server::start_with(&[EDDSA, ("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")]);
    let second = first.again();
    let junk = support::Signer::ed25519("junk").token(&first.origin, "ann");
    let reads = Client::new().get(second.url("/api/ann/tasks")).bearer_auth(&junk).send().await.unwrap();
    assert_eq!(reads.status(), StatusCode::UNAUTHORIZED);
    let ann = User::sign_up(&first, "ann").await;
    let there = ann.at(&second);
    assert_eq!(status(&there, &ann.token).await, StatusCode::OK);
}

/// Tokens of one server are accepted by another on the same database at once, whichever created the key.
#[tokio::test]
async fn servers_on_one_database_share_their_keys() {
    let first = Server::start_with(&[EDDSA, ("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")]);
    let second = first.again();
    let ann = User::sign_up(&first, "ann").await;
    let there = ann.at(&second);
    assert_eq!(status(&there, &ann.token).await, StatusCode::OK);
    assert_eq!(kid(&token(&there).await), kid(&ann.token));
    assert_eq!(published(&second).await, published(&first).await);
}

/// After `keys rotate`, a running server signs with the new key within 30 seconds, and old tokens stay valid.
#[tokio::test]
async fn keys_are_replaced_while_the_server_runs() {
    let server = Server::start_with(&[EDDSA, FILE]);
    let ann = User::sign_up(&server, "ann").await;
    let keys = |arguments: &[&str]| {
        let (done, text) = run(server.folder(), &[&["keys"], arguments].concat(), &[EDDSA, FILE]);
        assert!(done, "{text}");
        text
    };
    let (old, listed) = (kid(&ann.token), keys(&["list"]));
    assert!(listed.contains(&format!("{old}  EdDSA  created 20")) && listed.contains("signs"), "{listed}");
    let made = keys(&["rotate"]);
    let new = made.strip_prefix("created ").unwrap().split(',').next().unwrap().to_owned();
    assert_eq!(published(&server).await, [old.clone(), new.clone()].into());
    assert_eq!(status(&ann, &ann.token).await, StatusCode::OK);
    let listed = keys(&["list"]);
    assert!(listed.contains("verifies older tokens") && !listed.contains(SECRET), "{listed}");
    // A server that starts now uses the new key.
    let server = server.again();
    let ann = ann.at(&server);
    assert_eq!(kid(&token(&ann).await), new);
    let (accepted, explained) = run(server.folder(), &["token", "explain", &token(&ann).await], &[EDDSA, FILE]);
    assert!(explained.contains(&format!("EdDSA, kid \"{new}\", from the table jwks")), "{accepted} {explained}");
    // A server rejects a withdrawn key within seconds, even if it has used it, and signs with another.
    let last = token(&ann).await;
    assert_eq!(status(&ann, &last).await, StatusCode::OK);
    let withdrawn = keys(&["withdraw"]);
    assert!(withdrawn.starts_with("withdrew 2 keys"), "{withdrawn}");
    let started = std::time::Instant::now();
    while status(&ann, &last).await == StatusCode::OK {
        assert!(started.elapsed() < std::time::Duration::from_mins(1));
    }
    let newest = token(&ann).await;
    assert!(kid(&newest) != new && kid(&newest) != old);
    assert_eq!(status(&ann, &newest).await, StatusCode::OK);
    assert_eq!(published(&server).await, [kid(&newest)].into());
}

/// With a new secret, existing private keys cannot be decrypted: users can still sign in, but get no token until an
/// operator rotates the key.
#[tokio::test]
async fn a_secret_that_was_changed_breaks_no_session() {
    const NEWER: (&str, &str) = ("BETTER_AUTH_SECRET", "a-newer-end-to-end-secret-not-for-production-01");
    let server =
        Server::start_with(&[EDDSA, FILE, ("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")]);
    let ann = User::sign_up(&server, "ann").await;
    let get_session = async |base: &Server, cookie: &str| {
        let request = Client::new().get(base.url("/api/auth/get-session")).header("cookie", cookie);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.headers().contains_key("set-auth-jwt"), answer.json::<Value>().await.unwrap())
    };
    assert!(matches!(get_session(&server, &ann.cookie).await, (StatusCode::OK, true, _)));

    let changed = server.again_with(&[NEWER]);
    assert_eq!(get_session(&changed, &ann.cookie).await, (StatusCode::OK, false, Value::Null));
    assert_eq!(published(&changed).await, [kid(&ann.token)].into());
    assert_eq!(status(&ann.at(&changed), &ann.token).await, StatusCode::OK, "the key still verifies");
    let sign_in = json!({ "email": ann.email, "password": support::user::PASSWORD });
    let signed_in = Client::new().post(changed.url("/api/auth/sign-in/email")).json(&sign_in).send().await.unwrap();
    assert_eq!((signed_in.status(), signed_in.headers().get("set-auth-jwt")), (StatusCode::OK, None));
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let (status, has_token, session) = get_session(&changed, &cookie).await;
    assert_eq!((status, has_token, &session["user"]["id"]), (StatusCode::OK, false, &json!(ann.id)));
    let log = changed.log.text();
    assert!(log.contains("it was encrypted with another secret") && log.contains("taskbridge keys rotate"), "{log}");
    let keys = |command: &str| run(changed.folder(), &["keys", command], &[EDDSA, FILE, NEWER]).1;
    assert!(keys("list").contains("cannot sign: it was encrypted with another secret"));
    assert!(keys("rotate").starts_with("created "));
    let started = std::time::Instant::now();
    while !get_session(&changed, &cookie).await.1 {
        assert!(started.elapsed() < std::time::Duration::from_mins(1));
    }
}

/// During a roll-out in either direction, each server accepts the tokens of the other, whichever signs with the secret.
#[tokio::test]
async fn servers_that_sign_in_different_ways_accept_each_other() {
    let by_secret = Server::start_with(&[("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "http://app.example.test")]);
    let by_keys = by_secret.again_with(&[EDDSA, ("TASKBRIDGE__JWT__ACCEPT_HS256", "on")]);
    let (ann, bob) = (User::sign_up(&by_secret, "ann").await, User::sign_up(&by_keys, "bob").await);
    assert_eq!([header(&ann.token)["alg"].clone(), header(&bob.token)["alg"].clone()], ["HS256", "EdDSA"]);
    for (user, server) in [(&ann, &by_keys), (&bob, &by_secret)] {
        assert_eq!(status(&user.at(server), &user.token).await, StatusCode::OK);
    }
    assert_eq!(published(&by_secret).await, [kid(&bob.token)].into());
}

/// If the old secret is configured as well, existing private keys can be decrypted.
#[tokio::test]
async fn the_keys_of_an_older_secret_sign_on() {
    let server = Server::start_with(&[EDDSA, FILE]);
    let ann = User::sign_up(&server, "ann").await;
    let versions = "1:a-newer-end-to-end-secret-not-for-production-01";
    let rotated = server.again_with(&[("BETTER_AUTH_SECRETS", versions)]);
    let bob = User::sign_up(&rotated, "bob").await;
    assert_eq!(kid(&bob.token), kid(&ann.token));
    assert_eq!(published(&rotated).await.len(), 1);
}

/// `keys rotate` fails if tokens are signed with the secret, or by another server.
#[test]
fn without_key_pairs_there_are_no_keys_to_replace() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["migrate", "up"], &[FILE]).0);
    for (settings, why) in [
        (&[FILE][..], "tokens are signed with the secret"),
        (
            &[FILE, ("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "https://app.example.test")],
            "there are no keys in bridge mode",
        ),
    ] {
        let (done, text) = run(folder.path(), &["keys", "rotate"], settings);
        assert!(!done && text.contains(why), "{text}");
    }
}
