//! `taskbridge tasks`.

use clap::Subcommand;

use super::output::print;
use crate::compose::with_store;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Assign all tasks without an owner, such as those of an older backend, to a user.
    Assign {
        /// Id of the user, not the email address.
        user_id: String,
    },
}

pub(super) async fn run(command: &TasksCommand, settings: &Settings) -> anyhow::Result<()> {
    let TasksCommand::Assign { user_id } = command;
    let overrides = settings.auth.overrides();
    let count = with_store(&settings.database, async |store| {
        Ok(taskbridge_migrations::assign_tasks(&store.dedicated().await?, &overrides, user_id).await?)
    })
    .await?;
    print(&format!("{count} tasks assigned"));
    Ok(())
}
