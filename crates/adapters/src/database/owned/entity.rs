//! The description of a table, for its repository.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel, PrimaryKeyTrait, Select};
use taskbridge_domain::owned::{CursorOf, OwnedResource};
use taskbridge_domain::{Owner, Timestamp, UserId};

use super::dialect::Dialect;
use crate::database::Store;
use crate::database::entities::column_types::RowId;

/// A table whose rows are resources that belong to users. The database generates the ids.
pub trait OwnedEntity:
    EntityTrait<
        Model: IntoActiveModel<Self::ActiveModel> + Send + Sync,
        ActiveModel: ActiveModelTrait<Entity = Self> + Clone + Send + Sync,
        PrimaryKey: PrimaryKeyTrait<ValueType = i64>,
    >
{
    /// The resource that a row contains.
    type Resource: OwnedResource;

    /// The column of the id.
    const ID: Self::Column;
    /// The column with the id of the owner.
    const OWNER: Self::Column;
    /// The column with the time of the last change.
    const UPDATED_AT: Self::Column;

    /// Returns the row of a new resource.
    fn new_row(owner: &Owner, new: &<Self::Resource as OwnedResource>::New, now: Timestamp) -> Self::ActiveModel;

    /// Returns the columns that a patch changes, and their new values. The column of the last change is not among them.
    fn changes(
        patch: &<Self::Resource as OwnedResource>::Patch,
    ) -> impl IntoIterator<Item = (Self::Column, Expr)> + Send;

    /// Returns the owner in a row.
    fn owner(row: &Self::Model) -> &RowId;

    /// Returns the resource that a row contains, whose owner is `owner`.
    fn resource(row: Self::Model, owner: UserId) -> Self::Resource;

    /// Adds the filters, the order and the start of a list to `rows`, which selects all rows of the owner. The repository
    /// sets the limit.
    fn list(rows: Select<Self>, query: &<Self::Resource as OwnedResource>::Query, dialect: Dialect) -> Select<Self>;

    /// Returns the position in a list directly after a row.
    fn cursor(row: &Self::Model, query: &<Self::Resource as OwnedResource>::Query) -> CursorOf<Self::Resource>;

    /// Reads rows. A short read has at most one page, which an index finds.
    #[must_use]
    fn read(
        store: &Store,
        rows: Select<Self>,
        is_short: bool,
    ) -> impl Future<Output = Result<Vec<Self::Model>, DbErr>> + Send {
        async move { if is_short { rows.all(&store.pool.reads()).await } else { rows.all(&store.pool).await } }
    }
}
