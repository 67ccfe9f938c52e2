//! `taskbridge keys`.

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::output::print;
use crate::compose::{describe_key, migrations, require_current, stored_keys, with_store};
use crate::settings::{AuthMode, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List all keys, oldest first, and whether each signs, only verifies, or is no longer used.
    #[command(after_help = "\
Examples:
  taskbridge keys list
  taskbridge keys list | grep signs")]
    List,
    /// Create a key that signs all new tokens. Older keys still verify their tokens for `jwt.key_grace_seconds`.
    #[command(after_help = "\
Examples:
  taskbridge keys rotate")]
    Rotate,
    /// Withdraw keys that may have been stolen: the tokens that they signed are rejected. If no signing key remains,
    /// one is created for the next token.
    #[command(after_help = "\
Examples:
  taskbridge keys withdraw 0cAbWqDbU3lXo3vQ1lVw7kYx5nZr2tGs
  taskbridge keys withdraw")]
    Withdraw {
        /// Ids (`kid`) of the keys. If none is named, all keys are withdrawn.
        kids: Vec<String>,
    },
}

pub(super) async fn run(command: &KeysCommand, settings: &Settings, mode: &AuthMode) -> anyhow::Result<()> {
    const IN_BRIDGE_MODE: &str = "there are no keys in bridge mode: the app's Better Auth has them";
    ensure!(matches!(mode, AuthMode::Server(_)), IN_BRIDGE_MODE);
    let migrations = migrations(settings, mode.name().users());
    with_store(&settings.database, async |store| {
        let (map, _notices) = require_current(store, &migrations).await?;
        let store = store.clone().with_map(map);
        let keys = stored_keys(mode, &settings.jwt, &store).context(IN_BRIDGE_MODE)?;
        match command {
            KeysCommand::List => keys.table().list().await?.iter().try_for_each(|key| print(&describe_key(key)))?,
            KeysCommand::Rotate => {
                print(&format!(
                    "created {}, which signs in all processes within 10 seconds",
                    keys.table().rotate().await?
                ))?;
            }
            KeysCommand::Withdraw { kids } => {
                let count = keys.table().withdraw(kids).await?;
                print(&format!("withdrew {count} keys; their tokens are rejected within 10 seconds"))?;
            }
        }
        Ok(())
    })
    .await
}
