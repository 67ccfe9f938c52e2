//! The contract of the store, on SQLite.

use std::ops::Deref;
use std::time::Duration;

use taskbridge_adapters::database::owned::SeaOwnedRepo;
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_domain::testing::contract::owned::Sample;
use taskbridge_migrations::{MigrateError, Migrations, Users};
use tempfile::TempDir;

use crate::note::{NewNote, Note, NotePatch, NoteText};
use crate::table::{CREATE, Entity};

impl Sample for Note {
    fn sample() -> NewNote {
        NewNote { text: NoteText::parse(" '; -- 🥛\n".into()).unwrap() }
    }

    fn sample_patch() -> NotePatch {
        NotePatch { text: Some(NoteText::parse("another".into()).unwrap()) }
    }
}

/// Notes in a file.
struct Notes {
    repo: SeaOwnedRepo<Entity>,
    folder: TempDir,
}

impl Deref for Notes {
    type Target = SeaOwnedRepo<Entity>;

    fn deref(&self) -> &Self::Target {
        &self.repo
    }
}

async fn open(folder: TempDir) -> Notes {
    let timeout = Duration::from_mins(1);
    let config = StoreConfig {
        url: format!("sqlite://{}/notes.db", folder.path().display()).parse().unwrap(),
        max_connections: 4,
        acquire_timeout: timeout,
        connect_timeout: timeout,
        statement_timeout: timeout,
        share_connections: true,
        start_timeout: timeout,
    };
    let store = Store::open(&config).await.unwrap();
    let connection = store.dedicated().await.unwrap();
    let connect = || async { Ok::<_, MigrateError>(store.dedicated().await.unwrap()) };
    let map = Migrations::of(Users::Elsewhere).with(&[&CREATE]).up(&connection, connect).await.unwrap().map;
    drop(connection);
    Notes { repo: SeaOwnedRepo::of_table(store.with_map(map)).unwrap(), folder }
}

taskbridge_domain::owned_repo_contract!(Note, open(tempfile::tempdir().unwrap()), async |notes: Notes| {
    let Notes { repo, folder } = notes;
    drop(repo);
    open(folder).await
});
