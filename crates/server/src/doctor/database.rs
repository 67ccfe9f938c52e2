//! Checks of the database and its connections.

use taskbridge_adapters::database::{
    ConnectionLimits, DatabaseProblem, ExposedPath, Inspection, Pooler, PostgresFacts, SqliteFacts, StoreConfig,
    Transport, inspect,
};

use super::contents;
use super::hidden_tasks::hidden_tasks;
use super::report::{Finding, fail, millis, ok, skip, warn};
use super::tables::tables;
use crate::compose::{READ_TIMEOUT, store_config};
use crate::settings::{AuthModeName, Configuration};

const NAME: &str = "database";
/// The oldest major version of PostgreSQL that Taskbridge is tested with.
const OLDEST_POSTGRES: u32 = 14;

/// The checks of what is in the database.
const CONTENTS: [&str; 6] = ["migrations", "tables", "pool", "restrictions", "emails", "tasks"];

/// Checks the database, its TLS, its migrations and tables, the connection pool, the restrictions and email addresses of
/// users, and the owners of tasks.
pub(super) async fn check(configuration: &Configuration) -> Vec<Finding> {
    if configuration.has_error("database.") {
        let names = [NAME, "tls"].into_iter().chain(CONTENTS);
        return names.map(|name| skip(name, "the settings of the database are invalid")).collect();
    }
    let settings = &configuration.settings;
    let store = store_config(&settings.database);
    let inspection = match inspect(&store, READ_TIMEOUT).await {
        Ok(inspection) => inspection,
        Err(DatabaseProblem { found, advice }) => {
            let found = [fail(NAME, format!("{}: {found}", store.url), advice), tls(&store)];
            let others = CONTENTS.map(|name| skip(name, "the database cannot be used"));
            return found.into_iter().chain(others).collect();
        }
    };
    let exists = !matches!(inspection, Inspection::Sqlite(SqliteFacts { exists: false, .. }));
    let users = configuration.mode_name.map(AuthModeName::users);
    let migrations = contents::migrations(settings, users, exists).await;
    let tables = tables(users, exists, &migrations);
    let restrictions = contents::restrictions(settings, users, exists, &migrations).await;
    let emails = contents::emails(settings, users, exists, &migrations).await;
    let tasks = hidden_tasks(settings, users, &migrations).await;
    let (database, pool) = match inspection {
        Inspection::Sqlite(facts) => {
            let pool = format!("at most {} connections; one at a time can write", store.max_connections);
            (sqlite(&store, &facts), ok("pool", pool))
        }
        Inspection::Postgres(facts) => (postgres(&store, &facts), pool(&store, &facts)),
    };
    let first = [vec![database, tls(&store)], migrations.findings, tables];
    first.into_iter().flatten().chain([pool, restrictions, emails, tasks]).collect()
}

/// Reports whether an attacker on the network path can read or change what is sent to the database.
fn tls(store: &StoreConfig) -> Finding {
    const NAME: &str = "tls";
    let advice = "set sslmode=verify-full in the URL, with sslrootcert=system or the file of the certificate authority; \
                  or channel_binding=require where the password is checked by SCRAM";
    let read_and_change = "an attacker on the network path can read and change everything";
    let risk = match store.url.transport() {
        Transport::Local => return skip(NAME, "the database is on this machine"),
        Transport::Verified { is_for_host } => {
            let host =
                if is_for_host { " for its host" } else { ", but may be that of another host of the same authority" };
            return ok(NAME, format!("the certificate of the database is verified{host}"));
        }
        Transport::ChannelBound => {
            return ok(NAME, "the password is bound to the certificate of the database (channel binding)");
        }
        Transport::Unverified => {
            "the certificate of the database is not verified: another server can take its place and read the password"
                .into()
        }
        Transport::Opportunistic => format!("TLS is not required: {read_and_change}"),
        Transport::Plain => format!("TLS is off: {read_and_change}"),
    };
    warn(NAME, risk, advice)
}

