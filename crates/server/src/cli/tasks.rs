//! `taskbridge tasks`.

use clap::Subcommand;
use taskbridge_migrations::Users;

use super::import::{self, ImportArgs};
use super::output::print;
use crate::compose::with_store;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Import the tasks of another backend, from a table of this database or of another one.
    ///
    /// Runs in one transaction, and can be repeated: rows that have been imported are not imported again. Rows whose owner
    /// is not a user stay in the table, unless `--owner` says who gets them.
    Import(ImportArgs),
    /// Print the old and the new id of each imported task whose id has changed, as CSV.
    Ids,
    /// Assign all tasks without an owner, such as those of an older backend, to a user.
    Assign {
        /// Id of the user, not the email address.
        user_id: String,
    },
}

pub(super) async fn run(command: &TasksCommand, settings: &Settings, users: Users) -> anyhow::Result<()> {
    match command {
        TasksCommand::Import(args) => import::import(args, settings, users).await,
        TasksCommand::Ids => import::ids(settings).await,
        TasksCommand::Assign { user_id } => assign(user_id, settings).await,
    }
}

async fn assign(user_id: &str, settings: &Settings) -> anyhow::Result<()> {
    let overrides = settings.auth.overrides();
    let count = with_store(&settings.database, async |store| {
        Ok(taskbridge_migrations::assign_tasks(&store.dedicated().await?, &overrides, user_id).await?)
    })
    .await?;
    print(&format!("{count} tasks assigned"));
    Ok(())
}
