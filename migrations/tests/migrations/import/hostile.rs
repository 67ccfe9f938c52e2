//! Unusual tables.

use taskbridge_migrations::{TaskField, TaskImport, Users};

use super::{column, import, import_of, name, refusal, run};
use crate::databases::{Backend, Database, test_on};

test_on!([Sqlite, Postgres], [any_name_is_quoted, generated_columns_are_read, a_view_is_refused]);

/// Names that are keywords, or that the statements of an import use themselves.
async fn any_name_is_quoted(database: Database) {
    for (number, table) in
        ["r", "rows", "Order", "list", "a\"b", "value", "select", "a b; drop table x"].into_iter().enumerate()
    {
        let id = number + 1;
        let quoted = table.replace('"', "\"\"");
        database.run(&format!("create table \"{quoted}\" (id integer primary key, \"order\" varchar, \"value\" varchar, \"t\" timestamp, \"rows\" varchar); insert into \"{quoted}\" values ({id}, 'ann', 'x', '2025-01-02', 'y')")).await;
        let map = [
            ("order", TaskField::UserId),
            ("value", TaskField::Title),
            ("t", TaskField::CreatedAt),
            ("rows", TaskField::Description),
        ];
        let import = TaskImport {
            from: taskbridge_schema::QualifiedName { schema: None, name: table.to_owned() },
            map: map.into_iter().map(|(column, field)| (column.to_owned(), field)).collect(),
            ..import_of("")
        };
        assert_eq!(run(&database, None, Users::Elsewhere, &import).await.unwrap().imported, 1, "{table}");
        assert_eq!(run(&database, None, Users::Elsewhere, &import).await.unwrap().known, 1, "{table}");
    }
    assert_eq!(column(&database, "description").await, ["y"; 8]);
    assert_eq!(column(&database, "user_id").await, ["ann"; 8]);
}

async fn generated_columns_are_read(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, name varchar, title varchar generated always as (name || '!') stored); insert into todo (id, user_id, name) values (1, 'ann', 'x')").await;
    import(&database, "todo").await;
    assert_eq!(column(&database, "title").await, ["x!"]);
}

async fn a_view_is_refused(database: Database) {
    database.run("create table rows (id integer primary key, user_id varchar, title varchar); create view todo as select * from rows").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(
        line.contains("is not a table") && line.contains(r#"create table "todo_rows" as select * from "todo""#),
        "{line}"
    );
}

mod on_one_kind {
    use super::*;

    test_on!(
        [Postgres],
        [partitioned_tables_are_read, names_that_differ_in_case, enumerations_are_read, hidden_rows_are_an_error]
    );

    async fn partitioned_tables_are_read(database: Database) {
        database.run("create table todo (id integer primary key, user_id text, title text) partition by range (id); create table todo_1 partition of todo for values from (0) to (10); create table todo_2 partition of todo for values from (10) to (20); insert into todo values (1, 'ann', 'a'), (12, 'ann', 'b')").await;
        assert_eq!(import(&database, "todo").await.imported, 2);
    }

    async fn names_that_differ_in_case(database: Database) {
        database.run(r#"create table "Todo" (id integer primary key, user_id text, "Title" text, title text, "Done" boolean); insert into "Todo" values (1, 'ann', 'A', 'a', true); create table todo (id integer primary key, user_id text, title text)"#).await;
        let report = import(&database, "Todo").await;
        assert_eq!((report.imported, report.done, &report.other_columns[..]), (1, 1, &["Title".to_owned()][..]));
        assert_eq!(column(&database, "title").await, ["a"]);
        assert_eq!(import(&database, "todo").await.rows, 0);
    }

    async fn enumerations_are_read(database: Database) {
        database.run("create type state as enum ('TODO', 'IN_PROGRESS', 'DONE'); create table todo (id integer primary key, user_id text, title text, status state); insert into todo values (1, 'ann', 'a', 'TODO'), (2, 'ann', 'b', 'DONE')").await;
        assert_eq!(import(&database, "todo").await.done, 1);
        assert_eq!(column(&database, "completed").await, ["false", "true"]);
    }

    /// A policy of row-level security must not make an import incomplete.
    async fn hidden_rows_are_an_error(database: Database) {
        let role = format!("reader_{}", std::process::id());
        database.run(&format!("create table todo (id integer primary key, user_id text, title text); insert into todo values (1, 'ann', 'a'), (2, 'bob', 'b'); alter table todo enable row level security; create policy ann on todo using (user_id = 'ann'); create role {role} login; grant select on todo to {role}")).await;
        let url = database.url.replacen("postgres@", &format!("{role}@"), 1);
        let source = database.session(&url).await;
        let target = database.another().await;
        let line = run(&target, Some(&source), Users::Elsewhere, &import_of("todo")).await.unwrap_err().to_string();
        assert!(line.contains("row-level security policy") && line.ends_with("may select all rows"), "{line}");
        database.run("alter table todo disable row level security").await;
        assert_eq!(run(&target, Some(&source), Users::Elsewhere, &import_of("todo")).await.unwrap().imported, 2);
        database.run(&format!("revoke all on todo from {role}")).await;
        let line = run(&target, Some(&source), Users::Elsewhere, &import_of("todo")).await.unwrap_err().to_string();
        assert!(line.contains("permission denied for table todo"), "{line}");
        database.run(&format!("drop role {role}")).await;
    }
}

#[tokio::test]
async fn row_numbers_of_sqlite_are_found_under_any_name() {
    for (columns, expected) in [
        ("id integer primary key, user_id, title, rowid text", None),
        ("id text primary key, user_id, title, rowid text, _rowid_ text", None),
        ("id text primary key, user_id, title, rowid text, _rowid_ text, oid text", Some("has no row numbers")),
    ] {
        let database = Backend::Sqlite.database().await;
        database.run(&format!("create table todo ({columns}); insert into todo (id, user_id, title) values ('1', 'ann', 'a'), ('2', 'ann', 'b')")).await;
        match expected {
            None => assert_eq!(import(&database, "todo").await.imported, 2, "{columns}"),
            Some(expected) => {
                assert!(refusal(&database, Users::Elsewhere, &import_of("todo")).await.contains(expected));
            }
        }
    }
    let database = Backend::Sqlite.database().await;
    database.run("create table todo (id text primary key, user_id text, title text) without rowid").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains(r#"create table "todo_rows" as select * from "todo""#), "{line}");
    assert_eq!(name("todo").name, "todo");
}
