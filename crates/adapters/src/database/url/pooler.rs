//! Declaration of a pooler in front of the database.

/// The presence of a pooler in transaction mode, which may assign the server connection to another client after each
/// transaction.
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
