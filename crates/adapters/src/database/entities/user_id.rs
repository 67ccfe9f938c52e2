//! Conditions on columns that contain the ids of users.

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef};
use taskbridge_domain::UserId;
use taskbridge_schema::IdKind;

/// Returns the condition that a column of ids of this kind contains the id of `user`.
///
/// An id of another kind is not sent to the database, and matches no row: PostgreSQL cannot read such a text, or would
/// read it as the id of another user.
pub(crate) fn is_user(column: impl IntoColumnRef, kind: IdKind, user: &UserId) -> Expr {
    if kind.accepts(user.as_str()) { Expr::col(column).eq(user.as_str()) } else { no_row() }
}

/// Returns the condition that matches no row.
pub(crate) fn no_row() -> Expr {
    Expr::cust("false")
}
