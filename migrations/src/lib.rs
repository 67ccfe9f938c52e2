#![doc = include_str!("../README.md")]

mod adopt;
mod assign;
mod catalog;
mod check;
mod context;
mod error;
mod hidden_tasks;
mod id_collation;
mod import;
mod index;
mod ledger;
mod migrate;
mod migration;
mod migrations;
mod other_tables;
mod owner_ids;
mod privileges;
mod sqlite_dates;
mod steps;
mod task_fields;
mod transaction;
mod users;

pub use adopt::tasks::UnknownOwners;
pub use check::Readiness;
pub use error::{IMPORT_TASKS, MigrateError, import_advice, import_resolves};
pub use hidden_tasks::HiddenTasks;
pub use import::{ImportReport, ImportedId, Left, NewIds, TaskImport, imported_ids};
pub use migrate::MigrationReport;
pub use migrations::{MigrationStatus, Migrations};
pub use task_fields::TaskField;
pub use users::Users;
