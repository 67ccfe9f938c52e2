//! Tables `tasks` that other backends created on PostgreSQL.

use taskbridge_migrations::Users;

use crate::databases::{Database, TABLES, test_on};

test_on!(
    [Postgres],
    [
        tasks_of_sqlmodel_are_adopted_and_none_is_lost,
        adopting_twice_changes_nothing,
        a_table_that_taskbridge_created_is_adopted_unchanged,
        columns_are_added_widened_and_converted,
        triggers_do_not_run,
        an_existing_foreign_key_is_kept,
        unsuitable_tables_are_refused,
    ]
);

/// A table as `SQLModel` creates it, with tasks that lack an owner or times.
const SQLMODEL: &str = r"
create table tasks (id serial not null primary key, user_id varchar, title varchar(100) not null, description varchar(500), completed boolean, created_at timestamp without time zone default now(), updated_at timestamp without time zone, priority varchar(10) default 'low', due_date date);
create index ix_tasks_user_id on tasks (user_id);
insert into tasks (user_id, title, description, completed, created_at, updated_at, due_date) values
  ('ann', 'first', 'x', true, '2025-01-02 03:04:05.123456', '2025-01-02 03:04:06', '2026-01-01'),
  (null, 'nobody''s', null, null, '2025-01-02 03:04:05', null, null),
  ('', 'empty', null, false, null, '2025-01-02 03:04:07.9', null),
  ('gone', 'timeless', null, false, null, null, null);";

const TASKS: &str = "select concat_ws(' ', id, coalesce(user_id, '-'), title, coalesce(description, '-'), completed,
    to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
    to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), priority, coalesce(due_date::text, '-'))
  from tasks where title <> 'timeless' order by id";

async fn columns(database: &Database) -> Vec<String> {
    database
        .texts(
            "select concat_ws(' ', column_name, data_type, is_nullable, column_default) from information_schema.columns
             where table_schema = 'public' and table_name = 'tasks' order by ordinal_position",
        )
        .await
}

async fn references(database: &Database) -> Vec<String> {
    database
        .texts(
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'tasks'::regclass and contype = 'f'",
        )
        .await
}

async fn tasks_of_sqlmodel_are_adopted_and_none_is_lost(database: Database) {
    // Times without a zone are treated as UTC, even if the session has another time zone.
    let name = database.text("select current_database()::text").await;
    database.run(&format!("alter database {name} set timezone = 'Asia/Tokyo'")).await;
    database.run(SQLMODEL).await;
    let report = database.adopt(Users::Here).await.unwrap();
    assert_eq!(report.applied, TABLES);
    assert_eq!(report.tasks_without_owner, 2);
    assert_eq!(
        database.texts(TASKS).await,
        [
            "1 ann first x t 2025-01-02 03:04:05.123000 2025-01-02 03:04:06.000000 low 2026-01-01",
            "2 - nobody's - f 2025-01-02 03:04:05.000000 2025-01-02 03:04:05.000000 low -",
            "3  empty - f 2025-01-02 03:04:07.900000 2025-01-02 03:04:07.900000 low -",
        ]
    );
    let timeless = "select (created_at = updated_at and created_at > now() - interval '1 minute')::text from tasks where title = 'timeless'";
    assert_eq!(database.text(timeless).await, "true");
    assert_eq!(
        columns(&database).await,
        [
            "id bigint NO nextval('tasks_id_seq'::regclass)",
            "user_id character varying YES",
            "title text NO",
            "description text YES",
            "completed boolean NO false",
            "created_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
            "updated_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
            "priority character varying YES 'low'::character varying",
            "due_date date YES",
        ]
    );
    assert_eq!(
        references(&database).await,
        [r#"FOREIGN KEY (user_id) REFERENCES "user"(id) ON DELETE CASCADE NOT VALID"#]
    );
    database.run("select setval('tasks_id_seq', 4294967296)").await;
    let insert = "insert into tasks (user_id, title) values (null, 'far') returning id::text";
    assert_eq!(database.text(insert).await, "4294967297");
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, [""; 0]);
}

