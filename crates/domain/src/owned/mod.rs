//! Resources that belong to users: their ids, the pages of their lists, and the types of their operations.

mod id;
mod newest_first;
mod page;
mod resource;

pub use self::id::*;
pub use self::newest_first::*;
pub use self::page::*;
pub use self::resource::*;
