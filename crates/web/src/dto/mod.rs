//! Wire types. They map to and from the domain by destructuring in full.

mod cursor;
pub(crate) mod input;
pub(crate) mod list;
pub(crate) mod params;
pub(crate) mod schema;
pub(crate) mod task;