async fn adopting_twice_changes_nothing(database: Database) {
    database.run(SQLMODEL).await;
    database.adopt(Users::Here).await.unwrap();
    let once = database.snapshot().await;
    database.run("delete from seaql_migrations").await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
    assert_eq!(database.snapshot().await, once);
}

async fn a_table_that_taskbridge_created_is_adopted_unchanged(database: Database) {
    database.adopt(Users::Here).await.unwrap();
    let once = database.snapshot().await;
    database.run("delete from seaql_migrations").await;
    database.adopt(Users::Here).await.unwrap();
    assert_eq!(database.snapshot().await, once);
}

async fn columns_are_added_widened_and_converted(database: Database) {
    let bare = "create table tasks (id int generated always as identity primary key, user_id text not null, title text not null); insert into tasks (user_id, title) values ('ann', 'x')";
    let cases = [
        // A table with missing columns, which are added.
        (
            bare.to_owned(),
            vec![
                "description text YES",
                "completed boolean NO false",
                "created_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
                "updated_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
            ],
        ),
        // A table with a required description, and with times of other precisions.
        (
            format!(
                "{bare}; alter table tasks add description text not null default '', add completed boolean not null default false, add created_at timestamp(3) not null default now(), add updated_at timestamptz(6) not null default now()"
            ),
            vec![
                "description text YES ''::text",
                "completed boolean NO false",
                "created_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
                "updated_at timestamp with time zone NO date_trunc('milliseconds'::text, now())",
            ],
        ),
        // A table whose text columns are wide enough and whose times have zones, so that these columns do not change.
        (
            format!(
                "{bare}; alter table tasks alter title type varchar(200), add description varchar(1000), add completed boolean not null, add created_at timestamptz not null default '2025-01-01T00:00:00Z', add updated_at timestamptz not null default '2025-01-01T00:00:00Z'"
            )
            .replace("add completed boolean not null", "add completed boolean not null default true"),
            vec![
                "description character varying YES",
                "completed boolean NO true",
                "created_at timestamp with time zone NO '2025-01-01 00:00:00+00'::timestamp with time zone",
                "updated_at timestamp with time zone NO '2025-01-01 00:00:00+00'::timestamp with time zone",
            ],
        ),
    ];
    for (setup, expected) in cases {
        let database = database.another().await;
        let name = database.text("select current_database()::text").await;
        database.run(&format!("alter database {name} set timezone = 'UTC'")).await;
        database.run(&setup).await;
        let database = database.reopened().await;
        let report = database.adopt(Users::Elsewhere).await.unwrap();
        assert_eq!(report.tasks_without_owner, 0);
        let columns = columns(&database).await;
        assert_eq!(columns[0], "id bigint NO", "{setup}");
        assert_eq!(columns[3..], expected, "{setup}");
        assert_eq!(database.text("select count(*)::text from tasks where date_trunc('milliseconds', created_at) = created_at and date_trunc('milliseconds', updated_at) = updated_at and completed is not null").await, "1");
        assert!(references(&database).await.is_empty());
        let insert = "insert into tasks (user_id, title, description, completed, created_at, updated_at) values ('ann', 'y', null, false, now(), now()) returning id::text";
        assert_eq!(database.text(insert).await, "2");
        let sequence = "select data_type::text from pg_sequences where sequencename = 'tasks_id_seq'";
        assert_eq!(database.text(sequence).await, "bigint");
    }
}

/// Triggers do not run during adoption: one that maintains `updated_at` would overwrite the existing times.
async fn triggers_do_not_run(database: Database) {
    database.run(SQLMODEL).await;
    database
        .run(
            "create function moddatetime() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
             create trigger touch before update on tasks for each row execute function moddatetime();",
        )
        .await;
    database.adopt(Users::Here).await.unwrap();
    assert!(database.texts(TASKS).await[0].contains("2025-01-02 03:04:06"));
}

