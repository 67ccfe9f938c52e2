//! Tables `tasks` of other backends whose columns have other names or types. All obstacles are reported at once, and what
//! is advised loses nothing.

use taskbridge_migrations::{
    IMPORT_TASKS, MigrateError, Migrations, TaskImport, Users, import_advice, import_resolves,
};
use taskbridge_schema::{QualifiedName, Refusal};

use crate::databases::{Backend, Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        a_flag_under_another_name_is_kept_by_renaming_it,
        a_state_or_a_time_is_imported,
        the_commands_for_all_obstacles_work_in_order,
        all_obstacles_are_reported_at_once,
        rows_that_nothing_converts_are_corrected_first,
        ids_are_made_unique_first,
        obstacles_of_all_tables_are_reported_together,
        columns_that_hold_no_field_do_not_matter,
        the_owner_is_checked_under_its_other_name,
        the_import_resolves_all_obstacles,
        fields_that_no_column_is_recognized_to_hold_are_asked_for,
        deleted_rows_do_not_come_back,
    ]
);

/// Creates a table `tasks` with these columns besides the id, and inserts these rows.
async fn create(database: &Database, columns: &str, values: &[&str]) {
    let id = database.row_id();
    database.run(&format!("create table tasks (id {id} primary key, {columns})")).await;
    for values in values {
        database.run(&format!("insert into tasks {values}")).await;
    }
}

/// Executes the statements that the refusals name, in order, and returns the number of those that name none.
async fn obey(database: &Database, refusals: &[Refusal]) -> usize {
    let mut others = 0;
    for refusal in refusals {
        match refusal.next.split_once(": ") {
            Some((_, statement)) if !statement.starts_with("taskbridge ") => database.run(statement).await,
            _ => others += 1,
        }
    }
    others
}

async fn tasks(database: &Database) -> Vec<String> {
    let done = "case when completed then 'done' else 'open' end";
    database.texts(&format!("select title || ' ' || {done} from tasks order by title")).await
}

/// The advice to give the column a default made each done task an open one. A column that may be null was ignored.
async fn a_flag_under_another_name_is_kept_by_renaming_it(mut database: Database) {
    for name in ["is_completed", "isCompleted", "done", "is_done", "Completed"] {
        for constraint in ["not null", "", "not null default false"] {
            let columns = format!("user_id text, title text not null, \"{name}\" boolean {constraint}");
            let insert = format!("(user_id, title, \"{name}\") values ('ann', 'a', true), ('ann', 'b', false)");
            create(&database, &columns, &[&insert]).await;
            for users in [Users::Here, Users::Elsewhere] {
                let refusals = database.refusals(users).await;
                let expected = Refusal {
                    table: "tasks".into(),
                    column: Some(name.into()),
                    found: "is \"completed\" under another name".into(),
                    next: format!("run: alter table \"tasks\" rename column \"{name}\" to \"completed\""),
                };
                assert_eq!(refusals, [expected], "{columns}");
                let line = MigrateError::NotAdoptable(refusals).to_string();
                assert!(line.contains(&format!("; {IMPORT_TASKS} resolves all reasons")), "{line}");
                assert!(!line.contains("AUTH_MODE=bridge"), "{line}");
            }
            assert_eq!(obey(&database, &database.refusals(Users::Here).await).await, 0);
            database.adopt(Users::Here).await.unwrap();
            assert_eq!(tasks(&database).await, ["a done", "b open"], "{columns}");
            database = database.cleared().await;
        }
    }
}

