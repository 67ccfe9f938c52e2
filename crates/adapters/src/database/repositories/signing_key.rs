//! Signing keys in Better Auth's table.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::StoreError;
use taskbridge_schema::{AuthTable, IdKind};

use crate::database::Store;
use crate::database::connection_pool::{Transaction, TransactionBody};
use crate::database::entities::jwks::{Column, Entity, Model};
use crate::database::error::store_error;
use crate::database::new_rows::insert;
use crate::jwt::{SigningKeyRepo, StoredKey};

/// Stores signing keys in Better Auth's table `jwks`.
pub struct SeaSigningKeyRepo(pub Store);

/// A new signing key, which is added only if `known` contains the ids of all keys in the table.
struct Addition<'a> {
    key: &'a StoredKey,
    known: &'a [String],
}

/// No other process can add a key at the same time: SQLite allows only one writer, and on PostgreSQL the table is
/// locked.
#[async_trait]
impl TransactionBody for Addition<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { key, known } = *self;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // The query builder does not support table locks.
            transaction.execute_unprepared(r#"lock table "better_auth.jwks" in share row exclusive mode"#).await?;
        }
        let known = of_kind(known, transaction.id_kind(AuthTable::Jwks));
        if Entity::find().filter(Column::Id.is_not_in(known)).one(transaction).await?.is_some() {
            return Ok(false);
        }
        insert(transaction, AuthTable::Jwks, Model::from(key).into_active_model()).await?;
        Ok(true)
    }
}

/// Returns those of the ids that have this kind. The others cannot be in the table.
fn of_kind(ids: &[String], kind: IdKind) -> impl Iterator<Item = &str> {
    ids.iter().map(String::as_str).filter(move |id| kind.accepts(id))
}

#[async_trait]
impl SigningKeyRepo for SeaSigningKeyRepo {
    async fn next_id(&self) -> Result<String, StoreError> {
        let [id] = self.0.new_ids([AuthTable::Jwks]).await?;
        Ok(id)
    }

    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        let keys = Entity::find().order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(&self.0.pool);
        Ok(keys.await.map_err(store_error)?.into_iter().map(StoredKey::from).collect())
    }

    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError> {
        self.0.pool.transaction(&Addition { key, known }).await.map_err(store_error)
    }

    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError> {
        let end = end.datetime();
        Entity::update_many()
            .filter(Column::Id.is_in(of_kind(ids, self.0.pool.id_kind(AuthTable::Jwks))))
            .filter(Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(end)))
            .col_expr(Column::ExpiresAt, end.into())
            .exec(&self.0.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}
