//! Repeated imports.

use taskbridge_migrations::{MigrateError, Migrations, TaskField, TaskImport, Users, imported_ids};

use super::{TASK, TASK_ROWS, column, import, import_of, run, tasks};
use crate::databases::{Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        new_rows_are_added_and_deleted_tasks_do_not_return,
        another_database_has_other_rows,
        rows_without_times_of_two_databases_are_imported,
        another_mapping_does_not_import_a_row_again,
        a_new_table_gets_all_rows,
    ]
);

async fn new_rows_are_added_and_deleted_tasks_do_not_return(database: Database) {
    database.run(TASK).await;
    import(&database, "task").await;
    database
        .run("delete from tasks where id = 3; update tasks set title = 'brown bread'; update task set title = 'old'")
        .await;
    database.run("insert into task values (9, 'ann', 'new', null, false, null, null, null)").await;
    let report = import(&database, "task").await;
    assert_eq!((report.imported, report.known, report.before, report.after), (1, 2, 1, 2));
    assert_eq!(column(&database, "title").await, ["brown bread", "new"]);
    assert_eq!(import(&database, "task").await.imported, 0);
}

/// A table of the same name in another database is another table, unless it is a copy.
async fn another_database_has_other_rows(database: Database) {
    let (copy, other) = (database.another().await, database.another().await);
    for source in [&database, &copy, &other] {
        source.run(TASK).await;
    }
    other.run("update task set created_at = '2024-05-06 07:08:09'").await;
    assert_eq!(import(&database, "task").await.imported, 2);
    let report = run(&database, Some(&copy), Users::Elsewhere, &import_of("task")).await.unwrap();
    assert_eq!((report.imported, report.known), (0, 2));
    let report = run(&database, Some(&other), Users::Elsewhere, &import_of("task")).await.unwrap();
    assert_eq!((report.imported, report.new_ids.count, report.known), (2, 2, 0));
}

/// Rows without times are told apart by their database.
async fn rows_without_times_of_two_databases_are_imported(database: Database) {
    let others = [database.another().await, database.another().await];
    for source in others.iter().chain([&database]) {
        source.run("create table todo (id integer primary key, owner varchar, title varchar, done boolean); insert into todo values (1, 'ann', 'x', true)").await;
    }
    assert_eq!(import(&database, "todo").await.imported, 1);
    for (imported, known) in [(1, 0), (0, 1)] {
        for source in &others {
            let report = run(&database, Some(source), Users::Elsewhere, &import_of("todo")).await.unwrap();
            assert_eq!((report.imported, report.known), (imported, known));
        }
    }
}

async fn another_mapping_does_not_import_a_row_again(database: Database) {
    database.run("create table todo (id integer primary key, owner varchar, title varchar, born timestamp); insert into todo values (1, 'ann', 'x', '2025-01-02 03:04:05')").await;
    let mapped = TaskImport { map: vec![("born".into(), TaskField::CreatedAt)], ..import_of("todo") };
    for (import, imported) in [(import_of("todo"), 1), (mapped.clone(), 0), (import_of("todo"), 0)] {
        assert_eq!(run(&database, None, Users::Elsewhere, &import).await.unwrap().imported, imported);
    }
    let database = database.another().await;
    database.run("create table todo (id integer primary key, owner varchar, title varchar, born timestamp); insert into todo values (1, 'ann', 'x', '2025-01-02 03:04:05')").await;
    for (import, imported) in [(mapped, 1), (import_of("todo"), 0)] {
        assert_eq!(run(&database, None, Users::Elsewhere, &import).await.unwrap().imported, imported);
    }
}

/// Rows are imported again if the table `tasks` that contained them no longer exists.
async fn a_new_table_gets_all_rows(database: Database) {
    database.run(TASK).await;
    import(&database, "task").await;
    database.run("delete from tasks").await;
    assert_eq!(import(&database, "task").await.known, 2);
    Migrations::of(Users::Elsewhere).down(&database.connection, u32::MAX).await.unwrap();
    let none = |id: &_| -> Result<(), MigrateError> { panic!("{id:?}") };
    imported_ids(&database.connection, none).await.unwrap();
    assert_eq!(import(&database, "task").await.imported, 2);
    database.run("drop table tasks").await;
    let dry_run = TaskImport { dry_run: true, ..import_of("task") };
    database.run("delete from seaql_migrations").await;
    assert_eq!(run(&database, None, Users::Elsewhere, &dry_run).await.unwrap().imported, 2);
    assert_eq!(import(&database, "task").await.imported, 2);
    assert_eq!(tasks(&database).await, TASK_ROWS);
}
