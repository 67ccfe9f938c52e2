//! The setting whether there is a pooler in front of the database.

/// The presence of a pooler in transaction mode, which may lend its connection to the PostgreSQL server to another
/// program after each transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Unknown: each connection is treated as pooled unless it proves to be direct.
    #[default]
    Detect,
    /// There is a pooler.
    Present,
    /// There is no pooler.
    Absent,
}
