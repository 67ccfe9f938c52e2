//! `taskbridge keys`: the keys that tokens are signed with.

use anyhow::Context;
use taskbridge_adapters::database::Store;
use taskbridge_adapters::jwt::{StoredKeyInfo, StoredKeyStatus};

use crate::settings::Settings;
use crate::{Keys, compose, schema};

/// Does what was asked, and tells it line by line.
pub(crate) async fn run(command: Keys, settings: &Settings, store: &Store) -> anyhow::Result<Vec<String>> {
    let ring = compose::key_ring(&settings.auth.mode, store)
        .context("there are no keys here: in bridge mode the app's Better Auth has them")?;
    schema::require_current(store, settings.auth.mode.users()).await?;
    match command {
        Keys::List => Ok(ring.table().list().await?.iter().map(line).collect()),
        Keys::Rotate => Ok(vec![format!("made {}, which signs within 10 seconds", ring.table().rotate().await?)]),
        Keys::Withdraw { kids } => {
            let count = ring.table().withdraw(&kids).await?;
            Ok(vec![format!("{count} withdrawn: within 10 seconds nobody accepts their tokens")])
        }
    }
}

/// A key, in words.
pub(crate) fn line(key: &StoredKeyInfo) -> String {
    let StoredKeyInfo { id, algorithm, created_at, status } = key;
    let status = match status {
        StoredKeyStatus::Signs => "signs".into(),
        StoredKeyStatus::Verifies => "verifies what it has signed".into(),
        StoredKeyStatus::Undecryptable(why) => format!("cannot sign: {why}"),
        StoredKeyStatus::Unused => "is not used any more".into(),
    };
    format!("{id}  {algorithm:<5}  made {created_at}  {status}")
}
