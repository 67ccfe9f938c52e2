//! The check of the migrations.

use taskbridge_migrations::{MigrateError, Readiness, Users};
use tokio::time::timeout;

use super::report::{Finding, fail, ok, skip, warn};
use super::timeouts::DATABASE_TIMEOUT;
use crate::compose::with_store_to_read;
use crate::settings::DatabaseSettings;

const NAME: &str = "migrations";

pub(super) async fn check(settings: &DatabaseSettings, users: Option<Users>, exists: bool) -> Finding {
    let Some(users) = users else { return skip(NAME, "the auth mode is not known") };
    let migrates = settings.migrate.is_on();
    if !exists {
        return pending(&creates(&taskbridge_migrations::tables(users)), migrates);
    }
    let readiness = with_store_to_read(settings, async |store| {
        Ok(taskbridge_migrations::check(&store.dedicated().await?, users, migrates).await?)
    });
    match timeout(DATABASE_TIMEOUT, readiness).await {
        Err(_elapsed) => {
            fail(NAME, "reading the schema timed out", "check for database sessions that hold locks on the tables")
        }
        Ok(Err(error)) => match error.downcast_ref() {
            Some(MigrateError::Refused(line)) => {
                let (found, advice) = line.split_once("; ").unwrap_or((line, "change the table"));
                fail(NAME, found, advice)
            }
            _ => fail(NAME, format!("{error:#}"), "see the log of the database"),
        },
        Ok(Ok(Readiness { migrations, missing_tables })) => {
            let names: Vec<_> = migrations
                .iter()
                .filter(|migration| !migration.applied)
                .map(|migration| migration.name.as_str())
                .collect();
            if names.is_empty() {
                return ok(NAME, format!("all {} migrations have been applied", migrations.len()));
            }
            let found = format!("pending, and ready to apply: {}", names.join(", "));
            let found =
                if missing_tables.is_empty() { found } else { format!("{found}; {}", creates(&missing_tables)) };
            pending(&found, migrates)
        }
    }
}

fn pending(found: &str, migrates: bool) -> Finding {
    if migrates {
        warn(
            NAME,
            found,
            "no action is needed if the server may apply them when it starts; otherwise run: taskbridge migrate up",
        )
    } else {
        fail(NAME, found, "run: taskbridge migrate up (database.migrate is off)")
    }
}

fn creates(tables: &[&str]) -> String {
    format!("tables that will be created: {}", tables.join(", "))
}
