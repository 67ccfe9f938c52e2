//! `taskbridge keys`: the keys that tokens are signed with.

use anyhow::Context;
use taskbridge_adapters::jwt::{KeyInfo, KeyUse, Replaced};
use taskbridge_adapters::sea::Store;

use crate::settings::Settings;
use crate::{Keys, compose, schema};

/// Does what was asked, and tells it line by line.
pub(crate) async fn run(command: Keys, settings: &Settings) -> anyhow::Result<Vec<String>> {
    let store = Store::open(&settings.database.store).await?;
    let ring = compose::key_ring(&settings.auth.mode, &store).context(
        "there are no keys: tokens are signed with the secret, or elsewhere; keys are for AUTH_MODE=server with \
         JWT_ALGORITHM=EdDSA or ES256",
    )?;
    schema::require_current(&store, settings.auth.mode.users()).await?;
    match command {
        Keys::List => Ok(ring.list().await?.iter().map(line).collect()),
        Keys::Rotate { withdraw } => {
            let replaced = if withdraw { Replaced::Withdrawn } else { Replaced::Published };
            Ok(vec![format!("made {}, which signs from now on", ring.rotate(replaced).await?)])
        }
    }
}

/// A key, in words.
pub(crate) fn line(key: &KeyInfo) -> String {
    let KeyInfo { id, algorithm, created_at, purpose } = key;
    let purpose = match purpose {
        KeyUse::Signs => "signs".into(),
        KeyUse::Verifies => "verifies what it has signed".into(),
        KeyUse::Unreadable(why) => format!("cannot sign: {why}"),
        KeyUse::None => "is not used any more".into(),
    };
    format!("{id}  {algorithm:<5}  made {created_at}  {purpose}")
}
