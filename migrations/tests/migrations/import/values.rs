//! The values of imported rows: times, done flags and texts.

use taskbridge_migrations::{TaskField, TaskImport, Users};

use super::{column, import, import_of, refusal, run};
use crate::databases::{Backend, Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        times_are_kept,
        invalid_times_are_refused,
        statuses_are_mapped,
        the_numbers_of_a_status_must_be_declared,
        deleted_rows_stay_deleted,
        all_reasons_are_named,
        long_texts_are_kept,
        a_failure_in_the_last_batch_changes_nothing,
        columns_are_mapped,
    ]
);

/// Creates a table with a column `created_at` of this type, and rows with these values.
async fn create(database: &Database, data_type: &str, values: &[&str]) {
    let rows: Vec<_> =
        values.iter().enumerate().map(|(id, value)| format!("({}, 'ann', 'x', {value})", id + 1)).collect();
    let insert = if rows.is_empty() { String::new() } else { format!("insert into todo values {}", rows.join(", ")) };
    let create = format!(
        "drop table if exists todo; drop table if exists tasks; drop table if exists task_imports; drop table if exists seaql_migrations; create table todo (id integer primary key, user_id varchar, title varchar, created_at {data_type}); {insert}"
    );
    database.run(&create).await;
}

async fn times_are_kept(database: Database) {
    const TEXT: &str = "'2025-01-02 03:04:05.123987'";
    let both = [
        ("varchar", TEXT, "2025-01-02T03:04:05.123Z"),
        ("varchar", "'2025-01-02T03:04:05.999999Z'", "2025-01-02T03:04:05.999Z"),
        ("varchar", "'2025-01-02T03:04:05.5+05:30'", "2025-01-01T21:34:05.500Z"),
        ("varchar", "'2025-01-02'", "2025-01-02T00:00:00.000Z"),
        ("timestamp", TEXT, "2025-01-02T03:04:05.123Z"),
        ("date", "'2025-01-02'", "2025-01-02T00:00:00.000Z"),
        ("bigint", "1735787045", "2025-01-02T03:04:05.000Z"),
        ("bigint", "1735787045123", "2025-01-02T03:04:05.123Z"),
        ("timestamp", "'9999-12-31 23:59:59.999999'", "9999-12-31T23:59:59.999Z"),
        ("timestamp", "'0001-01-01 00:00:00'", "0001-01-01T00:00:00.000Z"),
    ];
    let postgres = [
        ("timestamptz", "'2025-01-02 03:04:05.123987+05:30'", "2025-01-01T21:34:05.123Z"),
        ("double precision", "1735787045.123", "2025-01-02T03:04:05.123Z"),
        ("timestamp(0)", "'2025-01-02 03:04:05'", "2025-01-02T03:04:05.000Z"),
    ];
    let only: &[_] = if database.backend == Backend::Postgres { &postgres } else { &[] };
    for (data_type, value, expected) in both.iter().chain(only) {
        create(&database, data_type, &[value]).await;
        import(&database, "todo").await;
        let created_at = super::tasks(&database).await.pop().unwrap();
        let times: Vec<_> = created_at.split('|').skip(5).collect();
        assert_eq!(times, [*expected, *expected], "{data_type} {value}");
    }
    create(&database, "timestamp", &["null"]).await;
    import(&database, "todo").await;
    let now = match database.backend {
        Backend::Sqlite => "cast(created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 minute') as text)",
        _ => "(created_at > now() - interval '1 minute')::integer::text",
    };
    assert_eq!(database.text(&format!("select {now} from tasks")).await, "1");
}

async fn invalid_times_are_refused(database: Database) {
    let both =
        [("varchar", "'yesterday'"), ("varchar", "''"), ("varchar", "'10000-01-01'"), ("bigint", "253402300800000")];
    let sqlite = [("datetime", "'0000-01-01 00:00:00'"), ("datetime", "x'00'")];
    let postgres = [
        ("timestamp", "'infinity'"),
        ("timestamptz", "'-infinity'"),
        ("timestamp", "'10000-01-01'"),
        ("timestamp", "'0044-03-15 BC'"),
    ];
    let only: &[_] = if database.backend == Backend::Postgres { &postgres } else { &sqlite };
    for (data_type, value) in both.iter().chain(only) {
        create(&database, data_type, &["null", value]).await;
        let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
        assert!(line.contains("1 row with an invalid time in created_at (ids 2)"), "{data_type} {value}: {line}");
    }
}

async fn statuses_are_mapped(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, title varchar, status varchar); insert into todo values (1, 'ann', 'a', 'archived'), (2, 'ann', 'b', 'Later'), (3, 'ann', 'c', 'in progress'), (4, 'ann', 'd', 'DONE'), (5, 'ann', 'e', null)").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains("2 rows with a status that is not known to be done or open (archived, Later)"), "{line}");
    let mapped = TaskImport { done: vec!["Archived".into()], open: vec!["later".into()], ..import_of("todo") };
    let report = run(&database, None, Users::Elsewhere, &mapped).await.unwrap();
    assert_eq!((report.imported, report.done), (5, 2));
    let done = if database.backend == Backend::Sqlite { "completed" } else { "completed::integer" };
    assert_eq!(column(&database, done).await, ["1", "0", "0", "1", "0"]);
}

