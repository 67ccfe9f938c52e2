//! Random sequences of operations by several owners have the same results on a repository as on a simple model, a map.
//! The tests run in memory and on SQLite.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use taskbridge_adapters::database::{SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::{Clock, TaskRepo};
use taskbridge_domain::services::{ResourceError, TaskService, TotalCount};
use taskbridge_domain::tasks::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPatch, TaskQuery, Title};
use taskbridge_domain::testing::fixtures::{self, owner};
use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;
use taskbridge_domain::{Owner, Timestamp};
use taskbridge_migrations::{MigrateError, Migrations, Users};
use tokio::runtime::Runtime;

use crate::config;

const OWNERS: [&str; 3] = ["alice", "Alice", "al' OR 1=1 --"];

/// An operation by an owner. `Which` selects any task that has ever existed, no matter who owns it.
#[derive(Debug, Clone)]
enum Operation {
    Add(NewTask),
    Show(Which),
    Change(Which, TaskPatch),
    Complete(Which, Option<bool>),
    Remove(Which),
    List,
    /// Moves the clock forwards or back by this number of milliseconds.
    Time(i64),
}

#[derive(Debug, Clone)]
enum Which {
    Known(Index),
    Number(i64),
}

fn title() -> impl Strategy<Value = Title> {
    "(?s)[^\0]{1,20}".prop_filter_map("no title", |text| Title::parse(&text).ok())
}

fn description() -> impl Strategy<Value = Description> {
    "(?s)[^\0]{0,20}".prop_map(|text| Description::parse(&text).unwrap())
}

fn new_task() -> impl Strategy<Value = NewTask> {
    (title(), option::of(description()), any::<bool>()).prop_map(|(title, description, completed)| NewTask {
        title,
        description,
        completed,
        ..fixtures::new_task()
    })
}

