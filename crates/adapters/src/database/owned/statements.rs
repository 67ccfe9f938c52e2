//! The statements on a table whose rows belong to users. What the query builder does not support is written in SQL.

use std::num::NonZeroU32;

use sea_orm::sea_query::{Expr, ExprTrait, Func, InsertStatement, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, DbBackend, DeleteMany, Iterable, QueryFilter, QuerySelect,
    QueryTrait, Select, Statement, UpdateMany,
};
use taskbridge_domain::owned::{Id, ListQuery as _, OwnedResource};
use taskbridge_domain::{Owner, Timestamp};

use super::dialect::Dialect;
use super::entity::OwnedEntity;
use crate::database::entities::user;
use crate::database::entities::user_id::no_row;

/// Returns a query for all rows of `owner`.
pub(in crate::database) fn owned<E: OwnedEntity>(dialect: Dialect, owner: &Owner) -> Select<E> {
    E::find().filter(is_owner::<E>(dialect, owner))
}

/// Returns a query for a page of the rows of `owner`, and one more row, which shows whether there is another page.
pub(in crate::database) fn list<E: OwnedEntity>(
    dialect: Dialect,
    owner: &Owner,
    query: &<E::Resource as OwnedResource>::Query,
) -> Select<E> {
    E::list(owned(dialect, owner), query, dialect).limit(u64::from(query.limit().count()) + 1)
}

/// Returns a query for one row of `owner`. The id is unique, so no limit is needed.
pub(super) fn find<E: OwnedEntity>(dialect: Dialect, owner: &Owner, id: Id<E::Resource>) -> Select<E> {
    E::find().filter(is_one::<E>(dialect, owner, id))
}

/// Returns a query that has a row only if `owner` has at least `n` rows.
pub(super) fn nth<E: OwnedEntity>(dialect: Dialect, owner: &Owner, n: NonZeroU32) -> Statement {
    owned::<E>(dialect, owner)
        .select_only()
        .column(E::ID)
        .offset(u64::from(n.get() - 1))
        .limit(1)
        .build(dialect.backend)
}

/// Returns an `insert` for SQLite that has no effect unless the owner is in the table `user`.
pub(super) fn insert_if_known<E: OwnedEntity>(row: &E::ActiveModel, owner: &Owner) -> InsertStatement {
    let (columns, values): (Vec<_>, Vec<_>) = E::Column::iter()
        .filter_map(|column| match row.get(column) {
            ActiveValue::Set(value) => Some((column, Expr::val(value))),
            ActiveValue::Unchanged(_) | ActiveValue::NotSet => None,
        })
        .unzip();
    let user = Query::select()
        .expr(Expr::val(1))
        .from(user::Entity)
        .and_where(byte_for_byte(DbBackend::Sqlite, user::Column::Id.into_expr()).eq(owner.id().as_str()))
        .to_owned();
    let row = Query::select().exprs(values).and_where(Expr::exists(user)).to_owned();
    let mut insert = Query::insert();
    insert.into_table(E::default()).columns(columns).returning_col(E::ID);
    // `select_from` fails only if the numbers of columns and values differ, which they never do here.
    let _ = insert.select_from(row);
    insert
}

/// Returns an update of one row, which so far sets only the time of the last change.
pub(in crate::database) fn update<E: OwnedEntity>(
    dialect: Dialect,
    owner: &Owner,
    id: Id<E::Resource>,
    now: Timestamp,
) -> UpdateMany<E> {
    let advanced = advanced(dialect.backend, Expr::col(E::UPDATED_AT), now);
    E::update_many().filter(is_one::<E>(dialect, owner, id)).col_expr(E::UPDATED_AT, advanced)
}

/// Returns a deletion of one row.
pub(super) fn delete<E: OwnedEntity>(dialect: Dialect, owner: &Owner, id: Id<E::Resource>) -> DeleteMany<E> {
    E::delete_many().filter(is_one::<E>(dialect, owner, id))
}

/// Returns the condition for the rows of `owner`, which every statement but an `insert` contains.
fn is_owner<E: OwnedEntity>(dialect: Dialect, owner: &Owner) -> Condition {
    let Dialect { backend, user_ids } = dialect;
    let id = owner.id().as_str();
    let column = byte_for_byte(backend, E::OWNER.into_expr());
    Condition::all().add(if user_ids.accepts(id) { column.eq(id) } else { no_row() })
}

/// Returns the condition for one row of `owner`.
fn is_one<E: OwnedEntity>(dialect: Dialect, owner: &Owner, id: Id<E::Resource>) -> Condition {
    is_owner::<E>(dialect, owner).add(E::ID.eq(id.number()))
}

/// Returns an expression for a column of ids that is compared byte for byte. On SQLite, this overrides the collation of
/// the column.
fn byte_for_byte(backend: DbBackend, column: Expr) -> Expr {
    match backend {
        DbBackend::Sqlite => Expr::cust_with_expr("? collate binary", column),
        _ => column,
    }
}

/// Returns the next time of the last change: now, but at least a millisecond later than the stored time.
fn advanced(backend: DbBackend, stored: Expr, now: Timestamp) -> Expr {
    let (latest, next) = match backend {
        DbBackend::Sqlite => (
            Func::cust("max"),
            Func::cust("strftime").args([Expr::val("%Y-%m-%dT%H:%M:%fZ"), stored, Expr::val("+0.001 seconds")]).into(),
        ),
        _ => (Func::cust("greatest"), stored.add(Expr::cust("interval '1 millisecond'"))),
    };
    latest.args([Expr::val(now.datetime()), next]).into()
}
