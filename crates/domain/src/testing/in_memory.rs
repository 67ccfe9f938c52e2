//! Tasks in memory, for tests and benchmarks, and as an example of an adapter.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ports::{CreateError, OwnedRepo, StoreError, TaskRepo};
use crate::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use crate::{Owner, Timestamp};
use async_trait::async_trait;

/// Keeps tasks in memory until it is dropped. It stores no users, so it accepts every owner.
#[derive(Debug, Default)]
pub struct InMemoryTaskRepo {
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    by_id: BTreeMap<TaskId, Task>,
    last_id: i64,
}

impl Tasks {
    /// Returns the task with this id if it belongs to `owner`. Every access to a single task uses this function.
    fn owned(&mut self, owner: &Owner, id: TaskId) -> Option<&mut Task> {
        self.by_id.get_mut(&id).filter(|task| task.owner == *owner.id())
    }

    /// Returns the tasks of `owner`. Every access to several tasks uses this function.
    fn all_owned(&self, owner: &Owner) -> impl Iterator<Item = &Task> {
        self.by_id.values().filter(|task| task.owner == *owner.id())
    }

    fn change(&mut self, owner: &Owner, id: TaskId, now: Timestamp, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let task = self.owned(owner, id)?;
        change(task);
        task.updated_at = now.max(task.updated_at.after(Duration::from_millis(1)));
        Some(task.clone())
    }
}

impl InMemoryTaskRepo {
    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OwnedRepo<Task> for InMemoryTaskRepo {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        Ok(query.page_of(self.lock().all_owned(owner).cloned()))
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.lock().owned(owner, id).cloned())
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateError> {
        let mut tasks = self.lock();
        tasks.last_id += 1;
        let id = TaskId::new(tasks.last_id);
        let task = Task::new(id, owner.id().clone(), task, now);
        tasks.by_id.insert(id, task.clone());
        Ok(task)
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        Ok(self.lock().change(owner, id, now, |task| patch.apply(task)))
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        let mut tasks = self.lock();
        Ok(tasks.owned(owner, id).is_some() && tasks.by_id.remove(&id).is_some())
    }
}

#[async_trait]
impl TaskRepo for InMemoryTaskRepo {
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        Ok(self.lock().all_owned(owner).filter(|task| filter.matches(task)).count() as u64)
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        Ok(self.lock().change(owner, id, now, |task| task.completed = !task.completed))
    }
}