async fn an_existing_foreign_key_is_kept(database: Database) {
    database.run(include_str!("../../../tests/vectors/schema-postgres-text-ids.sql")).await;
    database.run(r#"create table tasks (id serial primary key, user_id varchar not null references "user"(id), title varchar not null)"#).await;
    database.adopt(Users::Here).await.unwrap();
    assert_eq!(references(&database).await, [r#"FOREIGN KEY (user_id) REFERENCES "user"(id)"#]);

    let database = database.another().await;
    let others = "create table users (id varchar primary key); create table tasks (id serial primary key, user_id varchar not null references users(id), title varchar not null)";
    database.run(others).await;
    assert_eq!(
        database.refusal(Users::Here).await,
        r#"table "tasks", column "user_id": refers to the table "users", but the users are in "user"; run: taskbridge tasks import --from tasks --users-from users, or use AUTH_MODE=bridge"#
    );
    database.adopt(Users::Elsewhere).await.unwrap();
    assert_eq!(references(&database).await, ["FOREIGN KEY (user_id) REFERENCES users(id)"]);
    // Server mode also refuses the table after the migrations of bridge mode have been applied.
    assert!(database.refusal(Users::Here).await.contains("refers to the table"));
}

async fn unsuitable_tables_are_refused(mut database: Database) {
    let tasks = |columns: &str| format!("create table tasks ({columns}); insert into tasks default values");
    let cases = [
        (
            tasks("id uuid primary key default gen_random_uuid(), user_id text, title text default 'x'"),
            r#"column "id": is uuid, not an integer; run: taskbridge tasks import --from tasks"#,
        ),
        (
            tasks("id serial, user_id text, title text default 'x'"),
            r#"column "id": is not unique; first run: alter table "tasks" alter column "id" set not null, add unique ("id")"#,
        ),
        (
            "create table tasks (id bigint primary key, user_id text, title text)".to_owned(),
            r#"column "id": has no default; run: alter table "tasks" alter column "id" set not null, alter column "id" add generated by default as identity; select setval("#,
        ),
        (
            tasks("id serial primary key, user_id uuid, title text default 'x'"),
            r#"column "user_id": is uuid, but user ids are text; drop the views that use it, if there are any, and run: alter table "tasks" alter column "user_id" type text using "user_id"::text"#,
        ),
        (
            tasks("id serial primary key, user_id integer, title text default 'x'"),
            r#"column "user_id": is integer, but user ids are text; "#,
        ),
        (
            tasks("id serial primary key, \"userId\" text, title text default 'x'"),
            r#"column "userId": is "user_id" under another name; run: alter table "tasks" rename column "userId" to "user_id""#,
        ),
        (
            tasks("user_id text, title text default 'x'"),
            r#"column "id": missing; first run: alter table "tasks" add column "id" bigint generated by default as identity unique"#,
        ),
        (
            tasks("id serial primary key, user_id text, label text, completed boolean"),
            r#"column "title": missing; run: taskbridge tasks import --from tasks --map <column>=title"#,
        ),
        (
            "create table tasks (id serial primary key, user_id text, title text, list_id integer not null)".to_owned(),
            r#"column "list_id": is required, but unknown to Taskbridge; allow null: alter table "tasks" alter column "list_id" drop not null"#,
        ),
        (
            tasks("id serial primary key, user_id text, title text default 'x', completed text"),
            r#"column "completed": is text, not boolean"#,
        ),
        (
            tasks("id serial primary key, user_id text, title text default 'x', created_at date"),
            r#"column "created_at": is date, not a timestamp"#,
        ),
        (
            tasks("id serial primary key, user_id text, title text default 'x', description text[]"),
            r#"column "description": is text[], not text"#,
        ),
        (
            tasks("id serial primary key, user_id text, title text"),
            r#"column "title": is null in 1 rows; correct the rows, for example: update "tasks" set "title" = 'untitled' where"#,
        ),
    ];

    for (setup, expected) in cases {
        database.run(&setup).await;
        for users in [Users::Here, Users::Elsewhere] {
            let line = database.refusal(users).await;
            assert!(line.starts_with("table \"tasks\", ") && line.contains(expected), "{line}");
        }
        database = database.cleared().await;
    }
}
