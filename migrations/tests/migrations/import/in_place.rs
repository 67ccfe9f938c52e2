//! Imports of the table `tasks` of another backend into the same database.

use taskbridge_migrations::{Migrations, TaskImport, Users};
use taskbridge_schema::Refusal;

use super::{TASK, TASK_ROWS, column, import, import_of, insert_task, refusal, run, tasks};
use crate::databases::{Backend, Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        the_table_is_renamed_and_kept,
        names_of_indices_and_tables_do_not_collide,
        other_tables_and_views_keep_referring_to_the_old_table,
        the_table_of_taskbridge_is_refused,
        the_way_back_and_forth_keeps_all_rows,
        a_dry_run_counts_as_the_import_does,
    ]
);

fn old_tasks() -> String {
    TASK.replace("table task ", "table tasks ").replace("into task ", "into tasks ")
}

async fn the_table_is_renamed_and_kept(database: Database) {
    database.run(&old_tasks()).await;
    let report = import(&database, "tasks").await;
    assert_eq!((report.table.as_str(), report.renamed, report.imported), ("tasks_old", true, 2));
    assert!(report.to_string().ends_with(r#"is now called "tasks_old"."#), "{report}");
    assert_eq!(tasks(&database).await, TASK_ROWS);
    assert_eq!(database.texts("select priority from tasks_old order by id").await, ["low", "null"]);
    assert_eq!(insert_task(&database, "next").await, "8");
    assert!(database.up(Users::Elsewhere).await.unwrap().applied.is_empty());
    let again = import(&database, "tasks_old").await;
    assert_eq!((again.imported, again.known), (0, 2));
}

async fn names_of_indices_and_tables_do_not_collide(database: Database) {
    database.run("create table tasks_old (id integer)").await;
    let create = "create table tasks (id integer primary key, user_id varchar, title varchar, done boolean); insert into tasks values (1, 'ann', 'x', true)";
    database.run(create).await;
    for (name, columns) in [
        ("tasks_user_id_created_at_id_idx", "user_id"),
        ("tasks_user_id_title_id_idx", "title"),
        ("tasks_user_id_idx", "user_id, id"),
    ] {
        if database.backend == Backend::Postgres || name != "tasks_user_id_idx" {
            database.run(&format!("create index {name} on tasks ({columns})")).await;
        }
    }
    let report = import(&database, "tasks").await;
    assert_eq!((report.table.as_str(), report.imported), ("tasks_old_2", 1));
    assert!(database.up(Users::Elsewhere).await.unwrap().applied.is_empty());
    if database.backend == Backend::Postgres {
        let indices = "select indexname::text from pg_indexes where tablename = 'tasks_old_2' order by 1";
        assert_eq!(database.texts(indices).await.len(), 4, "no index is lost");
    }
}

async fn other_tables_and_views_keep_referring_to_the_old_table(database: Database) {
    database.run(&old_tasks()).await;
    database.run("create table comments (id integer primary key, task_id integer references tasks (id)); insert into comments values (1, 7); create view low as select title from tasks where priority = 'low'").await;
    import(&database, "tasks").await;
    database.run("delete from tasks").await;
    assert_eq!(database.texts("select title from low").await, ["milk"]);
    let joined = "select title from comments join tasks_old on tasks_old.id = task_id";
    assert_eq!(database.texts(joined).await, ["bread"]);
    let refers = match database.backend {
        Backend::Sqlite => r#"select "table" from pragma_foreign_key_list('comments')"#,
        _ => {
            "select confrelid::regclass::text from pg_constraint where conrelid = 'comments'::regclass and contype = 'f'"
        }
    };
    assert_eq!(database.text(refers).await, "tasks_old");
}

async fn the_table_of_taskbridge_is_refused(database: Database) {
    database.up(Users::Elsewhere).await.unwrap();
    let line = refusal(&database, Users::Elsewhere, &import_of("tasks")).await;
    assert!(line.contains("is the table that Taskbridge uses; name the table of the other backend"), "{line}");
    database.run(TASK).await;
    import(&database, "task").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("tasks")).await;
    assert!(line.ends_with(r#"to repeat an import, name "task""#), "{line}");
}

/// The operator gives the other backend its table back, and later imports it again.
async fn the_way_back_and_forth_keeps_all_rows(database: Database) {
    database.run(&old_tasks()).await;
    import(&database, "tasks").await;
    insert_task(&database, "next").await;
    database.run("alter table tasks rename to tasks_taskbridge; alter table tasks_old rename to tasks").await;
    database.run("insert into tasks values (8, 'ann', 'later', null, false, null, null, null)").await;
    let refusals = database.refusals(Users::Elsewhere).await;
    let is_flag = |refusal: &Refusal| refusal.column.as_deref() == Some("is_completed");
    assert!(refusals.iter().any(is_flag), "the server would answer 500: {refusals:?}");
    let report = import(&database, "tasks").await;
    assert_eq!((report.table.as_str(), report.imported, report.known), ("tasks_old", 3, 0));
    assert_eq!(column(&database, "title").await, ["milk", "bread", "later"]);
    assert_eq!(insert_task(&database, "next").await, "9");
    let status = Migrations::of(Users::Elsewhere).status(&database.connection).await.unwrap();
    assert!(status.iter().all(|migration| migration.applied));
    assert_eq!(database.texts("select title from tasks_taskbridge order by id").await, ["milk", "bread", "next"]);
}

/// The ids of the old table's owners are not those of the new one.
async fn a_dry_run_counts_as_the_import_does(database: Database) {
    database.run("create table users (id varchar primary key, email varchar); insert into users values ('ann', 'ann@example.test'); create table tasks (id integer primary key, user_id varchar references users (id), title varchar, done boolean); insert into tasks values (1, 'ann', 'x', true), (2, null, 'y', true)").await;
    let dry_run = run(&database, None, Users::Elsewhere, &TaskImport { dry_run: true, ..import_of("tasks") }).await;
    let report = import(&database, "tasks").await;
    let counts = |report: &taskbridge_migrations::ImportReport| {
        (report.imported, report.done, report.after, report.without_owner.count, report.unknown_owner.count)
    };
    assert_eq!(counts(&report), (1, 1, 1, 1, 0));
    assert_eq!(counts(&dry_run.unwrap()), counts(&report));
}
