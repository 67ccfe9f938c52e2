//! The owners of tasks in bridge mode, in each kind of database.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use support::postgres::{fresh_database, psql};
use support::server::{migrations, run};
use support::{Database, Issuer, Server, Signer, User};

use crate::site::Site;

struct Caller<'a> {
    site: &'a Site,
    id: &'a str,
    token: String,
}

impl Caller<'_> {
    async fn ask(&self, method: Method, rest: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Client::new().request(method, self.site.server.url(&format!("/api/{}/tasks{rest}", self.id)));
        let request = request.bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        (response.status(), serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }
}

/// A database of its own has no users, so every subject with a valid token can have tasks.
#[tokio::test]
async fn a_database_of_its_own_knows_no_users() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    let url = fresh_database();
    let site = Site::start(&issuer.url, &[("DATABASE_URL", &url)]);
    let callers = ["ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42", "user:jwt-custom@example.test"].map(|id| Caller {
        site: &site,
        id,
        token: ed.token(&issuer.url, id),
    });
    for caller in &callers {
        let (status, task) = caller.ask(Method::POST, "", Some(json!({ "title": caller.id }))).await;
        assert_eq!((status, &task["user_id"]), (StatusCode::CREATED, &json!(caller.id)));
        assert_eq!(caller.ask(Method::GET, "", None).await, (StatusCode::OK, json!([task])));
        let id = task["id"].as_i64().unwrap();
        let (status, _) = caller.ask(Method::PATCH, &format!("/{id}/complete"), None).await;
        assert_eq!(status, StatusCode::OK);
        for other in callers.iter().filter(|other| other.id != caller.id) {
            let (status, _) = other.ask(Method::GET, &format!("/{id}"), None).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
    }
    let tables = psql(&url, "select tablename from pg_tables where schemaname = 'public' order by 1");
    assert_eq!(tables, "seaql_migrations\ntasks");
    assert_eq!(psql(&url, "select count(*) from pg_constraint where contype = 'f'"), "0");
}

/// On SQLite, an adopted table of tasks has no foreign key. In Better Auth's database the owner must still be a user; a
/// table `user` of another program is ignored.
#[tokio::test]
async fn an_adopted_table_on_sqlite_belongs_to_better_auths_users_alone() {
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    for (users, expected) in [
        (
            r#"create table "user" ("id" text primary key, "email" text, "emailVerified" integer)"#,
            StatusCode::UNAUTHORIZED,
        ),
        (r#"create table "user" ("id" text primary key, "nick" text)"#, StatusCode::CREATED),
    ] {
        let database = Database::sqlite();
        database.query(users);
        database.query(
            r#"create table "tasks" ("id" integer primary key, "user_id" text not null, "title" text not null)"#,
        );
        let site = Site::start(&issuer.url, &[("DATABASE_URL", &database.url)]);
        let caller = Caller { site: &site, id: "ann", token: ed.token(&issuer.url, "ann") };
        assert_eq!(caller.ask(Method::POST, "", Some(json!({ "title": "x" }))).await.0, expected, "{users}");
    }
}

/// In Better Auth's database, a write for an unknown user is answered with 401, a list is empty, and tasks are deleted
/// with their user.
#[tokio::test]
async fn on_better_auths_database_tasks_belong_to_its_users() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("shared.db").display());
    let ed = Signer::ed25519("ed");
    let issuer = Issuer::of(&[&ed]);
    for url in [file, fresh_database()] {
        let auth = Server::start_with(&[("DATABASE_URL", &url)]);
        let ann = User::sign_up(&auth, "ann").await;
        let task = ann.add(json!({ "title": "from before" })).await;

        let site = Site::start(&issuer.url, &[("DATABASE_URL", &url)]);
        let caller = Caller { site: &site, id: &ann.id, token: ed.token(&issuer.url, &ann.id) };
        assert_eq!(caller.ask(Method::GET, "", None).await, (StatusCode::OK, json!([task])));
        let (status, _) = caller.ask(Method::POST, "", Some(json!({ "title": "from the bridge" }))).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(ann.list().await.as_array().unwrap().len(), 2);

        let gone = Caller { site: &site, id: "nobody", token: ed.token(&issuer.url, "nobody") };
        assert_eq!(gone.ask(Method::GET, "", None).await, (StatusCode::OK, json!([])));
        let (status, body) = gone.ask(Method::POST, "", Some(json!({ "title": "x" }))).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("UNAUTHORIZED")));
    }
}

/// The commands find the users in the same place as the server.
#[test]
fn the_schema_of_a_bridge_is_migrated_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("AUTH_MODE", "bridge"),
        ("BETTER_AUTH_URL", "https://app.example.test"),
        ("DATABASE_URL", "sqlite://bridge.db"),
        ("RUST_LOG", "error"),
    ];
    let steps = migrations(&settings[..2]);
    let applied = steps.iter().flat_map(|step| ["applied ", step, "\n"]).collect::<String>();
    let migrate = |command: &str| run(folder.path(), &["migrate", command], &settings);
    assert_eq!(migrate("up"), (true, applied.clone()));
    assert_eq!(migrate("status"), (true, applied));
    assert_eq!(migrate("down"), (true, format!("reverted {}\n", steps.last().unwrap())));
    assert!(steps.len() < migrations(&[]).len(), "Better Auth's tables are not migrated");
}
