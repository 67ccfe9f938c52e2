//! Tables `tasks` that other backends created on SQLite.

use taskbridge_migrations::Users;

use crate::databases::{Backend, TABLES};

/// A table as `SQLAlchemy` creates it: dates are text without a zone.
const SQLMODEL: &str = r"
create table tasks (id INTEGER NOT NULL, user_id VARCHAR, title VARCHAR(200) NOT NULL, description VARCHAR(1000), completed BOOLEAN, created_at DATETIME, updated_at DATETIME, priority VARCHAR(10) DEFAULT 'low', PRIMARY KEY (id));
insert into tasks (user_id, title, completed, created_at, updated_at) values
  ('ann', 'sqlalchemy', 1, '2025-01-02 03:04:05.123456', '2025-01-02 03:04:06'),
  (null, 'nobody''s', null, '2025-01-02T03:04:05+05:30', null),
  ('', 'empty', 'true', null, '2025-01-02'),
  ('ann', 'ours', 0, '2025-01-02T03:04:05.678Z', '2025-01-02T03:04:05.678Z'),
  ('ann', 'timeless', 'false', null, null);";

/// A table as Drizzle creates it: dates are numbers.
const DRIZZLE: &str = r"
create table `tasks` (`id` integer primary key autoincrement not null, `user_id` text not null, `title` text not null, `description` text, `completed` integer default false not null, `created_at` integer default (unixepoch()) not null, `updated_at` integer not null);
insert into tasks (user_id, title, completed, created_at, updated_at) values
  ('ann', 'milliseconds', 1, 1795225522058, 1795225522999),
  ('ann', 'seconds', 0, 1795225522, 1795225523);";

const TASKS: &str = "select id || ' ' || coalesce(user_id, '-') || ' ' || title || ' ' || typeof(completed) || completed || ' ' || created_at || ' ' || updated_at from tasks where title <> 'timeless' order by id";

#[tokio::test]
async fn tasks_of_sqlalchemy_are_adopted_and_none_is_lost() {
    let database = Backend::Sqlite.database().await;
    database.run(SQLMODEL).await;
    let shape = database.text("select sql from sqlite_master where name = 'tasks'").await;
    let report = database.adopt(Users::Here).await.unwrap();
    assert_eq!((report.applied, report.tasks_without_owner), (TABLES.to_vec(), 2));
    assert_eq!(
        database.texts(TASKS).await,
        [
            "1 ann sqlalchemy integer1 2025-01-02T03:04:05.123Z 2025-01-02T03:04:06.000Z",
            "2 - nobody's integer0 2025-01-01T21:34:05.000Z 2025-01-01T21:34:05.000Z",
            "3  empty integer1 2025-01-02T00:00:00.000Z 2025-01-02T00:00:00.000Z",
            "4 ann ours integer0 2025-01-02T03:04:05.678Z 2025-01-02T03:04:05.678Z",
        ]
    );
    let timeless = "select cast(created_at = updated_at and created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 minute') as text) from tasks where title = 'timeless'";
    assert_eq!(database.text(timeless).await, "1");
    assert_eq!(
        database.text("select sql from sqlite_master where name = 'tasks'").await,
        shape,
        "the definition of the table is unchanged"
    );
    assert_eq!(database.texts("select priority from tasks").await, ["low"; 5]);
    let index = "select name from sqlite_master where name = 'tasks_user_id_created_at_id_idx'";
    assert_eq!(database.texts(index).await.len(), 1);

    let once = database.snapshot().await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, [""; 0]);
    database.run("delete from seaql_migrations").await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
    assert_eq!(database.snapshot().await, once, "adopting twice changes nothing");
}

#[tokio::test]
async fn dates_that_are_numbers_become_text() {
    let database = Backend::Sqlite.database().await;
    database.run(DRIZZLE).await;
    database.adopt(Users::Elsewhere).await.unwrap();
    assert_eq!(
        database.texts(TASKS).await,
        [
            "1 ann milliseconds integer1 2026-11-21T01:45:22.058Z 2026-11-21T01:45:22.999Z",
            "2 ann seconds integer0 2026-11-21T01:45:22.000Z 2026-11-21T01:45:23.000Z",
        ]
    );
}

#[tokio::test]
async fn missing_columns_are_added() {
    let database = Backend::Sqlite.database().await;
    database.run("create table tasks (id integer primary key, user_id text not null, title text not null); insert into tasks values (7, 'ann', 'x')").await;
    database.adopt(Users::Elsewhere).await.unwrap();
    let added = "select typeof(description) || ' ' || completed || ' ' || length(created_at) || ' ' || (created_at = updated_at) from tasks";
    assert_eq!(database.text(added).await, "null 0 24 1");
}

