//! Better Auth's table `account`: one row for each way a user signs in. Ours is the password; the columns of the
//! other ways are never read or written here.

use sea_orm::entity::prelude::*;

/// The `providerId` of the row that holds a password; its `accountId` is the user's id.
pub(crate) const CREDENTIAL: &str = "credential";

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    #[sea_orm(column_name = "accountId")]
    pub(crate) account_id: String,
    #[sea_orm(column_name = "providerId")]
    pub(crate) provider_id: String,
    #[sea_orm(column_name = "userId")]
    pub(crate) user_id: String,
    pub(crate) password: Option<String>,
    #[sea_orm(column_name = "createdAt")]
    pub(crate) created_at: DateTimeUtc,
    #[sea_orm(column_name = "updatedAt")]
    pub(crate) updated_at: DateTimeUtc,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::UserId", to = "super::user::Column::Id")]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

super::debug_shows_the_id!();