/// The numbers of a status depend on the backend: 1 can be the second of three.
async fn the_numbers_of_a_status_must_be_declared(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, title varchar, status integer); insert into todo values (1, 'ann', 'a', 0), (2, 'ann', 'b', 1), (3, 'ann', 'c', 2)").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains("3 rows with a status that is not known to be done or open (0, 1, 2)"), "{line}");
    let mapped = TaskImport { done: vec!["2".into()], open: vec!["0".into(), "1".into()], ..import_of("todo") };
    assert_eq!(run(&database, None, Users::Elsewhere, &mapped).await.unwrap().done, 1);
}

async fn deleted_rows_stay_deleted(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, title varchar, done boolean, deleted_at timestamp, is_deleted boolean); insert into todo values (1, 'ann', 'a', true, null, false), (2, 'ann', 'b', true, '2025-01-02 03:04:05', null), (3, 'ann', 'c', true, null, true)").await;
    let report = import(&database, "todo").await;
    assert_eq!((report.imported, report.deleted), (1, 2));
    assert!(report.to_string().contains("not imported: 2 rows marked as deleted"), "{report}");
    assert_eq!(column(&database, "title").await, ["a"]);
}

async fn all_reasons_are_named(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, title varchar, status varchar, created_at varchar); insert into todo values (1, 'ann', null, 'x', 'y'), (2, 'ann', 'b', 'done', null)").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    for reason in ["1 row without a title (ids 1)", "1 row with an invalid time in created_at (ids 1)", "open (x)"] {
        assert!(line.contains(reason), "{line}");
    }
}

/// The limits of the API do not apply to tasks that exist.
async fn long_texts_are_kept(database: Database) {
    database.run("create table todo (id integer primary key, user_id varchar, title text, description text)").await;
    let (title, description) = ("ä🙂\n\"\\\u{1}".repeat(1000), "x".repeat(3_000_000));
    for id in 1..=3 {
        database.run(&format!("insert into todo values ({id}, 'ann', '{title}', '{description}')")).await;
    }
    assert_eq!(import(&database, "todo").await.imported, 3);
    assert_eq!(column(&database, "title").await, [&title[..]; 3]);
    assert_eq!(column(&database, "length(description)").await, ["3000000"; 3]);
}

async fn a_failure_in_the_last_batch_changes_nothing(database: Database) {
    let rows = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000) insert into todo select i, 'ann', 'x', case when i = 5000 then 'odd' else 'done' end from n";
    database.run("create table todo (id integer primary key, user_id varchar, title varchar, status varchar)").await;
    database.run(rows).await;
    database.up(Users::Elsewhere).await.unwrap();
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains("1 row with a status") && line.contains("(odd)"), "{line}");
    database.run("update todo set status = 'done' where id = 5000").await;
    assert_eq!(import(&database, "todo").await.imported, 5000);
    assert_eq!(import(&database, "todo").await.known, 5000);
}

async fn columns_are_mapped(database: Database) {
    database.run("create table todo (nr integer primary key, wer varchar, was varchar, erledigt boolean); insert into todo values (1, 'ann', 'x', true)").await;
    let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
    assert!(line.contains("--map <column>=id; the columns are nr, wer, was, erledigt"), "{line}");
    let map = |map: &[(&str, TaskField)]| TaskImport {
        map: map.iter().map(|(column, field)| ((*column).to_owned(), *field)).collect(),
        ..import_of("todo")
    };
    let wrong = map(&[("nummer", TaskField::Id)]);
    assert!(refusal(&database, Users::Elsewhere, &wrong).await.contains(r#"column "nummer": does not exist"#));
    let twice = map(&[("nr", TaskField::Id), ("nr", TaskField::Title)]);
    assert!(refusal(&database, Users::Elsewhere, &twice).await.contains("mapped twice"));
    let all = map(&[
        ("nr", TaskField::Id),
        ("wer", TaskField::UserId),
        ("was", TaskField::Title),
        ("erledigt", TaskField::Completed),
    ]);
    let report = run(&database, None, Users::Elsewhere, &all).await.unwrap();
    assert_eq!((report.imported, report.done), (1, 1));
}

#[tokio::test]
async fn what_only_sqlite_can_store_is_refused() {
    for (value, expected) in [
        ("char(0)", "1 row whose title is not text, or contains a NUL character (ids 1)"),
        ("cast(x'ff41' as text)", "cannot be read"),
        ("x'ff41'", "1 row whose title is not text"),
    ] {
        let database = Backend::Sqlite.database().await;
        let create = format!(
            "create table todo (id integer primary key, user_id text, title); insert into todo values (1, 'ann', {value})"
        );
        database.run(&create).await;
        let line = refusal(&database, Users::Elsewhere, &import_of("todo")).await;
        assert!(line.contains(expected), "{line}");
    }
}
