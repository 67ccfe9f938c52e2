//! Imports between databases of both kinds.

use taskbridge_migrations::{TaskImport, Users};

use super::{TASK, TASK_ROWS, import, import_of, name, refusal, run, tasks};
use crate::databases::{Backend, Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        from_the_same_database,
        from_another_database_of_the_same_kind,
        the_same_database_is_recognized,
        a_dry_run_changes_nothing,
        a_missing_table_is_refused,
        each_usual_name_is_recognized,
    ]
);

async fn from_the_same_database(database: Database) {
    database.run(TASK).await;
    let old = database.texts("select cast(id as text) from task order by id").await;
    let report = import(&database, "task").await;
    assert_eq!(tasks(&database).await, TASK_ROWS);
    assert_eq!((report.rows, report.imported, report.done, report.known), (2, 2, 1, 0));
    assert_eq!((report.before, report.after, report.new_ids.count, report.renamed), (0, 2, 0, false));
    assert_eq!(report.other_columns, ["priority"]);
    assert_eq!(database.texts("select cast(id as text) from task order by id").await, old);
}

async fn from_another_database_of_the_same_kind(database: Database) {
    let source = database.another().await;
    import_from(&database, &source).await;
}

async fn import_from(target: &Database, source: &Database) {
    source.run(TASK).await;
    let before = source.schema().await;
    let report = run(target, Some(source), Users::Elsewhere, &import_of("task")).await.unwrap();
    assert_eq!(tasks(target).await, TASK_ROWS);
    assert_eq!((report.imported, report.after), (2, 2));
    assert_eq!(source.schema().await, before);
    let again = run(target, Some(source), Users::Elsewhere, &import_of("task")).await.unwrap();
    assert_eq!((again.imported, again.known, again.before, again.after), (0, 2, 2, 2));
}

mod between {
    use super::*;

    test_on!([Postgres], [from_sqlite, to_sqlite, from_another_schema]);

    async fn from_sqlite(database: Database) {
        let source = Backend::Sqlite.database().await;
        import_from(&database, &source).await;
    }

    async fn to_sqlite(database: Database) {
        let target = Backend::Sqlite.database().await;
        import_from(&target, &database).await;
    }

    /// A table `tasks` of another schema is not Taskbridge's, and keeps its name.
    async fn from_another_schema(database: Database) {
        database.run(&format!("create schema app; set search_path to app; {TASK}; reset search_path")).await;
        database.run("alter table app.task rename to tasks").await;
        let report = import(&database, "app.tasks").await;
        assert_eq!((report.imported, report.renamed), (2, false));
        assert_eq!(tasks(&database).await, TASK_ROWS);
        assert_eq!(import(&database, "app.tasks").await.known, 2);
        assert_eq!(database.text("select count(*)::text from app.tasks").await, "2");
    }
}

/// With a URL of the same database, the import must not wait for itself, and renames the table `tasks`.
async fn the_same_database_is_recognized(database: Database) {
    database.run(&TASK.replace("task ", "tasks ")).await;
    let source = database.session(&database.url).await;
    let report = run(&database, Some(&source), Users::Elsewhere, &import_of("tasks")).await.unwrap();
    assert!(report.renamed);
    assert_eq!(tasks(&database).await, TASK_ROWS);
}

async fn a_dry_run_changes_nothing(database: Database) {
    database.run(TASK).await;
    for users in [Users::Elsewhere, Users::Here] {
        let before = database.snapshot().await;
        let dry_run = TaskImport { dry_run: true, owner: None, ..import_of("task") };
        let report = run(&database, None, users, &dry_run).await.unwrap();
        let imported = if users == Users::Here { 0 } else { 2 };
        assert_eq!((report.imported, report.after, report.unknown_owner.count), (imported, imported, 2 - imported));
        assert_eq!(database.snapshot().await, before);
    }
    database.up(Users::Elsewhere).await.unwrap();
    database.add_task().await;
    let sequence = if database.backend == Backend::Sqlite {
        "select cast(seq as text) from sqlite_sequence"
    } else {
        "select last_value::text || is_called from tasks_id_seq"
    };
    let before = (database.snapshot().await, database.text(sequence).await);
    let dry_run = TaskImport { dry_run: true, ..import_of("task") };
    let report = run(&database, None, Users::Elsewhere, &dry_run).await.unwrap();
    assert_eq!((report.before, report.after), (1, 3));
    assert!(report.to_string().ends_with("Nothing was changed, because this was a dry run."), "{report}");
    assert_eq!((database.snapshot().await, database.text(sequence).await), before);
}

async fn a_missing_table_is_refused(database: Database) {
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains("table \"todo\": does not exist") && line.ends_with("which is empty"), "{line}");
    database.run(TASK).await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.ends_with("whose tables are task"), "{line}");
    let users_from = TaskImport { users_from: Some(name("users")), ..import_of("task") };
    let line = refusal(&database, Users::Here, &users_from).await;
    assert!(line.starts_with("table \"users\": does not exist"), "{line}");
}

/// The columns of common tables of other backends are recognized.
async fn each_usual_name_is_recognized(database: Database) {
    let tables = [
        ("done", "boolean", "true"),
        ("is_done", "boolean", "true"),
        ("is_completed", "boolean", "true"),
        ("finished", "integer", "1"),
        ("status", "varchar", "'done'"),
        ("status", "text", "'COMPLETED'"),
        ("state", "varchar", "'Closed'"),
        ("completed_at", "timestamp", "'2025-01-02 03:04:05'"),
        ("\"completedAt\"", "bigint", "1735787045000"),
    ];
    for (number, (column, data_type, done)) in tables.into_iter().enumerate() {
        let table = format!("todo_{number}");
        let create = format!(
            "create table {table} (id integer primary key, owner varchar, text varchar, {column} {data_type}); insert into {table} values (1, 'ann', 'done', {done}), (2, 'ann', 'open', null)"
        );
        database.run(&create).await;
        let report = import(&database, &table).await;
        assert_eq!((report.imported, report.done), (2, 1), "{table}");
    }
    let done = if database.backend == Backend::Sqlite { "completed" } else { "completed::integer" };
    let wrong = format!("select title from tasks where {done} <> case title when 'done' then 1 else 0 end");
    assert_eq!(database.texts(&wrong).await, [""; 0]);
}
