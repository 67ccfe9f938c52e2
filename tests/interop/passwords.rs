//! Passwords that one server stores, the other verifies: with scrypt an unmodified Better Auth, with bcrypt one that
//! uses the functions from docs/moving.md.

use std::fs;

use serde_json::{Value, json};
use support::better_auth::{BetterAuth, FOLDER};
use support::pair::start_taskbridge;
use support::user::PASSWORD;
use support::{Database, Pair, Peer, page};
use tempfile::TempDir;

use crate::moving::PAGE;

const BCRYPT: (&str, &str) = ("TASKBRIDGE__PASSWORDS__WRITE", "bcrypt");

/// Returns passwords, each with an equivalent form and a different one.
fn passwords() -> [(String, String, String); 5] {
    let same = |text: &str, other: &str| (text.to_owned(), text.to_owned(), other.to_owned());
    [
        same(PASSWORD, "correct horse batterY"),
        ("bob-ünïcödé-ﬁ-2".into(), "bob-u\u{308}ni\u{308}co\u{308}de\u{301}-fi-2".into(), "bob-unicode-fi-2".into()),
        same("🔑🔑🔑🔑", "🔑🔑🔑"),
        same(&"x".repeat(72), &"x".repeat(73)),
        same(&"é".repeat(36), &format!("{}x", "é".repeat(36))),
    ]
}

/// Asserts that each server verifies the passwords of the other, and rejects others. Returns the stored formats, in
/// order.
async fn are_known(
    one: &Peer,
    other: &Peer,
    database: &Database,
    passwords: &[(String, String, String)],
) -> Vec<String> {
    let mut stored = Vec::new();
    for (number, (password, same, different)) in passwords.iter().enumerate() {
        let email = json!(format!("{number}.of.{}@example.test", one.name));
        let person = json!({ "name": "Ann", "email": email, "password": password });
        let ann = one.post_anonymously("/sign-up/email", person).await.session();
        assert_eq!(other.sign_in(&ann.user, same).await.user["id"], ann.user["id"], "{same} at {}", other.name);
        let refused = other.try_sign_in(&email, different).await;
        assert_eq!(refused.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"), "{different} at {}", other.name);
        stored.push(hash_of(database, &ann.user));
    }
    stored
}

fn hash_of(database: &Database, user: &Value) -> String {
    let id = user["id"].as_str().unwrap();
    let rows = database.query(&format!(r#"select password from account where "userId" = '{id}'"#));
    rows[0]["password"].as_str().unwrap().to_owned()
}

/// These passwords may be longer than bcrypt allows.
#[tokio::test]
async fn an_unmodified_better_auth_and_scrypt_know_each_others_passwords() {
    let long = ("é".repeat(128), "é".repeat(128), format!("{}e", "é".repeat(127)));
    let passwords = [&passwords()[..], &[long]].concat();
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            for hash in are_known(&one, &other, &pair.database, &passwords).await {
                let (salt, key) = hash.split_once(':').unwrap();
                assert_eq!((salt.len(), key.len()), (32, 128), "{hash} by {}", one.name);
            }
        }
    }
}

/// Builds the app of the page, with `DATABASE_URL` as its database.
fn app() -> TempDir {
    let mut files = page::files(PAGE);
    files.insert("lib/database.ts".into(), format!(r#"export {{ database }} from "{FOLDER}/database.mjs";"#));
    // As docs/bridge.md shows.
    let bridge = fs::read_to_string(format!("{FOLDER}/../../docs/bridge.md")).unwrap();
    let route = "app/api/auth/[...all]/route.ts";
    let (_, text) = page::files(bridge.split("\n## ").nth(1).unwrap()).remove_entry(route).unwrap();
    files.insert(route.into(), text);
    page::build(&files)
}

/// Both write bcrypt, and still verify old scrypt hashes.
#[tokio::test]
async fn a_better_auth_with_the_documented_functions_and_bcrypt_know_each_others_passwords() {
    let app = app();
    for database in Database::of_each_kind() {
        let before = BetterAuth::on(&database, &[]);
        let ann = Peer::better_auth(&before).sign_up("ann").await;
        drop(before);
        let (server, better_auth) = (start_taskbridge(&database, &[BCRYPT]), BetterAuth::of_app(app.path(), &database));
        let (ours, theirs) = (Peer::taskbridge(&server), Peer::better_auth(&better_auth));
        for peer in [&ours, &theirs] {
            assert_eq!(peer.sign_in(&ann.user, PASSWORD).await.user, ann.user, "{}", peer.name);
        }
        for (one, other, cost) in [(&ours, &theirs, "10"), (&theirs, &ours, "12")] {
            for hash in are_known(one, other, &database, &passwords()).await {
                assert!(hash.starts_with(&format!("$2b${cost}$")), "{hash} by {}", one.name);
            }
        }
    }
}

/// Taskbridge rejects a password that is too long for bcrypt. Better Auth stores it with scrypt, which Taskbridge
/// verifies.
#[tokio::test]
async fn what_bcrypt_would_cut_off_is_never_cut_off() {
    let app = app();
    let long = ("x".repeat(73), "x".repeat(73), "x".repeat(72));
    let nul = ("correct\0horse".into(), "correct\0horse".into(), "correct".into());
    for database in Database::of_each_kind() {
        let (server, better_auth) = (start_taskbridge(&database, &[BCRYPT]), BetterAuth::of_app(app.path(), &database));
        let (ours, theirs) = (Peer::taskbridge(&server), Peer::better_auth(&better_auth));
        for hash in are_known(&theirs, &ours, &database, &[long.clone(), nul.clone()]).await {
            assert!(hash.contains(':'), "{hash}");
        }
        for (password, code) in [(&long.0, "PASSWORD_TOO_LONG"), (&nul.0, "VALIDATION_ERROR")] {
            let person = json!({ "name": "Bob", "email": "bob@example.test", "password": password });
            assert_eq!(ours.post_anonymously("/sign-up/email", person).await.refusal(), (400, code));
        }
    }
}

/// The reason for the documented functions.
#[tokio::test]
async fn an_unmodified_better_auth_fails_for_whoever_has_a_bcrypt_hash() {
    for pair in Pair::of_each_kind_with(&[BCRYPT], &[]) {
        let [(ours, theirs), _] = pair.both_ways();
        let ann = ours.sign_up("ann").await;
        assert_eq!(theirs.try_sign_in(&ann.user["email"], PASSWORD).await.status, 500);
        assert_eq!(ours.sign_in(&ann.user, PASSWORD).await.user, ann.user);
    }
}
