//! Better Auth's table `rateLimit`.

use sea_orm::entity::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rateLimit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(select_as = "text")]
    pub(crate) key: String,
    pub(crate) count: i64,
    /// Time of the last counted request, in milliseconds since 1970.
    #[sea_orm(column_name = "lastRequest")]
    pub(crate) last_request: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
