//! The statements that only tasks have. Collations, which the query builder does not support, are written in SQL.

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, Condition, DbBackend, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement,
};
use taskbridge_domain::Owner;
use taskbridge_domain::tasks::{
    Cursor, PageStart, SortDirection, SortKey, SortValue, TaskFilter, TaskOrder, TaskQuery, Title,
};

use crate::database::entities::task::{Column, Entity};
use crate::database::owned::{Dialect, owned};

/// Adds the filters, the order and the start of a list to `tasks`.
pub(super) fn list(tasks: Select<Entity>, query: &TaskQuery, dialect: Dialect) -> Select<Entity> {
    let TaskQuery { filter, start, limit: _ } = query;
    let TaskOrder { key, direction } = query.order();
    let order = match direction {
        SortDirection::Ascending => Order::Asc,
        SortDirection::Descending => Order::Desc,
    };
    let sorted_by = sorted_by(dialect.backend, key, filter);
    let tasks = tasks
        .filter(matching(dialect.backend, filter))
        .order_by(sorted_by.clone(), order.clone())
        .order_by(Column::Id, order);
    match start {
        PageStart::After(cursor) => tasks.filter(after(sorted_by, cursor)),
        PageStart::Offset(_, 0) => tasks,
        PageStart::Offset(_, offset) => tasks.offset(u64::from(*offset)),
    }
}

/// Returns a query for the number of tasks of `owner` that match the filter, in the column `count`.
pub(super) fn count(dialect: Dialect, owner: &Owner, filter: &TaskFilter) -> Statement {
    owned::<Entity>(dialect, owner)
        .select_only()
        .expr_as(Func::count(Expr::col(Asterisk)), "count")
        .filter(matching(dialect.backend, filter))
        .build(dialect.backend)
}

/// Returns the condition for the tasks that match the filter. A search ignores case for the letters A to
/// Z only, because SQL's `lower` converts only these on SQLite, and also on PostgreSQL with the collation C.
fn matching(backend: DbBackend, filter: &TaskFilter) -> Condition {
    let TaskFilter { completed, search } = filter;
    let (position, lower) = match backend {
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
    Condition::all()
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
