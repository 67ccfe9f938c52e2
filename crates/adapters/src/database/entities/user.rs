//! Better Auth's table `user`.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{FromQueryResult, QueryResult};
use taskbridge_domain::users::{Email, Restrictions, User, UserImage, UserName};
use taskbridge_domain::{Timestamp, UserId};

use super::column_types::{Flag, Time};
use crate::database::error::Inconsistency;
use crate::database::restrictions::RestrictionColumns;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "better_auth.user")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_name = "user.id", select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(column_name = "user.name", select_as = "text")]
    pub(crate) name: String,
    #[sea_orm(column_name = "user.email", select_as = "text")]
    pub(crate) email: String,
    #[sea_orm(column_name = "user.emailVerified")]
    pub(crate) email_verified: Flag,
    #[sea_orm(column_name = "user.image", select_as = "text")]
    pub(crate) image: Option<String>,
    #[sea_orm(column_name = "user.createdAt")]
    pub(crate) created_at: Time,
    #[sea_orm(column_name = "user.updatedAt")]
    pub(crate) updated_at: Time,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    // `has_many` would require the opposite relation in `account`, so that the two modules would import each other.
    #[sea_orm(belongs_to = "super::account::Entity", from = "Column::Id", to = "super::account::Column::UserId")]
    Account,
}

/// Joins the account that holds the user's password: its provider is `credential`, and its `accountId` is the user's
/// own id.
impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def().on_condition(|user, account| {
            let of_account = |column: super::account::Column| Expr::col((account.clone(), column));
            Condition::all()
                .add(of_account(super::account::Column::ProviderId).eq(super::account::CREDENTIAL))
                // `user.id` is cast to text, because the column may have another type.
                .add(of_account(super::account::Column::AccountId).eq(Expr::col((user, Column::Id)).cast_as("text")))
        })
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// A user with their restrictions, selected by [`RestrictionColumns::select`].
pub(crate) struct Row {
    model: Model,
    restrictions: Restrictions,
}

impl FromQueryResult for Row {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let model = Model::from_query_result(row, prefix)?;
        Ok(Self { model, restrictions: RestrictionColumns::read(row, prefix)? })
    }

    fn from_query_result_optional(row: &QueryResult, prefix: &str) -> Result<Option<Self>, DbErr> {
        let model = Model::from_query_result_optional(row, prefix)?;
        model.map(|model| Ok(Self { model, restrictions: RestrictionColumns::read(row, prefix)? })).transpose()
    }
}

super::debug_shows_the_id!();

impl TryFrom<Row> for User {
    type Error = Inconsistency;

    fn try_from(row: Row) -> Result<Self, Inconsistency> {
        let Row { model, restrictions } = row;
        let Model { id, name, email, email_verified, image, created_at, updated_at } = model;
        Ok(Self {
            id: UserId::parse(id).ok_or(Inconsistency { table: "user", column: "id" })?,
            name: UserName::from_stored(name),
            email: Email::from_stored(email),
            email_verified: email_verified.0,
            image: image.map(UserImage::from_stored),
            created_at: Timestamp::new(created_at.0),
            updated_at: Timestamp::new(updated_at.0),
            restrictions,
        })
    }
}

impl From<&User> for Model {
    fn from(user: &User) -> Self {
        // Taskbridge never writes the columns that mark a user as restricted.
        let User { id, name, email, email_verified, image, created_at, updated_at, restrictions: _ } = user;
        Self {
            id: id.to_string(),
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            email_verified: Flag(*email_verified),
            image: image.as_ref().map(|image| image.as_str().to_owned()),
            created_at: Time(created_at.datetime()),
            updated_at: Time(updated_at.datetime()),
        }
    }
}