#[tokio::test]
async fn unsuitable_tables_are_refused() {
    let tasks = |columns: &str| format!("create table tasks ({columns}); insert into tasks default values");
    let rows = |values: &str| {
        format!(
            "create table tasks (id integer primary key, user_id text, title text, completed boolean, created_at datetime); insert into tasks values {values}"
        )
    };
    let cases = [
        (
            tasks("id text primary key, user_id text, title text default 'x'"),
            r#"column "id": is text, not "integer primary key"; run: taskbridge tasks import --from tasks"#,
        ),
        (tasks("id bigint primary key, user_id text, title text default 'x'"), r#"column "id": is bigint, not"#),
        (
            "create table tasks (id integer primary key, user_id text, title text) without rowid".to_owned(),
            r#"column "id": is integer, not "integer primary key""#,
        ),
        (
            tasks("id integer primary key, user_id integer, title text default 'x'"),
            r#"column "user_id": is integer, not text, which user ids require; run: taskbridge tasks import --from tasks --users-from <table of these users>"#,
        ),
        (
            tasks("id integer primary key, user_id uuid, title text default 'x'"),
            r#"column "user_id": is uuid, not text, which user ids require"#,
        ),
        (
            tasks("id integer primary key, title text default 'x'"),
            r#"column "user_id": missing; run: taskbridge tasks import --from tasks --map <column>=user_id, or"#,
        ),
        (
            tasks("id integer primary key, userId text, title text default 'x'"),
            r#"column "userId": is "user_id" under another name; run: alter table "tasks" rename column "userId" to "user_id""#,
        ),
        (
            tasks("id integer primary key, user_id text, title text default 'x', description text not null default ''"),
            r#"column "description": is text, not nullable"#,
        ),
        (
            tasks("id integer primary key, user_id text, title text default 'x', completed text"),
            r#"column "completed": is text, not boolean"#,
        ),
        (
            tasks("id integer primary key, user_id text, title text default 'x', list_id integer not null default 1")
                .replace(" default 1", "")
                .replace("; insert into tasks default values", ""),
            r#"column "list_id": is required, but unknown to Taskbridge; run: taskbridge tasks import --from tasks"#,
        ),
        (
            "create table tasks (id integer primary key, user_id text, title text, created_at integer) strict"
                .to_owned(),
            r#"column "created_at": is integer, not text, in a strict table"#,
        ),
        (rows("(1, 'a', null, 1, null)"), r#"column "title": is null in 1 rows; correct the rows"#),
        (
            rows("(2, 'a', 'x', 'maybe', null)"),
            r#"column "completed": is neither true nor false in 1 rows, the first with the id 2; run: taskbridge tasks import --from tasks --done"#,
        ),
        (
            rows("(6, 'a', 'x', 2, null)"),
            r#"column "completed": is neither true nor false in 1 rows, the first with the id 6"#,
        ),
        (
            rows("(7, 'a', 'x', 1795225522, null)").replace("completed boolean", "completed datetime"),
            r#"column "completed": is datetime, not boolean; run: taskbridge tasks import --from tasks"#,
        ),
        (
            rows("(3, 'a', 'x', 1, 'yesterday')"),
            r#"column "created_at": has an invalid date in 1 rows, the first with the id 3; correct the rows"#,
        ),
        (
            rows("(4, 'a', 'x', 1, '')"),
            r#"column "created_at": has an invalid date in 1 rows, the first with the id 4"#,
        ),
        (
            rows("(5, 'a', 'x', 1, 1795225522058000000)"),
            r#"column "created_at": has an invalid date in 1 rows, the first with the id 5"#,
        ),
    ];
    for (setup, expected) in cases {
        let database = Backend::Sqlite.database().await;
        database.run(&setup).await;
        for users in [Users::Here, Users::Elsewhere] {
            let line = database.refusal(users).await;
            assert!(line.starts_with("table \"tasks\", ") && line.contains(expected), "{line}");
        }
    }
}

#[tokio::test]
async fn tasks_that_refer_to_other_users_are_refused_where_users_are_here() {
    let database = Backend::Sqlite.database().await;
    database.run("create table users (id text primary key); create table tasks (id integer primary key, user_id text references users (id), title text not null)").await;
    assert!(database.refusal(Users::Here).await.contains(r#"column "user_id": refers to the table "users""#));
    database.adopt(Users::Elsewhere).await.unwrap();
}
