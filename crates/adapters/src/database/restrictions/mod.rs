//! The columns and tables in which plugins of Better Auth, or an app, mark users as restricted: banned, or with a
//! second factor.

mod ban;
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
