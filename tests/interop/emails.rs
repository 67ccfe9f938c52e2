//! Users whose email address is stored with capital letters, by an app that created them itself.

use serde_json::{Value, json};
use support::user::PASSWORD;
use support::{Pair, Peer};

/// Changes the address of a user in the table, and returns it.
fn store(pair: &Pair, user: &Value, email: &str) -> Value {
    let id = user["id"].as_str().unwrap();
    pair.database.query(&format!(r#"update "user" set email = '{email}' where id = '{id}'"#));
    json!(email)
}

fn users_with(pair: &Pair, email: &str) -> u64 {
    pair.database.number(&format!(r#"select count(*) as n from "user" where lower(email) = '{email}'"#))
}

/// Neither server finds such a user, whatever the case of the address that is entered; sessions stay valid; and a
/// sign-up with the address creates another user.
#[tokio::test]
async fn a_user_whose_address_has_capital_letters_is_treated_alike() {
    for pair in Pair::of_each_kind() {
        for (one, other) in pair.both_ways() {
            let ann = one.sign_up("ann").await;
            let lower = ann.user["email"].as_str().unwrap();
            let stored = store(&pair, &ann.user, &lower.replacen("ann", "Ann", 1));
            for peer in [&one, &other] {
                for entered in [&stored, &ann.user["email"], &json!(lower.to_uppercase())] {
                    let answer = peer.try_sign_in(entered, PASSWORD).await;
                    assert_eq!(answer.refusal(), (401, "INVALID_EMAIL_OR_PASSWORD"), "{}: {entered}", peer.name);
                }
                let session = peer.get_session(&ann.cookie).await;
                assert_eq!((&session["user"]["id"], &session["user"]["email"]), (&ann.user["id"], &stored));
                let verify = peer.post("/verify-password", &ann.cookie, json!({ "password": PASSWORD })).await;
                assert_eq!((verify.status, verify.body), (200, json!({ "status": true })), "{}", peer.name);
            }
            let person = json!({ "name": "Ann", "email": stored, "password": PASSWORD });
            let second = one.post_anonymously("/sign-up/email", person.clone()).await.session();
            assert_eq!(second.user["email"], ann.user["email"], "{}", one.name);
            assert_ne!(second.user["id"], ann.user["id"], "{}", one.name);
            assert_eq!(users_with(&pair, lower), 2);
            for peer in [&one, &other] {
                assert_eq!(peer.sign_in(&json!({ "email": stored }), PASSWORD).await.user["id"], second.user["id"]);
                let taken = peer.post_anonymously("/sign-up/email", person.clone()).await;
                assert_eq!(taken.refusal(), (422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"), "{}", peer.name);
            }
        }
    }
}

/// The doctor counts these users. After the statement that it prints, they can sign in, except those whose addresses
/// would then be equal.
#[tokio::test]
async fn the_doctor_counts_addresses_with_capital_letters_and_prints_the_statement_that_converts_them() {
    for pair in Pair::of_each_kind() {
        let ours = Peer::taskbridge(&pair.taskbridge);
        let report = || {
            let (passed, report) = pair.taskbridge.run(&["doctor"], &[]);
            assert!(passed, "{report}");
            report.lines().find(|line| line.contains(" emails ")).unwrap().to_owned()
        };
        let (ann, bob, eve) = (ours.sign_up("ann").await, ours.sign_up("bob").await, ours.sign_up("eve").await);
        assert!(report().starts_with("ok "), "{}", report());
        store(&pair, &ann.user, "ANN@example.test");
        assert!(report().contains("has capital letters: 1;"), "{}", report());
        store(&pair, &bob.user, "Bob@example.test");
        store(&pair, &eve.user, "bob@example.test");
        let line = report();
        assert!(line.starts_with("warn") && line.contains("has capital letters: 2;"), "{line}");
        assert!(line.contains("the addresses of 1 of them are those of other users, too"), "{line}");
        let (_, advice) = line.split_once(". Advice: run: ").unwrap();
        let (conversion, rest) = advice.split_once(';').unwrap();
        let (_, collisions) = rest.rsplit_once(": ").unwrap();
        pair.database.query(conversion);
        let found = pair.database.query(collisions);
        assert!(found[0].to_string().contains("bob@example.test") && found.as_array().unwrap().len() == 1, "{found}");
        assert!(report().contains("has capital letters: 1;"), "{}", report());
        let ann_again = ours.sign_in(&json!({ "email": "ann@example.test" }), PASSWORD).await;
        assert_eq!(ann_again.user["id"], ann.user["id"]);
        assert_eq!(ours.sign_in(&json!({ "email": "Bob@example.test" }), PASSWORD).await.user["id"], eve.user["id"]);
    }
}
