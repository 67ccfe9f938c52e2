//! Users in Better Auth's tables, as an operator manages them.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use taskbridge_domain::ports::{BanError, NewBan, PasswordReset, StoreError, UserAdminRepo, UserTotals};
use taskbridge_domain::users::{BanReason, Email, User};
use taskbridge_domain::{Timestamp, UserId};
use taskbridge_schema::AuthTable;

use crate::database::Store;
use crate::database::connection_pool::{Transaction, TransactionBody};
use crate::database::email_case::in_lower_case;
use crate::database::entities::column_types::Time;
use crate::database::entities::user_id::is_user;
use crate::database::entities::{account, session, task, user};
use crate::database::error::store_error;
use crate::database::new_rows::insert;
use crate::database::restrictions::RestrictionColumns;

/// Manages users in Better Auth's tables.
pub struct SeaUserAdminRepo(pub Store);

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

impl SeaUserAdminRepo {
    async fn count<E: EntityTrait>(&self, condition: Condition) -> Result<u64, StoreError> {
        let count = E::find().select_only().expr_as(Expr::cust("count(*)"), "count").filter(condition);
        let counted = count.into_model::<Count>().one(&self.0.pool).await.map_err(store_error)?;
        Ok(counted.map_or(0, |counted| counted.count.unsigned_abs()))
    }

    /// Stores a ban, or its end if `until` and `reason` are `None` and `banned` is `false`.
    async fn set_ban(&self, change: BanChange<'_>) -> Result<bool, BanError> {
        let columns = self.0.ban_columns().await?;
        let (reason, until) = (change.reason.map(BanReason::as_str), change.until);
        let values =
            columns.values(change.banned, reason, until).map_err(|error| BanError::Unsupported(Box::new(error)))?;
        let body = BanBody { change, values };
        self.0.pool.transaction(&body).await.map_err(|error| store_error(error).into())
    }
}

#[async_trait]
impl UserAdminRepo for SeaUserAdminRepo {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let find = |columns: Arc<RestrictionColumns>| async move {
            let users =
                user::Entity::find().filter(is_user(user::Column::Id, self.0.pool.id_kind(AuthTable::User), id));
            columns.select(users, "").into_model::<user::Row>().one(&self.0.pool).await
        };
        let found = self.0.with_restriction_columns(find).await.map_err(store_error)?;
        Ok(found.map(User::try_from).transpose()?)
    }

    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let after = after.as_ref();
        let list = |columns: Arc<RestrictionColumns>| async move {
            let mut users = user::Entity::find().order_by_asc(user::Column::Id).limit(u64::from(limit));
            if let Some(after) = after {
                users = users.filter(user::Column::Id.gt(after.as_str()));
            }
            columns.select(users, "").into_model::<user::Row>().all(&self.0.pool).await
        };
        let rows = self.0.with_restriction_columns(list).await.map_err(store_error)?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn has_email(&self, email: &Email) -> Result<bool, StoreError> {
        let found = Expr::cust(in_lower_case(self.0.pool.get_database_backend())).eq(email.as_str());
        Ok(self.count::<user::Entity>(Condition::all().add(found)).await? > 0)
    }

    async fn totals(&self, user: &UserId, now: Timestamp) -> Result<UserTotals, StoreError> {
        let ids = self.0.pool.id_kind(AuthTable::User);
        let of_user = Condition::all().add(is_user(task::Column::UserId, ids, user));
        let open = Condition::all()
            .add(is_user(session::Column::UserId, ids, user))
            .add(session::Column::ExpiresAt.gte(now.datetime()));
        Ok(UserTotals {
            tasks: self.count::<task::Entity>(of_user).await?,
            sessions: self.count::<session::Entity>(open).await?,
        })
    }

    async fn reset_password(&self, reset: &PasswordReset) -> Result<bool, StoreError> {
        let [account_id] = self.0.new_ids([AuthTable::Account]).await?;
        self.0.pool.transaction(&Reset { reset, account_id }).await.map_err(store_error)
    }

    async fn ban(&self, ban: &NewBan) -> Result<bool, BanError> {
        let NewBan { user, reason, until, at } = ban;
        self.set_ban(BanChange { user, banned: true, reason: reason.as_ref(), until: *until, at: *at }).await
    }

    async fn has_bans(&self) -> Result<bool, StoreError> {
        self.0.has_bans().await
    }

    async fn ban_reason(&self, user: &UserId) -> Result<Option<BanReason>, StoreError> {
        let Some(reason) = self.0.ban_columns().await?.reason() else { return Ok(None) };
        let find = user::Entity::find().select_only().expr_as(reason, "reason");
        let find = find.filter(is_user(user::Column::Id, self.0.pool.id_kind(AuthTable::User), user));
        let found = find.into_tuple::<Option<String>>().one(&self.0.pool).await.map_err(store_error)?;
        Ok(found.flatten().map(BanReason::from_stored))
    }

    async fn unban(&self, user: &UserId, now: Timestamp) -> Result<bool, BanError> {
        self.set_ban(BanChange { user, banned: false, reason: None, until: None, at: now }).await
    }
}

