//! Tables whose rows belong to users. Each statement but an `insert` has the condition on the owner from one function.

mod dialect;
mod entity;
mod newest_first;
mod repository;
mod room;
mod statements;

pub use self::dialect::Dialect;
pub use self::entity::OwnedEntity;
pub use self::newest_first::{creation_cursor, newest_first};
pub use self::repository::{SeaOwnedRepo, UnknownTable};
#[cfg(test)]
pub(in crate::database) use self::statements::list;
pub(in crate::database) use self::statements::{owned, update};
pub use super::entities::column_types::{Flag, RowId, Time};
