//! Better Auth's tables: their definitions, and under which names a database has them.
//!
//! Apps name and type Better Auth's tables and columns in different ways. A [`SchemaMap`] records how a database names
//! them, so that one set of statements works with each of these databases.

mod id;
mod map;
mod overrides;
mod table;

pub use id::{Generated, IdKind};
pub use map::{ColumnMap, SchemaMap, TableMap, quoted};
pub use overrides::{Overrides, QualifiedName};
pub use table::AuthTable;
