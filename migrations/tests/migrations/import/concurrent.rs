//! Imports at the same time as other sessions.

use sea_orm_migration::sea_orm::ConnectionTrait;
use taskbridge_migrations::Users;

use super::{TASK, column, import_of, insert_task, run};
use crate::databases::{Database, open, test_on};

test_on!([Sqlite, Postgres], [two_imports_add_each_row_once]);

async fn two_imports_add_each_row_once(database: Database) {
    let rows = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000) insert into task select i, 'ann', 'x', null, true, null, null, null from n";
    database.run(&TASK.replace("insert", "-- insert").replace("  (", "-- (")).await;
    database.run(rows).await;
    let other = database.session(&database.url).await;
    let import = import_of("task");
    let (first, second) =
        tokio::join!(run(&database, None, Users::Elsewhere, &import), run(&other, None, Users::Elsewhere, &import));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.imported + second.imported, first.known + second.known), (3000, 3000));
    assert_eq!(column(&database, "id").await.len(), 3000);
}

mod behind_a_pooler {
    use super::*;

    test_on!([Pgbouncer], [an_import_works]);

    /// The source and the target are behind a pooler in transaction mode, and so is the same database.
    async fn an_import_works(database: Database) {
        let source = database.another().await;
        source.run(TASK).await;
        database.run(&TASK.replace("task ", "tasks ")).await;
        let same = database.session(&database.url).await;
        let report = run(&database, Some(&same), Users::Elsewhere, &import_of("tasks")).await.unwrap();
        assert!(report.renamed);
        let report = run(&database, Some(&source), Users::Elsewhere, &import_of("task")).await.unwrap();
        assert_eq!((report.imported, report.new_ids.count), (2, 2));
    }
}

mod with_a_server {
    use super::*;

    test_on!([Postgres], [a_task_that_is_being_created_keeps_its_id]);

    /// A server inserts a task with the id of a row, and has not committed it when the import begins.
    async fn a_task_that_is_being_created_keeps_its_id(database: Database) {
        database.run(TASK).await;
        database.up(Users::Elsewhere).await.unwrap();
        let server = open(&database.url).await;
        server.execute_unprepared("begin; select nextval('tasks_id_seq'); select nextval('tasks_id_seq'); insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', 'created', false, now(), now())").await.unwrap();
        let watcher = database.session(&database.url).await;
        let import = import_of("task");
        let commit = async {
            let waits = "select count(*)::text from pg_locks where not granted and relation = 'tasks'::regclass";
            while watcher.text(waits).await == "0" {
                tokio::task::yield_now().await;
            }
            server.execute_unprepared("commit").await.unwrap();
        };
        let (report, ()) = tokio::join!(run(&database, None, Users::Elsewhere, &import), commit);
        let report = report.unwrap();
        assert_eq!(report.new_ids.examples, [("3".to_owned(), Some(8))]);
        assert_eq!(column(&database, "title").await, ["created", "bread", "milk"]);
        assert_eq!(insert_task(&database, "next").await, "9");
    }
}
