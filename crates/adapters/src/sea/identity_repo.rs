//! The store of users and accounts.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, SqlErr};
use taskbridge_domain::password::PasswordHash;
use taskbridge_domain::ports::{Credential, IdentityRepo, RegisterError, Registration, StoreError};
use taskbridge_domain::user::Email;
use taskbridge_domain::{Timestamp, UserId};

use super::Store;
use super::entities::{account, session, user};
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
            let session = session::Model::from(session).into_active_model();
            session::Entity::insert(session).exec_without_returning(&transaction).await.map_err(store_error)?;
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

    async fn replace_password(
        &self,
        user: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = account::Entity::update_many()
            .filter(account::Column::UserId.eq(user.as_str()))
            .filter(account::Column::ProviderId.eq(account::CREDENTIAL))
            .filter(account::Column::Password.eq(old.expose()))
            .col_expr(account::Column::Password, new.expose().into())
            .col_expr(account::Column::UpdatedAt, now.datetime().into())
            .exec(&self.0.0)
            .await
            .map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }
}
