//! Tasks, the rules for their fields, and queries for lists of them.

mod query;
mod task;

pub use query::{
    Cursor, Direction, InvalidSearch, Limit, Position, Search, SortKey, Start, StoredTime, TaskFilter, TaskOrder,
    TaskPage, TaskQuery,
};
pub use task::{Description, Edit, InvalidDescription, InvalidTitle, NewTask, Task, TaskId, TaskPatch, Title};
