//! Users and accounts in Better Auth's tables.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait as _, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use taskbridge_domain::ports::{
    Credential, IdentityRepo, PasswordChange, RegisterError, Registration, RegistrationIds, StoreError,
};
use taskbridge_domain::sessions::Session;
use taskbridge_domain::users::{Account, Email, PasswordHash, ProfileUpdate, UserImage};
use taskbridge_domain::{Timestamp, UserId};
use taskbridge_schema::{AuthTable, IdKind, OWNER};

use crate::database::Store;
use crate::database::connection_pool::{Transaction, TransactionBody};
use crate::database::entities::column_types::Time;
use crate::database::entities::user_id::is_user;
use crate::database::entities::{account, session, user};
use crate::database::error::{Inconsistency, Violation, store_error, violation};
use crate::database::new_rows::insert;
use crate::database::restrictions::RestrictionColumns;

/// Stores users and accounts in Better Auth's tables.
pub struct SeaIdentityRepo(pub Store);

#[async_trait]
impl IdentityRepo for SeaIdentityRepo {
    async fn next_ids(&self) -> Result<RegistrationIds, StoreError> {
        let [user, account, session] =
            self.0.new_ids([AuthTable::User, AuthTable::Account, AuthTable::Session]).await?;
        let user = UserId::parse(user).ok_or(Inconsistency { table: "user", column: "id" })?;
        Ok(RegistrationIds { user, account, session })
    }

    async fn register(&self, registration: &Registration) -> Result<(), RegisterError> {
        if self.0.pool.transaction(registration).await.map_err(store_error)? {
            return Ok(());
        }
        // A value that must be unique is taken. This can also be the id, if rows were imported with ids that the sequence
        // of the table had not generated yet.
        let is_integer = matches!(self.0.pool.id_kind(AuthTable::User), IdKind::Integer { .. });
        if is_integer && self.find_credential(&registration.user.email).await?.is_none() {
            return Err(RegisterError::Store(Inconsistency { table: "user", column: "id" }.into()));
        }
        Err(RegisterError::EmailTaken)
    }

    async fn find_credential(&self, email: &Email) -> Result<Option<Credential>, StoreError> {
        let find = |columns: Arc<RestrictionColumns>| async move {
            let users = user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
            let select = columns.select(users.find_also_related(account::Entity), "A_");
            select.into_model::<user::Row, account::Model>().one(&self.0.pool).await
        };
        let found = self.0.with_restriction_columns(find).await.map_err(store_error)?;
        let Some((user, account)) = found else { return Ok(None) };
        let password = account.and_then(|account| account.password).map(PasswordHash::new);
        Ok(Some(Credential { user: user.try_into()?, password }))
    }

    async fn find_password(&self, user: &UserId) -> Result<Option<PasswordHash>, StoreError> {
        let find = account::Entity::find().filter(account::of(self.0.pool.id_kind(AuthTable::User), user));
        let account = find.one(&self.0.pool).await.map_err(store_error)?;
        Ok(account.and_then(|account| account.password).map(PasswordHash::new))
    }

    async fn change_password(&self, change: &PasswordChange) -> Result<bool, StoreError> {
        self.0.pool.transaction(change).await.map_err(store_error)
    }

    async fn list_accounts(&self, user: &UserId, limit: u32) -> Result<Vec<Account>, StoreError> {
        let rows = account::Entity::find()
            .filter(is_user(account::Column::UserId, self.0.pool.id_kind(AuthTable::User), user))
            .order_by_asc(account::Column::CreatedAt)
            .order_by_asc(account::Column::Id)
            .limit(u64::from(limit))
            .all(&self.0.pool)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn update_profile(&self, user: &UserId, change: &ProfileUpdate, now: Timestamp) -> Result<bool, StoreError> {
        let ProfileUpdate { name, image } = change;
        let mut update = user::Entity::update_many()
            .filter(is_user(user::Column::Id, self.0.pool.id_kind(AuthTable::User), user))
            .col_expr(user::Column::UpdatedAt, now.datetime().into());
        if let Some(name) = name {
            update = update.col_expr(user::Column::Name, name.as_str().into());
        }
        if let Some(image) = image {
            update = update.col_expr(user::Column::Image, image.as_ref().map(UserImage::as_str).into());
        }
        let done = update.exec(&self.0.pool).await.map_err(store_error)?;
        Ok(done.rows_affected > 0)
    }

    async fn delete(&self, user: &UserId) -> Result<(), StoreError> {
        self.0.pool.transaction(&Removal(user)).await.map_err(store_error).map(drop)
    }
}

async fn open(session: &Session, transaction: &Transaction) -> Result<(), DbErr> {
    let row = session::Model::from(session).into_active_model();
    insert(transaction, AuthTable::Session, row).await
}

/// Creates the user, the account with the password, and the first session, if there is one. Returns `false` if the
/// email address is already taken.
#[async_trait]
impl TransactionBody for Registration {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { user, account_id, password, session } = self;
        let account = account::Model {
            id: account_id.clone(),
            account_id: user.id.to_string(),
            provider_id: account::CREDENTIAL.to_owned(),
            user_id: user.id.to_string(),
            scope: None,
            password: Some(password.expose().to_owned()),
            created_at: Time(user.created_at.datetime()),
            updated_at: Time(user.created_at.datetime()),
        };
        let user = user::Model::from(user).into_active_model();
        match insert(transaction, AuthTable::User, user).await {
            Err(error) if violation(&error) == Some(Violation::Unique) => return Ok(false),
            inserted => inserted?,
        }
        insert(transaction, AuthTable::Account, account.into_active_model()).await?;
        if let Some(session) = session {
            open(session, transaction).await?;
        }
        Ok(true)
    }
}

/// Stores the new password and, if `only_session` is given, replaces all sessions of the user with it. Returns `false`
/// if the stored password is no longer `old`.
#[async_trait]
impl TransactionBody for PasswordChange {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { user, old, new, at, only_session } = self;
        let ids = transaction.id_kind(AuthTable::User);
        let done = account::Entity::update_many()
            .filter(account::of(ids, user))
            .filter(account::Column::Password.eq(old.expose()))
            .col_expr(account::Column::Password, new.expose().into())
            .col_expr(account::Column::UpdatedAt, at.datetime().into())
            .exec(transaction)
            .await?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        if let Some(session) = only_session {
            session::Entity::delete_many()
                .filter(is_user(session::Column::UserId, ids, user))
                .exec(transaction)
                .await?;
            open(session, transaction).await?;
        }
        Ok(true)
    }
}

/// The deletion of a user.
struct Removal<'a>(&'a UserId);

/// Deletes the user's rows from each table, because adopted tables may lack foreign keys that would delete them. Locks
/// rows in the same order as a password change, to avoid deadlocks.
#[async_trait]
impl TransactionBody for Removal<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let (user, ids) = (self.0, transaction.id_kind(AuthTable::User));
        for table in transaction.rewriter.map().owned_tables() {
            let is_owner = is_user(Alias::new(OWNER), ids, user);
            let delete = Query::delete().from_table(Alias::new(*table)).and_where(is_owner).to_owned();
            transaction.execute(&delete).await?;
        }
        account::Entity::delete_many().filter(is_user(account::Column::UserId, ids, user)).exec(transaction).await?;
        session::Entity::delete_many().filter(is_user(session::Column::UserId, ids, user)).exec(transaction).await?;
        user::Entity::delete_many().filter(is_user(user::Column::Id, ids, user)).exec(transaction).await?;
        Ok(true)
    }
}
