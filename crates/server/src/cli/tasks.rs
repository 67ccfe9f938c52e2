//! `taskbridge tasks`.

use clap::Subcommand;
use taskbridge_schema::Overrides;

use super::output::print;
use crate::compose::with_store;
use crate::settings::DatabaseSettings;

#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Assign all tasks without an owner, such as those of an older backend, to a user.
    Assign {
        /// Id of the user, not the email address.
        user_id: String,
    },
}

pub(super) async fn run(command: &TasksCommand, database: &DatabaseSettings) -> anyhow::Result<()> {
    let TasksCommand::Assign { user_id } = command;
    let count = with_store(database, async |store| {
        Ok(taskbridge_migrations::assign_tasks(&store.dedicated().await?, &Overrides::default(), user_id).await?)
    })
    .await?;
    print(&format!("{count} tasks assigned"));
    Ok(())
}
