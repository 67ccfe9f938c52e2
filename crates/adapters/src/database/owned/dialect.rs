//! The differences between databases.

use sea_orm::DbBackend;
use taskbridge_schema::IdKind;

/// The properties of a database on which statements depend.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// The kind of database.
    pub backend: DbBackend,
    /// The kind of the ids of owners. An owner whose id is of another kind has no rows.
    pub(in crate::database) user_ids: IdKind,
}
