//! Lists in the order of creation.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Order, QueryFilter, QueryOrder, Select};
use taskbridge_domain::owned::{CreationCursor, NewestFirst};
use taskbridge_domain::time::PreciseTimestamp;

use super::entity::OwnedEntity;
use crate::database::entities::column_types::Time;

/// Adds the order and the start of the list to `rows`, for [`OwnedEntity::list`]. An index on the owner, `created_at` and
/// the id has the order of the list.
#[must_use]
pub fn newest_first<E: OwnedEntity>(rows: Select<E>, query: &NewestFirst, created_at: E::Column) -> Select<E> {
    let rows = rows.order_by(created_at, Order::Desc).order_by(E::ID, Order::Desc);
    let Some(CreationCursor { created_at: time, id }) = query.after else { return rows };
    let row = Expr::tuple([created_at.into_expr(), E::ID.into_expr()]);
    rows.filter(row.lt(Expr::tuple([Expr::val(time.datetime()), Expr::val(id)])))
}

/// Returns the position after a row, for [`OwnedEntity::cursor`].
#[must_use]
pub fn creation_cursor(created_at: Time, id: i64) -> CreationCursor {
    CreationCursor { created_at: PreciseTimestamp::new(created_at.0), id }
}