/// To rename the column would lose in which state a task is, or when it was done.
async fn a_state_or_a_time_is_imported(mut database: Database) {
    for (name, data_type, value) in [
        ("status", "varchar(20)", "'done'"),
        ("state", "integer", "1"),
        ("completed_at", "timestamp", "null"),
        ("completedAt", "bigint", "1795225522"),
    ] {
        let insert = format!("(title, \"{name}\") values ('a', {value})");
        create(&database, &format!("user_id text, title text, \"{name}\" {data_type}"), &[&insert]).await;
        let refusals = database.refusals(Users::Here).await;
        let [Refusal { column, found, next, .. }] = refusals.as_slice() else { panic!("{refusals:?}") };
        assert_eq!(column.as_deref(), Some(name));
        assert!(found.starts_with("is \"completed\" under another name, and is "), "{found}");
        assert_eq!(next, &format!("run: {IMPORT_TASKS}"));
        let line = MigrateError::NotAdoptable(refusals).to_string();
        assert!(line.ends_with("; run: taskbridge tasks import --from tasks"), "{line}");
        database = database.cleared().await;
    }
}

/// A table as Prisma or Drizzle create it.
async fn the_commands_for_all_obstacles_work_in_order(database: Database) {
    let columns = "\"userId\" text not null, \"name\" varchar(100) not null, \"notes\" text, \"isDone\" boolean not null, \
                   \"createdAt\" timestamp, \"updatedAt\" timestamp";
    let insert = "(\"userId\", \"name\", \"notes\", \"isDone\", \"createdAt\", \"updatedAt\") values \
                  ('ann', 'a', 'n', true, '2025-01-02 03:04:05', '2025-01-02 03:04:06')";
    create(&database, columns, &[insert]).await;
    if database.backend == Backend::Postgres {
        database.run("alter table tasks add list_id integer not null default 7; alter table tasks alter list_id drop default").await;
        database.run("alter table tasks rename id to \"taskId\"; alter table tasks drop constraint tasks_pkey").await;
        database.run("alter table tasks alter \"taskId\" drop default; drop sequence tasks_id_seq").await;
    } else {
        database.run("alter table tasks rename id to \"taskId\"").await;
    }
    let refusals = database.refusals(Users::Elsewhere).await;
    assert_eq!(obey(&database, &refusals).await, 0, "{refusals:?}");
    database.adopt(Users::Elsewhere).await.unwrap();
    assert_eq!(tasks(&database).await, ["a done"]);
    let rest = "select user_id || ' ' || description || ' ' || substr(cast(created_at as text), 1, 10) from tasks where id = 1";
    assert_eq!(database.text(rest).await, "ann n 2025-01-02");
    database.add_task().await;
    assert_eq!(database.text("select cast(max(id) as text) from tasks").await, "2");
}

async fn all_obstacles_are_reported_at_once(database: Database) {
    let uuid = if database.backend == Backend::Sqlite { "char(32)" } else { "uuid" };
    database
        .run(&format!(
            "create table people (id integer primary key); \
             create table tasks (id {uuid} primary key, owner_id integer not null references people (id), \
             title varchar(200) not null, is_completed boolean not null, status varchar(20) not null, created date)"
        ))
        .await;
    let refusals = database.refusals(Users::Here).await;
    let told: Vec<_> = refusals
        .iter()
        .map(|Refusal { column, next, .. }| format!("{}: {next}", column.as_deref().unwrap_or_default()))
        .collect();
    let is_sqlite = database.backend == Backend::Sqlite;
    let created = if is_sqlite {
        "created: run: alter table \"tasks\" rename column \"created\" to \"created_at\""
    } else {
        "created: run: taskbridge tasks import --from tasks"
    };
    let status = if is_sqlite {
        "status: run: taskbridge tasks import --from tasks"
    } else {
        "status: allow null: alter table \"tasks\" alter column \"status\" drop not null"
    };
    assert_eq!(
        told,
        [
            "id: run: taskbridge tasks import --from tasks",
            "owner_id: run: taskbridge tasks import --from tasks --users-from people",
            "is_completed: run: alter table \"tasks\" rename column \"is_completed\" to \"completed\"",
            created,
            status,
        ]
    );
    let advice = "taskbridge tasks import --from tasks, with the options above, resolves all reasons of the table \"tasks\": it keeps the table as \
                  \"tasks_old\", and copies the rows into a new one";
    assert_eq!(import_advice(&refusals).as_deref(), Some(advice));
    let line = MigrateError::NotAdoptable(refusals).to_string();
    assert!(line.starts_with("(1) table \"tasks\", column \"id\": ") && line.ends_with(advice), "{line}");
}

