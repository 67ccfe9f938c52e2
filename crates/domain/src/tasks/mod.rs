//! Tasks, and queries for lists of them.

mod filter;
mod order;
mod query;
mod task;

pub use filter::{SearchText, TaskFilter};
pub use order::{Cursor, PreciseTimestamp, SortDirection, SortKey, SortValue, TaskOrder, TitlePrefix};
pub use query::{PageSize, PageStart, TaskPage, TaskQuery};
pub use task::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPatch, Title};
