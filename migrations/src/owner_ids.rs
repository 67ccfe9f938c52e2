//! The ids of the owners of tasks.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{Generated, IdKind};

use crate::catalog;

/// Returns the kind of ids that the column `user_id` of the table `tasks` can contain. It is text if there is no table.
pub(crate) async fn kind(db: &impl ConnectionTrait) -> Result<IdKind, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(IdKind::Text);
    }
    let table = catalog::table(db, "tasks").await?;
    let column = table.as_ref().and_then(|table| table.column("user_id"));
    Ok(of_type(column.map_or("", |column| column.data_type.as_str())))
}

/// Returns the kind of ids that a column of this type can contain on PostgreSQL.
pub(crate) fn of_type(data_type: &str) -> IdKind {
    let integer = |max| IdKind::Integer { max, generated: Generated::ByDefault };
    match data_type {
        "uuid" => IdKind::Uuid,
        "smallint" => integer(i16::MAX.into()),
        "integer" => integer(i32::MAX.into()),
        "bigint" => integer(i64::MAX),
        _ => IdKind::Text,
    }
}
