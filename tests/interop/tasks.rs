//! A table of tasks that another backend created, on SQLite.

use reqwest::Client;
use serde_json::json;
use support::pair::start_taskbridge;
use support::server::{SECRET, refuse_to_start};
use support::{Database, Peer};

fn tasks(owner: &str) -> String {
    format!("create table \"tasks\" (\"id\" integer primary key, \"user_id\" {owner}, \"title\" text not null)")
}

/// The table has no foreign key, and the token has not expired.
#[tokio::test]
async fn a_deleted_user_adds_no_task() {
    let database = Database::sqlite();
    database.query(&tasks("text not null"));
    let server = start_taskbridge(&database, &[]);
    let peer = Peer::taskbridge(&server);
    let ann = peer.sign_up("ann").await;
    let jwt = peer.jwt(&ann.cookie).await;
    let add = async || {
        let url = server.url(&format!("/api/{}/tasks", ann.user["id"].as_str().unwrap()));
        Client::new().post(url).bearer_auth(&jwt).json(&json!({ "title": "x" })).send().await.unwrap().status()
    };
    assert_eq!(add().await, 201);
    database.query(r#"delete from "user""#);
    assert_eq!(add().await, 401);
    assert_eq!(database.number(r#"select count(*) as n from "tasks""#), 1);
}

/// Otherwise, the user alice could read and delete the tasks of Alice.
#[test]
fn a_server_does_not_start_on_owners_that_ignore_case() {
    for collation in ["nocase", "rtrim"] {
        let database = Database::sqlite();
        database.query(&tasks(&format!("text not null collate {collation}")));
        for variables in [&[][..], &[("TASKBRIDGE__DATABASE__MIGRATE", "off")]] {
            let own = [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", database.url.as_str()), ("PORT", "0")];
            let (status, log) = refuse_to_start(&[&own, variables].concat());
            assert!(!status.success());
            let expected = format!("\"user_id\": compares ids by the collation {}", collation.to_uppercase());
            assert!(log.contains(&expected) || log.replace("\\\"", "\"").contains(&expected), "{log}");
        }
    }
}
