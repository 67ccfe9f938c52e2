//! Better Auth's tables: their definitions, and under which names a database has them.
//!
//! Apps name and type Better Auth's tables and columns in different ways. A [`SchemaMap`] records how a database names
//! them, so that one set of statements works with each of these databases.

mod affinity;
mod catalog;
mod columns;
mod commands;
mod create;
mod definitions;
mod found;
mod id;
mod map;
mod names;
mod overrides;
mod plan;
mod recognize;
mod rewrite;
mod table;
#[cfg(test)]
mod testing;
mod verdict;

pub use affinity::{Affinity, affinity};
pub use id::{Generated, IdKind};
pub use map::{ColumnMap, OWNER, SchemaMap, TASKS, TableMap, quoted};
pub use names::{SECOND_FACTOR_TABLES, column_setting, plain, setting, snake};
pub use overrides::{Overrides, QualifiedName};
pub use plan::{Plan, Purpose};
pub use rewrite::{Rewriter, UnknownMarker, verbatim};
pub use table::AuthTable;
pub use verdict::{Addition, AdditionKind, Notice, Refusal};
