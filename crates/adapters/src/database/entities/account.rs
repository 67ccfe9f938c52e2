//! Better Auth's table `account`: one row for each way in which a user signs in. Taskbridge writes the rows with
//! passwords, and only reads those of other providers.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use taskbridge_domain::users::Account;
use taskbridge_domain::{Timestamp, UserId};
use taskbridge_schema::IdKind;

use super::column_types::Time;
use super::user_id::is_user;
use crate::database::error::Inconsistency;

/// The `providerId` of the row that holds a password. Its `accountId` is the id of the user.
pub(crate) const CREDENTIAL: &str = "credential";

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "better_auth.account")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_name = "account.id", select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(column_name = "account.accountId", select_as = "text")]
    pub(crate) account_id: String,
    #[sea_orm(column_name = "account.providerId", select_as = "text")]
    pub(crate) provider_id: String,
    #[sea_orm(column_name = "account.userId", select_as = "text")]
    pub(crate) user_id: String,
    /// The OAuth scopes that the user granted, separated by commas. A row with a password has no scopes.
    #[sea_orm(column_name = "account.scope", select_as = "text")]
    pub(crate) scope: Option<String>,
    #[sea_orm(column_name = "account.password", select_as = "text")]
    pub(crate) password: Option<String>,
    #[sea_orm(column_name = "account.createdAt")]
    pub(crate) created_at: Time,
    #[sea_orm(column_name = "account.updatedAt")]
    pub(crate) updated_at: Time,
}

/// Returns the condition for the account that holds the password of this user, whose id has this kind.
pub(crate) fn of(kind: IdKind, user: &UserId) -> Condition {
    Condition::all()
        .add(is_user(Column::UserId, kind, user))
        .add(Column::AccountId.eq(user.as_str()))
        .add(Column::ProviderId.eq(CREDENTIAL))
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::debug_shows_the_id!();

impl TryFrom<Model> for Account {
    type Error = Inconsistency;

    fn try_from(row: Model) -> Result<Self, Inconsistency> {
        let Model { id, account_id, provider_id, user_id, scope, password: _, created_at, updated_at } = row;
        let scopes = scope.as_deref().unwrap_or_default().split(',').map(str::trim);
        Ok(Self {
            id,
            provider_id,
            account_id,
            user_id: UserId::parse(user_id).ok_or(Inconsistency { table: "account", column: "userId" })?,
            scopes: scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
            created_at: Timestamp::new(created_at.0),
            updated_at: Timestamp::new(updated_at.0),
        })
    }
}
