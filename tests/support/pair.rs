//! A Better Auth and a Taskbridge on one database.

use crate::better_auth::BetterAuth;
use crate::database::Database;
use crate::peer::{APP, Peer};
use crate::server::Server;

/// Environment variables for one of the two.
pub type Variables<'a> = &'a [(&'a str, &'a str)];

/// Both servers with one secret, for one app. Passwords are hashed with scrypt, which an unmodified Better Auth can
/// verify, unless variables say otherwise.
pub struct Pair {
    /// The Taskbridge.
    pub taskbridge: Server,
    /// The Better Auth.
    pub better_auth: BetterAuth,
    /// The database of both.
    pub database: Database,
}

impl Pair {
    /// Starts pairs on an empty database of each kind, one after the other. Taskbridge creates the tables of one,
    /// Better Auth those of the other.
    pub fn of_each_kind() -> impl Iterator<Item = Self> {
        Self::of_each_kind_with(&[], &[])
    }

    /// Does the same with further variables.
    pub fn of_each_kind_with(taskbridge: Variables<'_>, better_auth: Variables<'_>) -> impl Iterator<Item = Self> {
        Database::of_each_kind().into_iter().map(|database| {
            if database.url.starts_with("sqlite:") {
                Self::start(database, taskbridge, better_auth)
            } else {
                Self::start_better_auth_first(database, taskbridge, better_auth)
            }
        })
    }

    /// Starts Taskbridge first, then Better Auth.
    #[must_use]
    pub fn start(database: Database, taskbridge: Variables<'_>, better_auth: Variables<'_>) -> Self {
        let taskbridge = start_taskbridge(&database, taskbridge);
        let better_auth = BetterAuth::on(&database, better_auth);
        Self { taskbridge, better_auth, database }
    }

    /// Starts Better Auth first, then Taskbridge.
    #[must_use]
    pub fn start_better_auth_first(database: Database, taskbridge: Variables<'_>, better_auth: Variables<'_>) -> Self {
        let better_auth = BetterAuth::on(&database, better_auth);
        let taskbridge = start_taskbridge(&database, taskbridge);
        Self { taskbridge, better_auth, database }
    }

    /// Returns each of the two followed by the other.
    #[must_use]
    pub fn both_ways(&self) -> [(Peer, Peer); 2] {
        let [ours, theirs] = [Peer::taskbridge(&self.taskbridge), Peer::better_auth(&self.better_auth)];
        [(ours.clone(), theirs.clone()), (theirs, ours)]
    }
}

/// Starts a Taskbridge in server mode for the app, on this database.
#[must_use]
pub fn start_taskbridge(database: &Database, more: Variables<'_>) -> Server {
    let variables = [
        ("AUTH_MODE", "server"),
        ("BETTER_AUTH_URL", APP),
        ("DATABASE_URL", &database.url),
        ("TASKBRIDGE__PASSWORDS__WRITE", "scrypt"),
    ];
    Server::start_with(&[&variables, more].concat())
}