fn sqlite(store: &StoreConfig, facts: &SqliteFacts) -> Finding {
    let SqliteFacts { version, exists, missing_folder, is_wal, unwritable, exposed } = facts;
    let state = match missing_folder {
        Some(folder) => {
            format!("does not exist yet; the server creates the folder {}, the file and its tables", folder.display())
        }
        None if !exists => "does not exist yet; the server creates the file and its tables".into(),
        None if *is_wal => "exists, in WAL mode".into(),
        None => "exists, not in WAL mode; the server enables it".into(),
    };
    let found = format!("{}: SQLite {version}; the file {state}", store.url);
    if let Some(path) = unwritable {
        return fail(
            NAME,
            format!("{found}; {} is not writable", path.display()),
            "let the user that the server runs as write there: SQLite writes to both the file and its folder",
        );
    }
    if exposed.is_empty() {
        return ok(NAME, found);
    }
    let by_path = exposed.iter().map(|ExposedPath { path, is_folder, mode }| {
        let path = path.display();
        let (access, safe_mode) =
            if *is_folder { ("can replace the files in it", "go-w") } else { ("have access to it", "600") };
        (format!("{path} has the mode {mode:04o}: other users {access}"), format!("chmod {safe_mode} {path}"))
    });
    let (risks, remedies): (Vec<_>, Vec<_>) = by_path.unzip();
    warn(NAME, format!("{found}; {}", risks.join("; ")), remedies.join("; "))
}

fn postgres(store: &StoreConfig, facts: &PostgresFacts) -> Finding {
    let PostgresFacts { version, version_number, schema, connected_in, round_trip, .. } = facts;
    let PostgresFacts { is_read_only, is_proved_direct, shares_processes, .. } = facts;
    let route = match (shares_processes, is_proved_direct) {
        (true, _) => "behind a pooler: one PostgreSQL process answered two connections",
        (false, true) => "no pooler in between",
        (false, false) => "a pooler, a proxy or address translation may be in between",
    };
    let found = format!(
        "{}: {version}, schema {}, {route}; connected in {}, a round trip takes {}",
        store.url,
        schema.as_deref().unwrap_or("missing"),
        millis(*connected_in),
        millis(*round_trip)
    );
    if version_number / 10_000 < OLDEST_POSTGRES {
        let advice = format!("upgrade to PostgreSQL {OLDEST_POSTGRES} or newer");
        return fail(NAME, found, advice);
    }
    if *is_read_only {
        let found = format!("{found}; the database is read-only");
        return fail(NAME, found, "set DATABASE_URL to the primary, not to a standby");
    }
    if store.url.pooler() == Pooler::Absent && !is_proved_direct {
        let advice = "set database.pooled = \"auto\": behind a transaction-mode pooler, statements of different clients \
                      can mix";
        return if *shares_processes { fail(NAME, found, advice) } else { warn(NAME, found, advice) };
    }
    ok(NAME, found)
}

fn pool(store: &StoreConfig, facts: &PostgresFacts) -> Finding {
    const NAME: &str = "pool";
    let (ours, limits) = (store.max_connections, facts.limits);
    if store.url.pooler() == Pooler::Present || facts.shares_processes {
        let found = format!(
            "at most {ours} connections to the pooler, which has its own limit; the database behind it allows {}",
            limits.usable()
        );
        return ok(NAME, found);
    }
    let found = capacity(ours, limits);
    if ours > limits.usable() {
        fail(NAME, found, "lower database.max_connections, or raise max_connections of PostgreSQL")
    } else if ours > limits.free() {
        let advice = "no action is needed if a running Taskbridge holds the connections in use; otherwise lower \
                      database.max_connections, or close other connections";
        warn(NAME, found, advice)
    } else {
        ok(NAME, found)
    }
}

fn capacity(ours: u32, limits: ConnectionLimits) -> String {
    let ConnectionLimits { max, reserved, in_use } = limits;
    let (fit, more) = (limits.usable() / ours.max(1), limits.free() / ours.max(1));
    format!(
        "at most {ours} connections for each replica; the database allows {max}, of which {reserved} are reserved and \
         {in_use} are in use: enough for {fit} replicas, or {more} more than now"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_counted_within_the_limits_of_the_database() {
        let limits = ConnectionLimits { max: 100, reserved: 3, in_use: 40 };
        let found = capacity(10, limits);
        assert!(found.contains("enough for 9 replicas, or 5 more than now"), "{found}");
        assert!(capacity(0, limits).contains("enough for 97 replicas"));
        let full = ConnectionLimits { max: 3, reserved: 3, in_use: 4 };
        assert_eq!((full.usable(), full.free()), (0, 0));
    }
}
