//! Builds the statements of [`SeaTaskRepo`](super::SeaTaskRepo). Collations and intervals, which the query builder does
//! not support, are written in SQL.

use std::num::NonZeroU32;

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Func, InsertStatement, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, DbBackend, DeleteMany, EntityTrait, Iterable, Order,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement, UpdateMany,
};
use taskbridge_domain::tasks::{
    Cursor, PageStart, SortDirection, SortKey, SortValue, TaskFilter, TaskId, TaskOrder, TaskQuery, Title,
};
use taskbridge_domain::{Owner, Timestamp};
use taskbridge_schema::IdKind;

use crate::database::entities::task::{self, Column, Entity};
use crate::database::entities::user;
use crate::database::entities::user_id::no_row;

/// The properties of a database on which the statements depend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) backend: DbBackend,
    /// The kind of the ids of owners. An owner whose id is of another kind has no tasks.
    pub(super) user_ids: IdKind,
}

/// Returns a query for a page of the tasks of `owner`, and one more task, which shows whether there is another page.
pub(super) fn list(dialect: Dialect, owner: &Owner, query: &TaskQuery) -> Select<Entity> {
    let TaskQuery { filter, start, limit } = query;
    let TaskOrder { key, direction } = query.order();
    let order = match direction {
        SortDirection::Ascending => Order::Asc,
        SortDirection::Descending => Order::Desc,
    };
    let sorted_by = sorted_by(dialect.backend, key, filter);
    let select = Entity::find()
        .filter(matching(dialect, owner, filter))
        .order_by(sorted_by.clone(), order.clone())
        .order_by(Column::Id, order)
        .limit(u64::from(limit.count()) + 1);
    match start {
        PageStart::After(cursor) => select.filter(after(sorted_by, cursor)),
        PageStart::Offset(_, 0) => select,
        PageStart::Offset(_, offset) => select.offset(u64::from(*offset)),
    }
}

/// Returns a query for the number of tasks of `owner` that match the filter, in the column `count`.
pub(super) fn count(dialect: Dialect, owner: &Owner, filter: &TaskFilter) -> Statement {
    Entity::find()
        .select_only()
        .expr_as(Func::count(Expr::col(Asterisk)), "count")
        .filter(matching(dialect, owner, filter))
        .build(dialect.backend)
}

/// Returns a query for one task. The id is unique, so no limit is needed.
pub(super) fn find(dialect: Dialect, owner: &Owner, id: TaskId) -> Select<Entity> {
    Entity::find().filter(one(dialect, owner, id))
}

/// Returns a query that has a row only if `owner` has at least `n` tasks.
pub(super) fn nth(dialect: Dialect, owner: &Owner, n: NonZeroU32) -> Statement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(owned(dialect, owner))
        .offset(u64::from(n.get() - 1))
        .limit(1)
        .build(dialect.backend)
}

/// Returns an `insert` for SQLite that has no effect unless the owner is in the table `user`.
pub(super) fn insert_if_known(row: &task::ActiveModel, owner: &Owner) -> InsertStatement {
    let (columns, values): (Vec<_>, Vec<_>) = Column::iter()
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
    insert.into_table(Entity).columns(columns).returning_col(Column::Id);
    // `select_from` fails only if the numbers of columns and values differ, which they never do here.
    let _ = insert.select_from(row);
    insert
}

/// Returns an update of one task, which so far sets only `updated_at`.
pub(super) fn update(dialect: Dialect, owner: &Owner, id: TaskId, now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many().filter(one(dialect, owner, id)).col_expr(Column::UpdatedAt, advanced(dialect.backend, now))
}

/// Returns a deletion of one task.
pub(super) fn delete(dialect: Dialect, owner: &Owner, id: TaskId) -> DeleteMany<Entity> {
    Entity::delete_many().filter(one(dialect, owner, id))
}

/// Returns the condition for the tasks of `owner`, which every statement but an `insert` contains.
fn owned(dialect: Dialect, owner: &Owner) -> Condition {
    let Dialect { backend, user_ids } = dialect;
    let id = owner.id().as_str();
    let column = byte_for_byte(backend, Column::UserId.into_expr());
    Condition::all().add(if user_ids.accepts(id) { column.eq(id) } else { no_row() })
}

/// Returns the condition for one task of `owner`.
fn one(dialect: Dialect, owner: &Owner, id: TaskId) -> Condition {
    owned(dialect, owner).add(Column::Id.eq(id.number()))
}

