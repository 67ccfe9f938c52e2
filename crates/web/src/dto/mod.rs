//! Wire types. They map to and from the domain by destructuring in full.

pub(crate) mod input;
pub(crate) mod params;
pub(crate) mod schema;
pub(crate) mod task;
