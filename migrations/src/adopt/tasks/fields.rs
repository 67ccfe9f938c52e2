//! The fields of a task in a table of another backend.

use std::collections::BTreeMap;

use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use taskbridge_schema::{Refusal, quoted};

use crate::catalog::{self, Column};
use crate::error::{CORRECT_ROWS, refusal};
use crate::task_fields::TaskField;

/// The columns that hold the fields of a task, under the field's name or under another one.
pub(super) type Fields<'t> = BTreeMap<TaskField, &'t Column>;

/// Returns the refusal of tasks without a title, if there are any.
pub(super) async fn untitled(db: &impl ConnectionTrait, column: &Column) -> Result<Option<Refusal>, DbErr> {
    let name = quoted(&column.name);
    let count = catalog::count(db, &format!(r#"select count(*) as count from "tasks" where {name} is null"#)).await?;
    Ok((count > 0).then(|| {
        let next =
            format!(r#"{CORRECT_ROWS}, for example: update "tasks" set {name} = 'untitled' where {name} is null"#);
        refusal("tasks", &column.name, format!("is null in {count} rows"), next)
    }))
}
