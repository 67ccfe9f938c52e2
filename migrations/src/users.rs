//! Where the users are stored.

/// Where the users are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// In this database (server mode). Better Auth's tables are created or adopted.
    Here,
    /// In another database, or in this one but managed by Better Auth (bridge mode). Better Auth's tables are not
    /// changed and may be missing.
    Elsewhere,
}
