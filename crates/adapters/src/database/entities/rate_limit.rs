//! Better Auth's table `rateLimit`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "better_auth.rateLimit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_name = "rateLimit.id", select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(column_name = "rateLimit.key", select_as = "text")]
    pub(crate) key: String,
    #[sea_orm(column_name = "rateLimit.count")]
    pub(crate) count: i64,
    /// Time of the last counted request, in milliseconds since 1970.
    #[sea_orm(column_name = "rateLimit.lastRequest")]
    pub(crate) last_request: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
