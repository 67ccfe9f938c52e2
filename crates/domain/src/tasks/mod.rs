//! Tasks, and queries for lists of them.

mod filter;
mod order;
mod query;
mod resource;
mod task;

pub use self::filter::*;
pub use self::order::*;
pub use self::query::*;
pub use self::task::*;
