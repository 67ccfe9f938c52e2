//! `taskbridge migrate`.

use std::process::ExitCode;

use clap::Subcommand;
use taskbridge_migrations::Users;

use super::output::print;
use super::plan::plan;
use crate::compose::{is_missing, migrations, up, with_store};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply all pending migrations.
    Up,
    /// Revert the last COUNT migrations, by default one. Fails rather than drop tasks. Users and passwords are never
    /// dropped.
    Down {
        /// Number of migrations to revert, newest first.
        #[arg(default_value_t = 1)]
        count: u32,
    },
    /// List all migrations, and whether each is applied or pending.
    Status,
    /// Show which tables are used as those of Better Auth, what the next start of the server changes in the database, as
    /// SQL where possible, and each reason for which it would not start. Changes and locks nothing.
    ///
    /// The exit status is 0 if the server would start, and 1 otherwise.
    Plan,
}

pub(super) async fn run(command: &MigrateCommand, settings: &Settings, users: Users) -> anyhow::Result<ExitCode> {
    let migrations = migrations(settings, users);
    if let MigrateCommand::Plan = command {
        if is_missing(&settings.database).await {
            print(&"The database does not exist yet. The server creates it, with all tables.");
            return Ok(ExitCode::SUCCESS);
        }
        let plan = plan(&settings.database, &migrations).await?;
        print(&plan);
        return Ok(if plan.is_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    with_store(&settings.database, async |store| {
        match command {
            MigrateCommand::Up => {
                let report = up(store, &migrations).await?;
                for name in report.applied {
                    print(&format!("applied {name}"));
                }
                for addition in report.additions {
                    print(&format!("applied: {addition}"));
                }
            }
            MigrateCommand::Down { count } => {
                for name in migrations.down(&store.dedicated().await?, *count).await? {
                    print(&format!("reverted {name}"));
                }
            }
            MigrateCommand::Status => {
                for step in migrations.status(&store.dedicated().await?).await? {
                    let status = if step.applied { "applied" } else { "pending" };
                    print(&format!("{status} {}", step.name));
                }
            }
            // Handled above: the database is only read.
            MigrateCommand::Plan => {}
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}
