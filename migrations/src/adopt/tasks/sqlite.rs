//! The table `tasks` on SQLite. SQLite cannot change the type of a column, so an adopted table keeps its columns.
//! Missing columns are added, and values are converted.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{Affinity, Refusal, affinity, quoted};

use super::fields::{self, Fields};
use crate::catalog::{self, Column, Table};
use crate::error::{CORRECT_ROWS, IMPORT_TASKS, refusal};
use crate::id_collation;
use crate::sqlite_dates::date;
use crate::task_fields::TaskField;

/// Returns the statement that creates the table. With `autoincrement`, the id of a deleted task is never reused.
pub(super) fn create(reference: &str) -> String {
    format!(
        r#"create table "tasks" ("id" integer not null primary key autoincrement, "user_id" text not null{reference}, "title" text not null, "description" text, "completed" integer not null, "created_at" date not null, "updated_at" date not null)"#
    )
}

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

/// Returns what is wrong with the type of the column that holds a field.
pub(super) async fn wrong_type(
    db: &impl ConnectionTrait,
    table: &Table,
    field: TaskField,
    column: &Column,
) -> Result<Option<String>, DbErr> {
    let data_type = column.data_type.as_str();
    let is_text = catalog::is_text(DbBackend::Sqlite, column);
    let affinity = affinity(data_type);
    let is_row_number = data_type == "integer" && column.is_unique && table.has_row_numbers;
    let wanted = match field {
        TaskField::Id if !is_row_number => "\"integer primary key\"",
        TaskField::UserId if !is_text => "text, which user ids require",
        TaskField::UserId => {
            let collation = id_collation::of_column(db, "tasks", &column.name).await?;
            return Ok(collation.map(|collation| id_collation::found(&collation)));
        }
        TaskField::Title | TaskField::Description if !is_text => "text",
        TaskField::Description if column.is_required => "nullable",
        TaskField::Completed if !is_flag(column) => "boolean",
        TaskField::CreatedAt | TaskField::UpdatedAt if affinity == Affinity::Real => "a date",
        TaskField::CreatedAt | TaskField::UpdatedAt if table.is_strict && affinity == Affinity::Integer => {
            "text, in a strict table"
        }
        _ => return Ok(None),
    };
    Ok(Some(format!("is {data_type}, not {wanted}")))
}

/// Returns `true` if the column contains only whether tasks are done. A number can also be a time or one of several
/// states.
fn is_flag(column: &Column) -> bool {
    let is_number = matches!(affinity(&column.data_type), Affinity::Integer | Affinity::Numeric);
    let is_time = ["date", "time"].iter().any(|part| column.data_type.contains(part));
    is_number && !is_time && !TaskField::has_more_than_two_values(&column.name)
}

/// Returns the refusals of the values in the column of a field, which has the right type.
pub(super) async fn wrong_values(
    db: &impl ConnectionTrait,
    field: TaskField,
    fields: &Fields<'_>,
) -> Result<Vec<Refusal>, DbErr> {
    let Some(column) = fields.get(&field) else { return Ok(Vec::new()) };
    let name = quoted(&column.name);
    let refusal = match field {
        TaskField::Title => fields::untitled(db, column).await?,
        TaskField::Completed => {
            let odd = format!(
                r"typeof({name}) = 'blob' or typeof({name}) = 'text' and lower({name}) not in ('true', 't', 'false', 'f')
                or typeof({name}) in ('integer', 'real') and {name} not in (0, 1)"
            );
            let found = find(db, fields, &odd).await?;
            found.map(|rows| {
                let next = format!("run: {IMPORT_TASKS} --done <value>, with each value that means done");
                refusal("tasks", &column.name, format!("is neither true nor false in {rows}"), next)
            })
        }
        TaskField::CreatedAt | TaskField::UpdatedAt => {
            let odd = format!("{name} is not null and {} is null", date(&column.name));
            let found = find(db, fields, &odd).await?;
            let next = format!("{CORRECT_ROWS}: write dates as 2026-12-31T23:59:59Z");
            found.map(|rows| refusal("tasks", &column.name, format!("has an invalid date in {rows}"), next))
        }
        _ => None,
    };
    Ok(refusal.into_iter().collect())
}

/// Describes the rows for which the SQL condition `odd` holds. `None` if there are none.
async fn find(db: &impl ConnectionTrait, fields: &Fields<'_>, odd: &str) -> Result<Option<String>, DbErr> {
    let id = fields.get(&TaskField::Id).map_or_else(|| "null".to_owned(), |column| quoted(&column.name));
    let select = format!(r#"select cast(min({id}) as text) as id, count(*) as count from "tasks" where {odd}"#);
    let rows = catalog::rows(db, &select, []).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let count: i64 = row.try_get("", "count")?;
    let id: Option<String> = row.try_get("", "id")?;
    let first = id.map(|id| format!(", the first with the id {id}")).unwrap_or_default();
    Ok((count > 0).then(|| format!("{count} rows{first}")))
}
