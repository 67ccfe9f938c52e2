//! Columns and tables by which plugins of Better Auth, or an app, restrict the access of users.

mod cache;
mod columns;
mod flag;
mod names;
mod report;
#[cfg(test)]
mod tests;

pub(super) use self::cache::RestrictionColumnsCache;
pub(super) use self::columns::RestrictionColumns;
pub use self::report::{IgnoredColumn, RestrictionReport};