/// Returns an expression for a column of ids that is compared byte for byte. On SQLite, this overrides the collation of
/// the column.
fn byte_for_byte(backend: DbBackend, column: Expr) -> Expr {
    match backend {
        DbBackend::Sqlite => Expr::cust_with_expr("? collate binary", column),
        _ => column,
    }
}

/// Returns the next `updated_at`: now, but at least a millisecond later than the previous `updated_at`.
fn advanced(backend: DbBackend, now: Timestamp) -> Expr {
    let updated_at = Expr::col(Column::UpdatedAt);
    let (latest, next) = match backend {
        DbBackend::Sqlite => (
            Func::cust("max"),
            Func::cust("strftime")
                .args([Expr::val("%Y-%m-%dT%H:%M:%fZ"), updated_at, Expr::val("+0.001 seconds")])
                .into(),
        ),
        _ => (Func::cust("greatest"), updated_at.add(Expr::cust("interval '1 millisecond'"))),
    };
    latest.args([Expr::val(now.datetime()), next]).into()
}

/// Returns the condition for the tasks of this owner that match the filter. A search ignores case for the letters A to
/// Z only, because SQL's `lower` converts only these on SQLite, and also on PostgreSQL with the collation C.
fn matching(dialect: Dialect, owner: &Owner, filter: &TaskFilter) -> Condition {
    let TaskFilter { completed, search } = filter;
    let (position, lower) = match dialect.backend {
        DbBackend::Sqlite => ("instr", "lower(?)"),
        _ => ("strpos", r#"lower($1 collate "C")"#),
    };
    let found = |text: &str| {
        let text_in = |column: Column| {
            let lowercase = Expr::cust_with_expr(lower, column.into_expr());
            Expr::expr(Func::cust(position).args([lowercase, Expr::val(text)])).gt(0)
        };
        text_in(Column::Title).or(text_in(Column::Description))
    };
    owned(dialect, owner)
        .add_option(completed.map(|completed| Column::Completed.eq(completed)))
        .add_option(search.as_ref().map(|search| found(search.lowercase())))
}

/// Returns the expression by which a list of tasks is sorted.
fn sorted_by(backend: DbBackend, key: SortKey, filter: &TaskFilter) -> Expr {
    match key {
        SortKey::CreatedAt => Column::CreatedAt.into_expr(),
        SortKey::UpdatedAt => Column::UpdatedAt.into_expr(),
        SortKey::Title => title_prefix(backend, filter),
    }
}

/// Returns the expression for the [prefix](taskbridge_domain::tasks::TitlePrefix) of a title, compared by code point. The
/// index `tasks_user_id_title_id_idx` contains the same expression, so that a list is read from the index in order.
///
/// With a search, an empty suffix makes the expression differ from that of the index. Databases overestimate how many
/// tasks match a search, so they would read the tasks in the order of the index, which are scattered over the table. It
/// is faster to read the tasks in the order of the table, and to sort those that match.
fn title_prefix(backend: DbBackend, filter: &TaskFilter) -> Expr {
    // The numbers are literals, because a plan that is made without the values of the parameters could not use the index.
    let prefix = match backend {
        DbBackend::Sqlite => format!("substr(?, 1, {})", Title::MAX_CHARS),
        _ => format!(r#"left($1, {}) collate "C""#, Title::MAX_CHARS),
    };
    let sql = if filter.search.is_some() { format!("{prefix} || ''") } else { prefix };
    Expr::cust_with_expr(sql, Column::Title.into_expr())
}

/// Returns the condition for the tasks that come after the cursor in its order. It compares rows (tuples of columns),
/// so that PostgreSQL and SQLite can use an index that begins with the owner.
fn after(sorted_by: Expr, cursor: &Cursor) -> Expr {
    let Cursor { value, id, direction } = cursor;
    let row = Expr::tuple([sorted_by, Column::Id.into_expr()]);
    let position = match value {
        SortValue::CreatedAt(time) | SortValue::UpdatedAt(time) => Expr::val(time.datetime()),
        SortValue::Title(prefix) => Expr::val(prefix.as_str()),
    };
    let last = Expr::tuple([position, Expr::val(id.number())]);
    match direction {
        SortDirection::Ascending => row.gt(last),
        SortDirection::Descending => row.lt(last),
    }
}
