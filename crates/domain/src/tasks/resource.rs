//! Tasks as resources that belong to a user.

use super::query::TaskQuery;
use super::task::{NewTask, Task, TaskId, TaskPatch};
use crate::owned::{OwnedResource, ResourceName};
use crate::time::Timestamp;
use crate::users::UserId;

impl OwnedResource for Task {
    const NAME: ResourceName = ResourceName { one: "task", many: "tasks" };

    type New = NewTask;
    type Patch = TaskPatch;
    type Query = TaskQuery;

    fn create(id: TaskId, owner: UserId, new: NewTask, now: Timestamp) -> Self {
        Self::new(id, owner, new, now)
    }

    fn id(&self) -> TaskId {
        self.id
    }

    fn patched(mut self, patch: TaskPatch, updated_at: Timestamp) -> Self {
        patch.apply(&mut self);
        Self { updated_at, ..self }
    }
}