/// A password reset, with an id for the account of a user who has none.
struct Reset<'a> {
    reset: &'a PasswordReset,
    account_id: String,
}

impl Reset<'_> {
    /// Stores the password in the `credential` account of the user. Returns `false` if there is none. Also repairs the
    /// `accountId` of an account that another program created, because only the user's own id is found at sign-in.
    async fn update(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let PasswordReset { user, new, at } = self.reset;
        let done = account::Entity::update_many()
            .filter(is_user(account::Column::UserId, transaction.id_kind(AuthTable::User), user))
            .filter(account::Column::ProviderId.eq(account::CREDENTIAL))
            .col_expr(account::Column::AccountId, user.as_str().into())
            .col_expr(account::Column::Password, new.expose().into())
            .col_expr(account::Column::UpdatedAt, at.datetime().into())
            .exec(transaction)
            .await?;
        Ok(done.rows_affected > 0)
    }
}

/// Locks rows in the same order as a password change, to avoid deadlocks. Locks the user before it adds an account, so that
/// concurrent resets do not both add one.
#[async_trait]
impl TransactionBody for Reset<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let PasswordReset { user, new, at } = self.reset;
        let ids = transaction.id_kind(AuthTable::User);
        if !self.update(transaction).await? {
            let exists = user::Entity::find()
                .select_only()
                .column(user::Column::Id)
                .filter(is_user(user::Column::Id, ids, user))
                .lock(LockType::NoKeyUpdate)
                .into_tuple::<String>()
                .one(transaction)
                .await?;
            if exists.is_none() {
                return Ok(false);
            }
            if !self.update(transaction).await? {
                let account = account::Model {
                    id: self.account_id.clone(),
                    account_id: user.to_string(),
                    provider_id: account::CREDENTIAL.to_owned(),
                    user_id: user.to_string(),
                    scope: None,
                    password: Some(new.expose().to_owned()),
                    created_at: Time(at.datetime()),
                    updated_at: Time(at.datetime()),
                };
                insert(transaction, AuthTable::Account, account.into_active_model()).await?;
            }
        }
        delete_sessions(user, transaction).await?;
        Ok(true)
    }
}

async fn delete_sessions(user: &UserId, transaction: &Transaction) -> Result<(), DbErr> {
    let of_user = is_user(session::Column::UserId, transaction.id_kind(AuthTable::User), user);
    session::Entity::delete_many().filter(of_user).exec(transaction).await.map(drop)
}

/// A change of a ban.
#[derive(Clone, Copy)]
struct BanChange<'a> {
    user: &'a UserId,
    banned: bool,
    reason: Option<&'a BanReason>,
    until: Option<Timestamp>,
    at: Timestamp,
}

/// A change of a ban, with the columns and their values.
struct BanBody<'a> {
    change: BanChange<'a>,
    values: Vec<(String, Expr)>,
}

/// Deletes the sessions of a banned user first, because a deletion of the user locks rows in the same order.
#[async_trait]
impl TransactionBody for BanBody<'_> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let BanChange { user, banned, at, .. } = self.change;
        if banned {
            delete_sessions(user, transaction).await?;
        }
        let mut update = user::Entity::update_many()
            .filter(is_user(user::Column::Id, transaction.id_kind(AuthTable::User), user))
            .col_expr(user::Column::UpdatedAt, at.datetime().into());
        for (column, value) in &self.values {
            update = update.col_expr(Alias::new(column), value.clone());
        }
        Ok(update.exec(transaction).await?.rows_affected > 0)
    }
}
