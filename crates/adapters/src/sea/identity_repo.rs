//! The store of users and accounts.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, SqlErr};
use taskbridge_domain::password::PasswordHash;
use taskbridge_domain::ports::{Credential, IdentityRepo, PasswordChange, RegisterError, Registration, StoreError};
use taskbridge_domain::session::Session;
use taskbridge_domain::user::{Account, Email, ProfileChange, UserImage};
use taskbridge_domain::{Timestamp, UserId};

use super::Store;
use super::connection::Transaction;
use super::entities::{account, session, task, user};
use super::error::store_error;

/// Users and accounts in Better Auth's tables.
pub struct SeaIdentityRepo(Store);

impl SeaIdentityRepo {
    /// A repository on this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self(store)
    }
}

#[async_trait]
impl IdentityRepo for SeaIdentityRepo {
    async fn register(&self, registration: &Registration) -> Result<(), RegisterError> {
        let Registration { user, account_id, password, session } = registration;
        let account = account::Model {
            id: account_id.clone(),
            account_id: user.id.to_string(),
            provider_id: account::CREDENTIAL.to_owned(),
            user_id: user.id.to_string(),
            scope: None,
            password: Some(password.expose().to_owned()),
            created_at: user.created_at.datetime(),
            updated_at: user.created_at.datetime(),
        };
        let transaction = self.0.0.begin().await.map_err(store_error)?;
        let written = async {
            let user = user::Model::from(user).into_active_model();
            user::Entity::insert(user).exec_without_returning(&transaction).await.map_err(|error| {
                match error.sql_err() {
                    Some(SqlErr::UniqueConstraintViolation(_)) => RegisterError::EmailTaken,
                    _ => RegisterError::Store(store_error(error)),
                }
            })?;
            let account = account.into_active_model();
            account::Entity::insert(account).exec_without_returning(&transaction).await.map_err(store_error)?;
            open(session, &transaction).await.map_err(store_error)?;
            Ok(())
        };
        match written.await {
            Ok(()) => Ok(transaction.commit().await.map_err(store_error)?),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }

    async fn credential(&self, email: &Email) -> Result<Option<Credential>, StoreError> {
        let found = user::Entity::find()
            .filter(user::Column::Email.eq(email.as_str()))
            .find_also_related(account::Entity)
            .one(&self.0.0)
            .await
            .map_err(store_error)?;
        let Some((user, account)) = found else { return Ok(None) };
        let password = account.and_then(|account| account.password).map(PasswordHash::new);
        Ok(Some(Credential { user: user.try_into()?, password }))
    }

    async fn password(&self, user: &UserId) -> Result<Option<PasswordHash>, StoreError> {
        let account = account::Entity::find().filter(account::of(user)).one(&self.0.0).await.map_err(store_error)?;
        Ok(account.and_then(|account| account.password).map(PasswordHash::new))
    }

    async fn change_password(&self, change: &PasswordChange) -> Result<bool, StoreError> {
        let transaction = self.0.0.begin().await.map_err(store_error)?;
        let changed = store_password(change, &transaction).await;
        transaction.end(changed).await.map_err(store_error)
    }

    async fn accounts(&self, user: &UserId, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows = account::Entity::find()
            .filter(account::Column::UserId.eq(user.as_str()))
            .order_by_asc(account::Column::CreatedAt)
            .order_by_asc(account::Column::Id)
            .limit(u64::from(limit))
            .all(&self.0.0)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn update(&self, user: &UserId, change: &ProfileChange, now: Timestamp) -> Result<bool, StoreError> {
        let ProfileChange { name, image } = change;
        let mut update = user::Entity::update_many()
            .filter(user::Column::Id.eq(user.as_str()))
            .col_expr(user::Column::UpdatedAt, now.datetime().into());
        if let Some(name) = name {
            update = update.col_expr(user::Column::Name, name.as_str().into());
        }
        if let Some(image) = image {
            update = update.col_expr(user::Column::Image, image.as_ref().map(UserImage::as_str).into());
        }
        let done = update.exec(&self.0.0).await.map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }

    async fn remove(&self, user: &UserId) -> Result<(), StoreError> {
        let transaction = self.0.0.begin().await.map_err(store_error)?;
        let removed = remove(user, &transaction).await;
        transaction.end(removed).await.map_err(store_error).map(drop)
    }
}

async fn open(session: &Session, transaction: &Transaction) -> Result<(), DbErr> {
    let session = session::Model::from(session).into_active_model();
    session::Entity::insert(session).exec_without_returning(transaction).await.map(drop)
}

/// Whether anything was changed.
async fn store_password(change: &PasswordChange, transaction: &Transaction) -> Result<bool, DbErr> {
    let PasswordChange { user, old, new, at, only_session } = change;
    let done = account::Entity::update_many()
        .filter(account::of(user))
        .filter(account::Column::Password.eq(old.expose()))
        .col_expr(account::Column::Password, new.expose().into())
        .col_expr(account::Column::UpdatedAt, at.datetime().into())
        .exec(transaction)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    if let Some(session) = only_session {
        session::Entity::delete_many().filter(session::Column::UserId.eq(user.as_str())).exec(transaction).await?;
        open(session, transaction).await?;
    }
    Ok(true)
}

/// Row by row, for tables that somebody else has made: those need not refer to each other. In the order of a change of the
/// password, which may be under way.
async fn remove(user: &UserId, transaction: &Transaction) -> Result<bool, DbErr> {
    let user = user.as_str();
    task::Entity::delete_many().filter(task::Column::UserId.eq(user)).exec(transaction).await?;
    account::Entity::delete_many().filter(account::Column::UserId.eq(user)).exec(transaction).await?;
    session::Entity::delete_many().filter(session::Column::UserId.eq(user)).exec(transaction).await?;
    user::Entity::delete_many().filter(user::Column::Id.eq(user)).exec(transaction).await?;
    Ok(true)
}
