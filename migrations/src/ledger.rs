//! The table `seaql_migrations`, which records the applied migrations. It is the table of sea-orm's migrator.

use std::time::SystemTime;

use sea_orm_migration::sea_orm::sea_query::{OnConflict, TableCreateStatement};
use sea_orm_migration::sea_orm::{
    ActiveValue, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryOrder, QuerySelect, Schema,
};
use sea_orm_migration::seaql_migrations::{ActiveModel, Column, Entity};

use crate::catalog;

/// The name of the table.
pub(crate) const LEDGER: &str = "seaql_migrations";

/// Returns the names of the applied migrations, in order.
pub(crate) async fn applied(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if catalog::table(db, LEDGER).await?.is_none() {
        return Ok(Vec::new());
    }
    Entity::find().select_only().column(Column::Version).order_by_asc(Column::Version).into_tuple().all(db).await
}

/// Returns `true` if the migration of this name has been applied.
pub(crate) async fn contains(db: &DatabaseConnection, name: &str) -> Result<bool, DbErr> {
    Ok(applied(db).await?.iter().any(|applied| applied == name))
}

/// Records that a migration has been applied. Creates the table if it does not exist. Returns `false` if the migration
/// has been recorded before.
pub(crate) async fn record(db: &DatabaseConnection, name: &str) -> Result<bool, DbErr> {
    if catalog::table(db, LEDGER).await?.is_none() {
        let mut create: TableCreateStatement = Schema::new(db.get_database_backend()).create_table_from_entity(Entity);
        db.execute(create.if_not_exists()).await?;
    }
    let seconds = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let row = ActiveModel {
        version: ActiveValue::Set(name.to_owned()),
        applied_at: ActiveValue::Set(i64::try_from(seconds).unwrap_or_default()),
    };
    let once = OnConflict::column(Column::Version).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(once).exec_without_returning(db).await? > 0)
}

/// Records that a migration has been reverted.
pub(crate) async fn erase(db: &DatabaseConnection, name: &str) -> Result<(), DbErr> {
    Entity::delete_by_id(name).exec(db).await.map(drop)
}
