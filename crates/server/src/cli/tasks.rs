//! `taskbridge tasks`.

use clap::Subcommand;
use taskbridge_migrations::{Assigned, Users};

use super::import::{self, ImportArgs};
use super::output::{print, print_duration, with_progress};
use crate::compose::{migrations, with_store};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum TasksCommand {
    /// Import the tasks of another backend, from a table of this database or of another one.
    ///
    /// Runs in one transaction, and can be repeated: rows that have been imported are not imported again. Rows whose owner
    /// is not a user stay in the table, unless `--owner` says who gets them.
    #[command(after_help = "\
Examples:
  taskbridge tasks import --from todos --dry-run
  taskbridge tasks import --from tasks --map finished=completed
  taskbridge tasks import --from task --from-url sqlite://old.db --users-from user")]
    Import(ImportArgs),
    /// Print the old and the new id of each imported task whose id has changed, as CSV.
    #[command(after_help = "\
Examples:
  taskbridge tasks ids > ids.csv")]
    Ids,
    /// Assign all tasks without an owner, such as those of an older backend, to a user. With `--of`, assign the tasks of a
    /// former owner instead.
    #[command(after_help = "\
Examples:
  taskbridge tasks assign 8vYfQ2xGkR4mT7nL
  taskbridge tasks assign 8vYfQ2xGkR4mT7nL --of 42")]
    Assign {
        /// Id of the user, not the email address.
        user_id: String,
        /// Owner in the table `tasks` who is not a user.
        #[arg(long, value_name = "FORMER_OWNER")]
        of: Option<String>,
    },
}

pub(super) async fn run(command: &TasksCommand, settings: &Settings, users: Users) -> anyhow::Result<()> {
    match command {
        TasksCommand::Import(args) => import::import(args, settings, users).await,
        TasksCommand::Ids => import::ids(settings).await,
        TasksCommand::Assign { user_id, of } => assign(user_id, of.as_deref(), settings, users).await,
    }
}

async fn assign(user_id: &str, of: Option<&str>, settings: &Settings, users: Users) -> anyhow::Result<()> {
    let migrations = migrations(settings, users);
    let assign = with_store(&settings.database, async |store| {
        Ok(migrations.assign_tasks(&store.dedicated().await?, user_id, of).await?)
    });
    for Assigned { table, rows } in with_progress(assign, print_duration("assigning tasks")).await? {
        print(&format!("{rows} {table} assigned"))?;
    }
    Ok(())
}
