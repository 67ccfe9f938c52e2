//! Imports of the tasks of other backends.

mod concurrent;
mod directions;
mod hostile;
mod ids;
mod in_place;
mod owners;
mod privileges;
mod repeated;
mod users_from;
mod values;

use taskbridge_migrations::{ImportReport, MigrateError, Migrations, TaskImport, Users};
use taskbridge_schema::QualifiedName;

use crate::databases::{Backend, Database};

/// A table as `SQLModel` creates it, with one task of each kind.
const TASK: &str = "
create table task (id integer not null primary key, user_id varchar, title varchar(200) not null, description varchar, is_completed boolean not null, created_at timestamp, updated_at timestamp, priority varchar);
insert into task values
  (3, 'ann', 'milk', 'two litres', true, '2025-01-02 03:04:05.123987', '2025-01-02 03:04:06', 'low'),
  (7, 'bob', 'bread', null, false, '2025-01-01 00:00:00', null, null);";

/// The tasks of that table, as [`tasks`] returns them.
const TASK_ROWS: [&str; 2] = [
    "3|ann|milk|two litres|1|2025-01-02T03:04:05.123Z|2025-01-02T03:04:06.000Z",
    "7|bob|bread|-|0|2025-01-01T00:00:00.000Z|2025-01-01T00:00:00.000Z",
];

/// Returns an import of a table, with no options.
fn import_of(table: &str) -> TaskImport {
    TaskImport {
        from: name(table),
        map: Vec::new(),
        done: Vec::new(),
        open: Vec::new(),
        users_from: None,
        accept_unverified: false,
        owner: None,
        dry_run: false,
    }
}

fn name(table: &str) -> QualifiedName {
    let (schema, name) = table.split_once('.').map_or((None, table), |(schema, name)| (Some(schema.to_owned()), name));
    QualifiedName { schema, name: name.to_owned() }
}

/// Imports a table of the same database in bridge mode.
async fn import(database: &Database, table: &str) -> ImportReport {
    run(database, None, Users::Elsewhere, &import_of(table)).await.unwrap()
}

async fn run(
    target: &Database,
    source: Option<&Database>,
    users: Users,
    import: &TaskImport,
) -> Result<ImportReport, MigrateError> {
    let source = source.map(|source| &source.connection);
    import.run(&Migrations::of(users), &target.connection, source, None, &mut |_, _| {}).await
}

/// Runs an import that must be refused and change nothing. Returns the line of the refusal.
async fn refusal(database: &Database, users: Users, import: &TaskImport) -> String {
    let before = database.snapshot().await;
    let line = match run(database, None, users, import).await.unwrap_err() {
        MigrateError::Refused(line) => line,
        error => panic!("not a refusal: {error}"),
    };
    assert!(!line.contains('\n'), "{line}");
    assert_eq!(database.snapshot().await, before, "{line}");
    let dry_run = TaskImport { dry_run: true, ..import.clone() };
    assert_eq!(run(database, None, users, &dry_run).await.unwrap_err().to_string(), line, "a dry run says the same");
    line
}

/// Returns the tasks, in the order of their ids.
async fn tasks(database: &Database) -> Vec<String> {
    let (completed, time) = match database.backend {
        Backend::Sqlite => ("completed", ["created_at", "updated_at"].map(str::to_owned)),
        _ => (
            "completed::integer",
            ["created_at", "updated_at"]
                .map(|name| format!(r#"to_char({name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#)),
        ),
    };
    let [created_at, updated_at] = time;
    let select = format!(
        "select id || '|' || user_id || '|' || title || '|' || coalesce(description, '-') || '|' || {completed} || '|' || {created_at} || '|' || {updated_at} from tasks order by id"
    );
    database.texts(&select).await
}

/// Returns one column of the tasks, in the order of their ids.
async fn column(database: &Database, column: &str) -> Vec<String> {
    database.texts(&format!("select cast({column} as text) from tasks order by id")).await
}

/// Inserts a task as the server does, and returns its id.
async fn insert_task(database: &Database, title: &str) -> String {
    let insert = format!(
        "insert into tasks (user_id, title, completed, created_at, updated_at) values ('ann', '{title}', false, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')"
    );
    database.run(&insert).await;
    database.text(&format!("select cast(id as text) from tasks where title = '{title}'")).await
}