fn patch() -> impl Strategy<Value = TaskPatch> {
    let edit = prop_oneof![Just(FieldUpdate::Keep), Just(FieldUpdate::Clear), description().prop_map(FieldUpdate::Set)];
    (option::of(title()), edit, any::<Option<bool>>()).prop_map(|(title, description, completed)| TaskPatch {
        title,
        description,
        completed,
        ..TaskPatch::default()
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let which = || prop_oneof![9 => any::<Index>().prop_map(Which::Known), 1 => any::<i64>().prop_map(Which::Number)];
    prop_oneof![
        4 => new_task().prop_map(Operation::Add),
        2 => which().prop_map(Operation::Show),
        4 => (which(), patch()).prop_map(|(which, patch)| Operation::Change(which, patch)),
        3 => (which(), any::<Option<bool>>()).prop_map(|(which, completed)| Operation::Complete(which, completed)),
        2 => which().prop_map(Operation::Remove),
        1 => Just(Operation::List),
        2 => prop_oneof![1..5_i64, -5_000..5_000_i64].prop_map(Operation::Time),
    ]
}

/// A clock whose time only the test changes.
struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl SetClock {
    fn advance(&self, milliseconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = Timestamp::new(now.datetime() + chrono::Duration::milliseconds(milliseconds));
    }
}

/// The expected tasks, and the ids of all tasks that have ever existed.
#[derive(Default)]
struct Model {
    tasks: BTreeMap<TaskId, Task>,
    ever: BTreeSet<TaskId>,
}

impl Model {
    fn id(&self, which: &Which) -> TaskId {
        match which {
            Which::Known(index) if !self.ever.is_empty() => **index.get(&Vec::from_iter(&self.ever)),
            Which::Known(_) => TaskId::new(1),
            Which::Number(number) => TaskId::new(*number),
        }
    }

    fn owned(&mut self, owner: &Owner, id: TaskId) -> Option<&mut Task> {
        self.tasks.get_mut(&id).filter(|task| task.owner == *owner.id())
    }

    fn change(&mut self, owner: &Owner, id: TaskId, now: Timestamp, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let task = self.owned(owner, id)?;
        change(task);
        task.updated_at = if now > task.updated_at { now } else { task.updated_at.after(Duration::from_millis(1)) };
        Some(task.clone())
    }

    fn list(&self, owner: &Owner) -> Vec<Task> {
        let mut list: Vec<_> = self.tasks.values().filter(|task| task.owner == *owner.id()).cloned().collect();
        list.sort_by(|one, other| other.created_at.cmp(&one.created_at).then(other.id.cmp(&one.id)));
        list
    }
}

fn found(answer: Result<Task, ResourceError>) -> Option<Task> {
    match answer {
        Ok(task) => Some(task),
        Err(ResourceError::NotFound(_)) => None,
        Err(error @ ResourceError::Store(_)) => panic!("{error:?}"),
    }
}

async fn obeys_the_model(
    repo: Arc<dyn TaskRepo>,
    start: Timestamp,
    history: Vec<(usize, Operation)>,
) -> Result<(), TestCaseError> {
    let clock = Arc::new(SetClock(Mutex::new(start)));
    let service = TaskService::new(repo, Arc::<SetClock>::clone(&clock));
    let mut model = Model::default();
    let mut owners = Vec::new();
    for id in OWNERS {
        owners.push(owner(id).await);
    }
    for (who, operation) in history {
        let (owner, now) = (&owners[who], clock.now());
        match operation {
            Operation::Add(new) => {
                let added = service.create(owner, new.clone()).await.unwrap();
                prop_assert!(model.ever.insert(added.id), "an id was given again");
                let task = Task::new(added.id, owner.id().clone(), new, now);
                prop_assert_eq!(&added, &task);
                model.tasks.insert(added.id, task);
            }
            Operation::Show(which) => {
                let id = model.id(&which);
                prop_assert_eq!(found(service.get(owner, id).await), model.owned(owner, id).cloned());
            }
            Operation::Change(which, patch) => {
                let id = model.id(&which);
                let expected = if patch == TaskPatch::default() {
                    model.owned(owner, id).cloned()
                } else {
                    model.change(owner, id, now, |task| patch.clone().apply(task))
                };
                prop_assert_eq!(found(service.update(owner, id, patch).await), expected);
            }
            Operation::Complete(which, completed) => {
                let id = model.id(&which);
                let expected =
                    model.change(owner, id, now, |task| task.completed = completed.unwrap_or(!task.completed));
                prop_assert_eq!(found(service.complete(owner, id, completed).await), expected);
            }
            Operation::Remove(which) => {
                let id = model.id(&which);
                let expected = model.owned(owner, id).is_some() && model.tasks.remove(&id).is_some();
                match service.delete(owner, id).await {
                    Ok(()) => prop_assert!(expected),
                    Err(ResourceError::NotFound(_)) => prop_assert!(!expected),
                    Err(error @ ResourceError::Store(_)) => panic!("{error:?}"),
                }
            }
            Operation::List => {
                prop_assert_eq!(listed(&service, owner).await, model.list(owner));
            }
            Operation::Time(milliseconds) => clock.advance(milliseconds),
        }
    }
    for owner in &owners {
        prop_assert_eq!(listed(&service, owner).await, model.list(owner));
    }
    Ok(())
}

fn history() -> impl Strategy<Value = Vec<(usize, Operation)>> {
    prop::collection::vec((0..OWNERS.len(), operation()), 0..40)
}

/// Generates times from 1970 to 2100.
fn start() -> impl Strategy<Value = Timestamp> {
    (0..4_102_444_800_000_i64)
        .prop_map(|milliseconds| Timestamp::new(chrono::DateTime::from_timestamp_millis(milliseconds).unwrap()))
}

/// Returns a repository on SQLite in memory, without the table `user`.
async fn sqlite() -> Arc<dyn TaskRepo> {
    let limit = Duration::from_secs(10);
    let config = StoreConfig {
        url: "sqlite::memory:".parse().unwrap(),
        max_connections: 1,
        acquire_timeout: limit,
        connect_timeout: limit,
        statement_timeout: limit,
        share_connections: true,
        start_timeout: limit,
    };
    let store = Store::open(&config).await.unwrap();
    let connection = store.dedicated().await.unwrap();
    let connect = || async { Ok::<_, MigrateError>(store.dedicated().await.unwrap()) };
    Migrations::of(Users::Elsewhere).up(&connection, connect).await.unwrap();
    Arc::new(SeaTaskRepo::new(store))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tasks_in_memory_obey_the_model(start in start(), history in history()) {
        let repo = Arc::new(InMemoryTaskRepo::default());
        Runtime::new().unwrap().block_on(obeys_the_model(repo, start, history))?;
    }

    #[test]
    fn tasks_on_sqlite_obey_the_model(start in start(), history in history()) {
        Runtime::new().unwrap().block_on(async { obeys_the_model(sqlite().await, start, history).await })?;
    }
}

async fn listed(service: &TaskService, owner: &Owner) -> Vec<Task> {
    service.list(owner, &TaskQuery::default(), TotalCount::IfKnown).await.unwrap().tasks
}
