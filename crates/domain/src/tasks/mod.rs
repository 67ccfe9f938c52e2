//! Tasks, the rules for their fields, and queries for lists of them.

mod query;
mod task;

pub use query::{
    Cursor, InvalidSearchText, PageSize, PageStart, PreciseTimestamp, SearchText, SortDirection, SortKey, SortValue,
    TaskFilter, TaskOrder, TaskPage, TaskQuery,
};
pub use task::{Description, FieldUpdate, InvalidDescription, InvalidTitle, NewTask, Task, TaskId, TaskPatch, Title};
