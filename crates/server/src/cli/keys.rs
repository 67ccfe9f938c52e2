//! `taskbridge keys`.

use anyhow::Context;
use clap::Subcommand;

use super::output::print;
use crate::compose::{describe_key, require_current, stored_keys, with_store};
use crate::settings::{AuthMode, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// List all keys, oldest first, with their use.
    List,
    /// Create a key that signs all new tokens. Older keys still verify the tokens that they signed.
    Rotate,
    /// Withdraw keys that may have been stolen. Their tokens are refused, and a new key signs the next token.
    Withdraw {
        /// Ids (`kid`) of the keys. Without one, all keys are withdrawn.
        kids: Vec<String>,
    },
}

pub(super) async fn run(command: &KeysCommand, settings: &Settings, mode: &AuthMode) -> anyhow::Result<()> {
    with_store(&settings.database, async |store| {
        let keys = stored_keys(mode, &settings.jwt, store)
            .context("there are no keys in bridge mode: the app's Better Auth has them")?;
        require_current(store, mode.name().users()).await?;
        match command {
            KeysCommand::List => keys.table().list().await?.iter().for_each(|key| print(&describe_key(key))),
            KeysCommand::Rotate => {
                print(&format!("created {}, which signs within 10 seconds", keys.table().rotate().await?));
            }
            KeysCommand::Withdraw { kids } => {
                let count = keys.table().withdraw(kids).await?;
                print(&format!("withdrew {count} keys; their tokens are refused within 10 seconds"));
            }
        }
        Ok(())
    })
    .await
}
