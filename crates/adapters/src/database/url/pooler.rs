//! What is declared about a pooler in front of the database.

/// The presence of a pooler that gives the server connection to another client after each transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Each connection is treated as if there were one, until the opposite is proved of it.
    #[default]
    Detect,
    /// There is one.
    Present,
    /// There is none.
    Absent,
}