async fn rows_that_nothing_converts_are_corrected_first(database: Database) {
    create(&database, "user_id text, name text, is_done boolean", &["(is_done) values (true)"]).await;
    let refusals = database.refusals(Users::Here).await;
    let advice = import_advice(&refusals).unwrap();
    let expected = "taskbridge tasks import --from tasks resolves all other reasons of the table \"tasks\", after these have \
                    been resolved: ";
    assert!(advice.starts_with(expected), "{advice}");
    assert!(refusals[0].next.starts_with("correct the rows, for example: update "), "{refusals:?}");
    assert_eq!(obey(&database, &refusals).await, 0);
    database.adopt(Users::Here).await.unwrap();
    assert_eq!(tasks(&database).await, ["untitled done"]);
}

async fn obstacles_of_all_tables_are_reported_together(database: Database) {
    create(&database, "user_id text, title text, done boolean", &[]).await;
    database.run(r#"create table "user" (id text primary key, email_verified boolean)"#).await;
    let refusals = database.refusals(Users::Here).await;
    let tables: Vec<_> = refusals.iter().map(|refusal| refusal.table.as_str()).collect();
    assert!(tables.contains(&"user") && tables.contains(&"tasks"), "{refusals:?}");
    let line = MigrateError::NotAdoptable(refusals).to_string();
    assert!(!line.contains("AUTH_MODE=bridge works"), "{line}");
}

async fn columns_that_hold_no_field_do_not_matter(database: Database) {
    let columns = "user_id text, title text, completed boolean, is_completed boolean not null default false, \
                   status varchar(20) default 'open', priority integer";
    create(&database, columns, &["(title, completed) values ('a', true), ('b', null)"]).await;
    database.adopt(Users::Here).await.unwrap();
    assert_eq!(tasks(&database).await, ["a done", "b open"]);
}

/// The import refuses rows that it could not tell apart.
async fn ids_are_made_unique_first(database: Database) {
    database.run("create table tasks (id varchar(36), user_id text, title text, done boolean)").await;
    let refusals = database.refusals(Users::Here).await;
    let advice = import_advice(&refusals).unwrap();
    assert!(advice.contains("all other reasons"), "{advice}");
    assert!(refusals[0].next.starts_with("first run: "), "{refusals:?}");
    assert_eq!(obey(&database, &refusals[..1]).await, 0);
    assert_eq!(database.refusals(Users::Here).await, refusals[1..]);
}

/// All obstacles of the owner are reported with that of its name.
async fn the_owner_is_checked_under_its_other_name(database: Database) {
    database.run("create table people (id varchar(40) primary key)").await;
    create(&database, "\"ownerId\" varchar(40) references people (id), title text", &[]).await;
    let refusals = database.refusals(Users::Here).await;
    let nexts: Vec<_> = refusals.iter().map(|refusal| refusal.next.as_str()).collect();
    assert_eq!(
        nexts,
        [
            "run: taskbridge tasks import --from tasks --users-from people, or use AUTH_MODE=bridge",
            "run: alter table \"tasks\" rename column \"ownerId\" to \"user_id\""
        ]
    );
    assert_eq!(database.refusals(Users::Elsewhere).await.len(), 1);
    if database.backend == Backend::Sqlite {
        let database = database.another().await;
        create(&database, "\"ownerId\" text collate nocase, title text", &[]).await;
        let refusals = database.refusals(Users::Elsewhere).await;
        let [Refusal { found, next, .. }] = refusals.as_slice() else { panic!("{refusals:?}") };
        assert!(found.contains("another name, and compares ids by the collation NOCASE"), "{found}");
        assert_eq!(next, &format!("run: {IMPORT_TASKS}"));
    }
}

/// If the column was added, each done task would be an open one, or tasks would lose their order.
async fn fields_that_no_column_is_recognized_to_hold_are_asked_for(database: Database) {
    let columns = "user_id text, title text, ticked boolean, made_on timestamp, priority integer";
    create(&database, columns, &["(title, ticked) values ('a', true)"]).await;
    let refusals = database.refusals(Users::Elsewhere).await;
    let asked: Vec<_> = refusals.iter().map(|refusal| refusal.column.as_deref().unwrap()).collect();
    assert_eq!(asked, ["completed", "created_at"]);
    assert!(
        refusals[0]
            .next
            .starts_with("if a column holds it, run: taskbridge tasks import --from tasks --map <column>=completed; ")
    );
    for refusal in refusals {
        database.run(refusal.next.rsplit_once("run: ").unwrap().1).await;
    }
    database.adopt(Users::Elsewhere).await.unwrap();
    assert_eq!(tasks(&database).await, ["a open"]);

    let database = database.another().await;
    create(&database, columns, &[]).await;
    database.adopt(Users::Elsewhere).await.unwrap();
}

async fn deleted_rows_do_not_come_back(mut database: Database) {
    for (column, mark, none) in [
        ("deleted_at timestamp", "'2025-01-02 03:04:05'", "null"),
        ("\"isDeleted\" boolean", "true", "false"),
        ("deleted boolean", "true", "null"),
    ] {
        let name = column.split(' ').next().unwrap();
        let columns = format!("user_id text, title text, completed boolean, created_at timestamp, {column}");
        let insert = format!("(title, {name}) values ('a', {mark}), ('b', {none})");
        create(&database, &columns, &[&insert]).await;
        let refusals = database.refusals(Users::Elsewhere).await;
        let [Refusal { found, next, .. }] = refusals.as_slice() else { panic!("{refusals:?}") };
        assert_eq!(found, "marks 1 rows as deleted, which users would see again");
        assert_eq!(next, &format!("run: {IMPORT_TASKS}"));
        database.run("delete from tasks where title = 'a'").await;
        database.adopt(Users::Elsewhere).await.unwrap();
        database = database.cleared().await;
    }
}

/// The command that the refusals name works on each of these tables.
async fn the_import_resolves_all_obstacles(mut database: Database) {
    for (columns, values) in [
        (
            "id char(36) primary key, user_id text, title text, is_completed boolean not null",
            "('a1', 'ann', 'x', true)",
        ),
        (
            "id integer primary key, owner_id integer, name text, status varchar(9), list_id integer not null",
            "(1, 7, 'x', 'done', 1)",
        ),
        (
            "\"taskId\" bigint primary key, \"userId\" varchar(9), title text, \"completedAt\" timestamp",
            "(1, 'ann', 'x', '2026-01-02')",
        ),
        (
            "id varchar(36) unique, \"user\" text, text text, done boolean, created date",
            "('b', 'ann', 'x', true, '2026-01-02')",
        ),
    ] {
        database.run(&format!("create table tasks ({columns}); insert into tasks values {values}")).await;
        let refusals = database.refusals(Users::Elsewhere).await;
        assert!(refusals.iter().all(import_resolves), "{refusals:?}");
        let import = TaskImport {
            from: QualifiedName { schema: None, name: "tasks".to_owned() },
            map: Vec::new(),
            done: Vec::new(),
            open: Vec::new(),
            users_from: None,
            accept_unverified: false,
            owner: None,
            dry_run: false,
        };
        let migrations = Migrations::of(Users::Elsewhere);
        import.run(&migrations, &database.connection, None, None, &mut |_, _| {}).await.unwrap();
        assert_eq!(tasks(&database).await, ["x done"], "{columns}");
        assert_eq!(database.text("select cast(count(*) as text) from tasks_old").await, "1");
        database.adopt(Users::Elsewhere).await.unwrap();
        database = database.cleared().await;
    }
}
