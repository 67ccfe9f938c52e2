//! The store of the keys of tokens.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::key::StoredKey;
use taskbridge_domain::ports::{KeyRepo, StoreError};

use super::Store;
use super::connection::Transaction;
use super::entities::jwks::{Column, Entity, Model};
use super::error::store_error;

/// Keys in Better Auth's table.
pub struct SeaKeyRepo(Store);

impl SeaKeyRepo {
    /// A repository on this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

/// Adds the key unless there is one that is not known. Nobody else adds one meanwhile: SQLite's transaction is the only
/// one that writes, and PostgreSQL's holds the table against other writers, not against readers.
async fn add(transaction: &Transaction, key: &StoredKey, known: &[String]) -> Result<bool, DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(r#"lock table "jwks" in share row exclusive mode"#).await?;
    }
    if Entity::find().filter(Column::Id.is_not_in(known)).one(transaction).await?.is_some() {
        return Ok(false);
    }
    Entity::insert(Model::from(key).into_active_model()).exec_without_returning(transaction).await?;
    Ok(true)
}

#[async_trait]
impl KeyRepo for SeaKeyRepo {
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        let keys = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(&self.0.0);
        Ok(keys.await.map_err(store_error)?.into_iter().map(StoredKey::from).collect())
    }

    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError> {
        let transaction = self.0.0.begin().await.map_err(store_error)?;
        let added = add(&transaction, key, known).await;
        transaction.end(added).await.map_err(store_error)
    }

    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError> {
        let end = end.datetime();
        Entity::update_many()
            .filter(Column::Id.is_in(ids))
            .filter(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(end)))
            .col_expr(Column::ExpiresAt, end.into())
            .exec(&self.0.0)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
