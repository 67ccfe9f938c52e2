//! The table `tasks` on SQLite. SQLite cannot change the type of a column, so an adopted table keeps its columns.
//! Missing columns are added, and values are converted.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

use taskbridge_schema::{Affinity, affinity};

use crate::catalog::{self, Column, Table};
use crate::error::{OR_RENAME, refused_column};
use crate::sqlite_dates::date;

/// Returns the statement that creates the table. With `autoincrement`, the id of a deleted task is never reused.
pub(super) fn create(reference: &str) -> String {
    format!(
        r#"create table "tasks" ("id" integer not null primary key autoincrement, "user_id" text not null{reference}, "title" text not null, "description" text, "completed" integer not null, "created_at" date not null, "updated_at" date not null)"#
    )
}

const TIMES: [&str; 2] = ["created_at", "updated_at"];

/// Adds missing columns and converts values.
pub(super) async fn adopt(db: &impl ConnectionTrait, table: &Table) -> Result<(), DbErr> {
    let missing = [
        ("description", "text"),
        ("completed", "integer not null default 0"),
        ("created_at", "date"),
        ("updated_at", "date"),
    ];
    for (name, definition) in missing.into_iter().filter(|(name, _)| table.column(name).is_none()) {
        db.execute_unprepared(&format!(r#"alter table "tasks" add column "{name}" {definition}"#)).await?;
    }
    let (created, updated, now) = (date("created_at"), date("updated_at"), "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
    let update = format!(
        r#"update "tasks" set "completed" = {TRUE}, "created_at" = coalesce({created}, {updated}, {now}),
        "updated_at" = coalesce({updated}, {created}, {now})
        where typeof("completed") <> 'integer' or "completed" not in (0, 1)
        or "created_at" is null or "created_at" is not {created} or "updated_at" is null or "updated_at" is not {updated}"#
    );
    db.execute_unprepared(&update).await.map(drop)
}

/// The SQL expression that converts the value of `completed` to 0 or 1. Null becomes 0.
const TRUE: &str = r#"coalesce(case typeof("completed") when 'text' then lower("completed") in ('true', 't') else "completed" <> 0 end, 0)"#;

/// Checks that the table can be adopted.
pub(super) async fn check(db: &impl ConnectionTrait, table: &Table) -> Result<(), DbErr> {
    check_columns(table)?;
    check_values(db, table).await
}

fn check_columns(table: &Table) -> Result<(), DbErr> {
    for column in &table.columns {
        let Column { name, data_type, .. } = column;
        let is_text = catalog::is_text(DbBackend::Sqlite, column);
        let affinity = affinity(data_type);
        let is_row_number = data_type == "integer" && column.is_unique && table.has_row_numbers;
        let wanted = match name.as_str() {
            "id" if !is_row_number => "\"integer primary key\"",
            "user_id" if !is_text => "text, which user ids require",
            "title" | "description" if !is_text => "text",
            "description" if column.is_required => "nullable",
            "completed" if !matches!(affinity, Affinity::Integer | Affinity::Numeric) => "boolean",
            "created_at" | "updated_at" if affinity == Affinity::Real => "a date",
            "created_at" | "updated_at" if table.is_strict && affinity == Affinity::Integer => {
                "text, in a strict table"
            }
            _ => continue,
        };
        return Err(refused_column("tasks", name, &format!("is {data_type}, not {wanted}; change it, {OR_RENAME}")));
    }
    Ok(())
}

async fn check_values(db: &impl ConnectionTrait, table: &Table) -> Result<(), DbErr> {
    refuse_rows(db, "title", r#""title" is null"#, "has no title").await?;
    if table.column("completed").is_some() {
        let odd = r#"typeof("completed") = 'blob' or typeof("completed") = 'text' and lower("completed") not in ('true', 't', 'false', 'f')"#;
        refuse_rows(db, "completed", odd, "is neither true nor false").await?;
    }
    for name in TIMES.into_iter().filter(|name| table.column(name).is_some()) {
        let odd = format!(r#""{name}" is not null and {} is null"#, date(name));
        refuse_rows(db, name, &odd, "has an invalid date").await?;
    }
    Ok(())
}

/// Refuses the table if the SQL condition `odd` holds for at least one row.
async fn refuse_rows(db: &impl ConnectionTrait, column: &str, odd: &str, why: &str) -> Result<(), DbErr> {
    let found =
        catalog::rows(db, &format!(r#"select "id" from "tasks" where {odd} order by "id" limit 1"#), []).await?;
    let Some(row) = found.first() else { return Ok(()) };
    let id: i64 = row.try_get("", "id")?;
    Err(refused_column("tasks", column, &format!("task {id} {why}; change it, {OR_RENAME}")))
}
