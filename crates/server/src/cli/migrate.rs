//! `taskbridge migrate`.

use std::process::ExitCode;

use clap::Subcommand;
use taskbridge_adapters::database::Store;
use taskbridge_migrations::Users;

use super::output::{print, print_duration, with_progress};
use super::plan::plan;
use crate::compose::{is_missing, migrations, up, with_store};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply all pending migrations.
    #[command(after_help = "\
Examples:
  taskbridge migrate up
  DATABASE_URL=postgres://owner@db/app taskbridge migrate up")]
    Up,
    /// Revert the last COUNT migrations, by default one. Fails rather than drop tasks. Users and passwords are never
    /// dropped.
    #[command(after_help = "\
Examples:
  taskbridge migrate down
  taskbridge migrate down 2")]
    Down {
        /// Number of migrations to revert, newest first.
        #[arg(default_value_t = 1)]
        count: u32,
    },
    /// List all migrations, and whether each is applied or pending.
    #[command(after_help = "\
Examples:
  taskbridge migrate status
  taskbridge migrate status | grep pending")]
    Status,
    /// Show which tables are used as those of Better Auth, what the next start of the server changes in the database, as
    /// SQL where possible, and each reason for which it would not start because of Better Auth's tables. Changes nothing,
    /// and takes no lock that blocks the reads and writes of other sessions.
    ///
    /// The exit status is 0 if the server would start, and 1 otherwise.
    #[command(after_help = "\
Examples:
  taskbridge migrate plan
  DATABASE_URL=postgres://owner@db/app taskbridge migrate plan")]
    Plan,
}

pub(super) async fn run(command: &MigrateCommand, settings: &Settings, users: Users) -> anyhow::Result<ExitCode> {
    let (database, migrations) = (&settings.database, migrations(settings, users));
    match command {
        MigrateCommand::Up => {
            let up = with_store(database, async |store| up(store, &migrations).await);
            let report = with_progress(up, print_duration("migrating")).await?;
            for name in report.applied {
                print(&format!("applied {name}"))?;
            }
            for addition in report.additions {
                print(&format!("applied: {addition}"))?;
            }
        }
        MigrateCommand::Down { count } => {
            let down = async |store: &Store| Ok(migrations.down(&store.dedicated().await?, *count).await?);
            for name in with_progress(with_store(database, down), print_duration("migrating")).await? {
                print(&format!("reverted {name}"))?;
            }
        }
        MigrateCommand::Status => {
            let status = async |store: &Store| Ok(migrations.status(&store.dedicated().await?).await?);
            for step in with_store(database, status).await? {
                let status = if step.applied { "applied" } else { "pending" };
                print(&format!("{status} {}", step.name))?;
            }
        }
        MigrateCommand::Plan if is_missing(database).await => {
            print(&"The database does not exist yet. The server creates it, with all tables.")?;
        }
        MigrateCommand::Plan => {
            let plan = plan(database, &migrations).await?;
            print(&plan)?;
            return Ok(if plan.is_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}
