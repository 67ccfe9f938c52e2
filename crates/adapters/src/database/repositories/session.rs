//! Sessions in Better Auth's table.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use taskbridge_domain::ports::{SessionRepo, StoreError};
use taskbridge_domain::sessions::{Session, SessionToken};
use taskbridge_domain::users::{Email, PasswordHash, User};
use taskbridge_domain::{Timestamp, UserId};
use taskbridge_schema::AuthTable;

use super::batches::delete_in_batches;
use crate::database::Store;
use crate::database::connection_pool::{Transaction, TransactionBody};
use crate::database::entities::session::{Column, Entity, Model};
use crate::database::entities::user_id::is_user;
use crate::database::entities::{account, user};
use crate::database::error::store_error;
use crate::database::new_rows::insert;
use crate::database::restrictions::RestrictionColumns;

/// Stores sessions in Better Auth's table.
pub struct SeaSessionRepo(pub Store);

impl SeaSessionRepo {
    /// Returns the condition for the sessions of this user.
    fn of(&self, user: &UserId) -> Condition {
        Condition::all().add(is_user(Column::UserId, self.0.pool.id_kind(AuthTable::User), user))
    }

    async fn delete(&self, condition: Condition) -> Result<u64, StoreError> {
        let done = Entity::delete_many().filter(condition).exec(&self.0.pool).await.map_err(store_error)?;
        Ok(done.rows_affected)
    }
}

/// Returns `false` if the token contains a NUL character. No session can have such a token, because PostgreSQL can
/// neither store it nor accept it in a query.
fn can_exist(token: &SessionToken) -> bool {
    !token.expose().contains('\0')
}

fn has_token(token: &SessionToken) -> Condition {
    Condition::all().add(Column::Token.eq(token.expose()))
}

/// A new session, which is created only if `password` is still the user's stored password.
struct Opening<'a> {
    session: &'a Session,
    password: &'a PasswordHash,
}

/// Locks the row with the password until the end of the transaction, so that the password does not change meanwhile.
/// SQLite needs no lock, because it allows only one writer.
#[async_trait]
impl TransactionBody for Opening<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { session, password } = self;
        let unchanged = account::of(transaction.id_kind(AuthTable::User), &session.user_id)
            .add(account::Column::Password.eq(password.expose()));
        let held = account::Entity::find().filter(unchanged).lock_shared().one(transaction).await?;
        if held.is_some() {
            insert(transaction, AuthTable::Session, Model::from(*session).into_active_model()).await?;
        }
        Ok(held.is_some())
    }
}

#[async_trait]
impl SessionRepo for SeaSessionRepo {
    async fn next_id(&self) -> Result<String, StoreError> {
        let [id] = self.0.new_ids([AuthTable::Session]).await?;
        Ok(id)
    }

    async fn create(&self, session: &Session, password: &PasswordHash) -> Result<bool, StoreError> {
        self.0.pool.transaction(&Opening { session, password }).await.map_err(store_error)
    }

    async fn find(&self, token: &SessionToken) -> Result<Option<(Session, User)>, StoreError> {
        if !can_exist(token) {
            return Ok(None);
        }
        let find = |columns: Arc<RestrictionColumns>| async move {
            let sessions = Entity::find().filter(has_token(token)).find_also_related(user::Entity);
            let select = columns.select(sessions, "B_");
            select.into_model::<Model, user::Row>().one(&self.0.pool.reads()).await
        };
        let found = self.0.with_restriction_columns(find).await.map_err(store_error)?;
        // A session whose user has been deleted is treated as missing.
        let Some((session, Some(user))) = found else { return Ok(None) };
        Ok(Some((session.try_into()?, user.try_into()?)))
    }

    async fn extend(
        &self,
        token: &SessionToken,
        expires_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .filter(has_token(token))
            .col_expr(Column::ExpiresAt, expires_at.datetime().into())
            .col_expr(Column::UpdatedAt, updated_at.datetime().into())
            .exec(&self.0.pool)
            .await
            .map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }

    async fn list(&self, user: &UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError> {
        let rows = Entity::find()
            .filter(self.of(user).add(Column::ExpiresAt.gte(now.datetime())))
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit))
            .all(&self.0.pool.reads())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn has_session_from(&self, email: &Email, ip_address: &str, now: Timestamp) -> Result<bool, StoreError> {
        let found = Entity::find()
            .select_only()
            .column(Column::Id)
            .inner_join(user::Entity)
            .filter(user::Column::Email.eq(email.as_str()))
            .filter(Column::IpAddress.eq(ip_address))
            .filter(Column::ExpiresAt.gte(now.datetime()))
            .limit(1)
            .into_tuple::<String>()
            .one(&self.0.pool)
            .await
            .map_err(store_error)?;
        Ok(found.is_some())
    }

    async fn delete(&self, token: &SessionToken) -> Result<(), StoreError> {
        if can_exist(token) { self.delete(has_token(token)).await.map(drop) } else { Ok(()) }
    }

    async fn delete_owned(&self, user: &UserId, token: &SessionToken) -> Result<(), StoreError> {
        if can_exist(token) { self.delete(self.of(user).add(has_token(token))).await.map(drop) } else { Ok(()) }
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.delete(self.of(user)).await.map(drop)
    }

    async fn delete_others(&self, user: &UserId, kept: &SessionToken) -> Result<(), StoreError> {
        self.delete(self.of(user).add(Column::Token.ne(kept.expose()))).await.map(drop)
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        delete_in_batches::<Entity>(&self.0, Column::Id, Column::ExpiresAt.lt(now.datetime())).await
    }
}
