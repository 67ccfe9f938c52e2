//! `taskbridge migrate`.

use clap::Subcommand;
use taskbridge_migrations::{Migrations, Users};

use super::output::print;
use crate::compose::{up, with_store};
use crate::settings::DatabaseSettings;

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
}

pub(super) async fn run(command: &MigrateCommand, database: &DatabaseSettings, users: Users) -> anyhow::Result<()> {
    let migrations = Migrations::of(users);
    with_store(database, async |store| {
        match command {
            MigrateCommand::Up => {
                for name in up(store, users).await? {
                    print(&format!("applied {name}"));
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
        }
        Ok(())
    })
    .await
}
