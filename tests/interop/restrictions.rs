//! Users whom Better Auth restricts are restricted by Taskbridge, too.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Database, Pair, Peer};

const PLUGINS: &[(&str, &str)] = &[("RESTRICT", "on")];

/// Starts both on databases whose tables Better Auth has created, with the columns of its plugins.
fn pairs(taskbridge: &[(&str, &str)], better_auth: &[(&str, &str)]) -> [Pair; 2] {
    Database::of_each_kind().map(|database| Pair::start_better_auth_first(database, taskbridge, better_auth))
}

fn update(pair: &Pair, user: &Value, change: &str) {
    let id = user["id"].as_str().unwrap();
    pair.database.query(&format!(r#"update "user" set {change} where "id" = '{id}'"#));
}

/// Returns an SQL expression for the time in `hours` hours.
fn hours(pair: &Pair, hours: i32) -> String {
    if pair.database.url.starts_with("sqlite:") {
        format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '{hours} hours')")
    } else {
        format!("now() + interval '{hours} hours'")
    }
}

/// Sign-in is rejected with Better Auth's answer, and existing sessions are rejected as well.
#[tokio::test]
async fn a_banned_user_is_kept_out_until_the_ban_ends() {
    for pair in pairs(&[], PLUGINS) {
        let [(ours, theirs), _] = pair.both_ways();
        let ann = ours.sign_up("ann").await;
        for end in ["null".to_owned(), hours(&pair, 1)] {
            update(&pair, &ann.user, &format!(r#""banned" = true, "banReason" = 'spam', "banExpires" = {end}"#));
            let [here, there] = [&ours, &theirs].map(|peer| peer.try_sign_in(&ann.user["email"], PASSWORD));
            let (here, there) = (here.await, there.await);
            assert_eq!(here.refusal(), (403, "BANNED_USER"));
            assert_eq!((here.status, &here.body), (there.status, &there.body));
            assert!(here.headers.get("set-cookie").is_none());
            for path in ["/get-session", "/token", "/list-sessions"] {
                for answer in [ours.get(path, &ann.cookie).await, ours.get_as_bearer(path, &ann.bearer).await] {
                    assert_eq!((answer.status, &answer.body), (403, &there.body), "{path}");
                    assert!(answer.headers.get("set-auth-jwt").is_none());
                }
            }
            // Without the password, the ban is not revealed.
            let wrong = ours.try_sign_in(&ann.user["email"], "wrong password").await;
            assert_eq!(wrong.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"));
        }
        update(&pair, &ann.user, &format!(r#""banExpires" = {}"#, hours(&pair, -1)));
        assert_eq!(ours.get_session(&ann.cookie).await["user"]["id"], ann.user["id"]);
        assert_eq!(ours.sign_in(&ann.user, PASSWORD).await.user["id"], ann.user["id"]);
        assert_eq!(theirs.sign_in(&ann.user, PASSWORD).await.user["id"], ann.user["id"]);
        let lines = pair.taskbridge.log.text();
        assert!(lines.contains("sign-in refused") && lines.contains("the user is banned"), "{lines}");
    }
}

/// Better Auth would ask for the second factor. A session that it created afterwards is valid.
#[tokio::test]
async fn a_user_with_a_second_factor_does_not_sign_in_by_password_alone() {
    for pair in pairs(&[], PLUGINS) {
        let [(ours, theirs), _] = pair.both_ways();
        let ann = theirs.sign_up("ann").await;
        let bob = ours.sign_up("bob").await;
        update(&pair, &ann.user, r#""twoFactorEnabled" = true"#);
        let there = theirs.try_sign_in(&ann.user["email"], PASSWORD).await;
        assert_eq!((there.status, &there.body["twoFactorRedirect"]), (200, &json!(true)));
        let here = ours.try_sign_in(&ann.user["email"], PASSWORD).await;
        assert_eq!(here.refusal(), (403, "TWO_FACTOR_REQUIRED"));
        assert!(here.headers.get("set-cookie").is_none() && here.headers.get("set-auth-token").is_none());
        assert_eq!(ours.get_session(&ann.cookie).await["user"]["id"], ann.user["id"]);
        assert_eq!(ours.sign_in(&bob.user, PASSWORD).await.user["id"], bob.user["id"]);
    }
}

/// Returns the parts of an answer that do not depend on the time.
fn shape(answer: &support::peer::Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.body.clone();
    if let Some(user) = body["user"].as_object_mut() {
        for name in ["id", "createdAt", "updatedAt"] {
            assert!(user.remove(name).is_some_and(|value| value.is_string()), "{name}");
        }
    }
    let names = answer.headers.keys().filter(|name| ["set-cookie", "set-auth-token"].contains(&name.as_str()));
    (answer.status, body, names.map(ToString::to_string).collect())
}

/// Like Better Auth's `requireEmailVerification`: the answer to a sign-up does not reveal that an address is taken.
#[tokio::test]
async fn addresses_are_verified_before_the_first_session() {
    for pair in pairs(&[("TASKBRIDGE__AUTH__REQUIRE_EMAIL_VERIFICATION", "on")], &[("VERIFY", "on")]) {
        let peers: [Peer; 2] = [Peer::taskbridge(&pair.taskbridge), Peer::better_auth(&pair.better_auth)];
        for peer in &peers {
            let email = format!("ann-of-{}@example.test", peer.name);
            let person = json!({ "name": "Ann", "email": email, "password": PASSWORD });
            let mut seen = Vec::new();
            // The first sign-up creates the user, the others find the address taken.
            for other in [peer, &peers[0], &peers[1]] {
                let answer = other.post_anonymously("/sign-up/email", person.clone()).await;
                assert_eq!((answer.status, &answer.body["token"]), (200, &Value::Null), "{}", other.name);
                seen.push(shape(&answer));
                let refused = other.try_sign_in(&json!(email), PASSWORD).await;
                assert_eq!(refused.refusal(), (403, "EMAIL_NOT_VERIFIED"), "{}", other.name);
                assert_eq!(refused.body["message"], "Email not verified");
            }
            assert!(seen.iter().all(|other| *other == seen[0]), "{seen:#?}");
            let sessions = pair.database.number(r#"select count(*) as n from "session""#);
            assert_eq!(sessions, 0);
            assert_eq!(
                pair.database.number(&format!(r#"select count(*) as n from "user" where "email" = '{email}'"#)),
                1
            );
        }
        pair.database.query(r#"update "user" set "emailVerified" = true"#);
        for peer in &peers {
            let answer = peer.try_sign_in(&json!("ann-of-taskbridge@example.test"), PASSWORD).await;
            assert_eq!(answer.session().user["emailVerified"], true);
            pair.database.query(r#"delete from "session""#);
        }
    }
}

/// A log line at the start, and a warning of the doctor, with the number of users.
#[tokio::test]
async fn columns_that_seem_to_restrict_are_told_to_operators() {
    for pair in pairs(&[], PLUGINS) {
        let ours = Peer::taskbridge(&pair.taskbridge);
        let (ann, bob) = (ours.sign_up("ann").await, ours.sign_up("bob").await);
        let flag = if pair.database.url.starts_with("sqlite:") { "integer" } else { "boolean" };
        pair.database.query(&format!(r#"alter table "user" add column "isSuspended" {flag}"#));
        update(&pair, &ann.user, r#""isSuspended" = true, "banned" = true"#);
        update(&pair, &bob.user, r#""twoFactorEnabled" = true"#);
        let again = pair.taskbridge.again();
        // The server does not wait until users are counted.
        let started = Instant::now();
        while !again.log.text().contains("seem to restrict") {
            assert!(started.elapsed() < Duration::from_mins(1), "{}", again.log.text());
        }
        let lines = again.log.lines();
        let told: Vec<_> = lines.iter().filter(|line| line.contains("isSuspended (1 user)")).collect();
        assert!(told.len() == 1 && told[0].contains("WARN"), "{lines:#?}");
        let (_, report) = pair.taskbridge.run(&["doctor"], &[]);
        let line = report.lines().find(|line| line.contains(" restrictions ")).unwrap();
        assert!(line.starts_with("warn"), "{line}");
        for part in ["1 banned", "1 with a second factor", "isSuspended (1 user)"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
