//! What all resources that belong to a user have in common: ids, pages of lists, and the types of their operations.

mod id;
mod newest_first;
mod page;
mod resource;

pub use self::id::*;
pub use self::newest_first::*;
pub use self::page::*;
pub use self::resource::*;
