//! A Better Auth and a Taskbridge on one database.

use crate::better_auth::BetterAuth;
use crate::database::Database;
use crate::peer::{APP, Peer};
use crate::server::Server;

/// Variables for one of the two.
pub type Variables<'a> = &'a [(&'a str, &'a str)];

/// Both at once, with one secret, for one app. Passwords are stored as an unmodified Better Auth knows them, unless
/// variables say otherwise.
pub struct Pair {
    /// Taskbridge.
    pub taskbridge: Server,
    /// Better Auth.
    pub better_auth: BetterAuth,
    /// What both use.
    pub database: Database,
}

impl Pair {
    /// One pair after the other, on an empty database of each kind: on one the tables are made by Taskbridge, on the
    /// other by Better Auth.
    pub fn of_each_kind() -> impl Iterator<Item = Self> {
        Self::of_each_kind_with(&[], &[])
    }

    /// The same, with more variables.
    pub fn of_each_kind_with(taskbridge: Variables<'_>, better_auth: Variables<'_>) -> impl Iterator<Item = Self> {
        Database::of_each_kind().into_iter().map(|database| {
            if database.url.starts_with("sqlite:") {
                Self::start(database, taskbridge, better_auth)
            } else {
                Self::start_better_auth_first(database, taskbridge, better_auth)
            }
        })
    }

    /// Starts Taskbridge, then Better Auth.
    #[must_use]
    pub fn start(database: Database, taskbridge: Variables<'_>, better_auth: Variables<'_>) -> Self {
        let taskbridge = start_taskbridge(&database, taskbridge);
        let better_auth = BetterAuth::on(&database, better_auth);
        Self { taskbridge, better_auth, database }
    }

    /// Starts Better Auth, then Taskbridge.
    #[must_use]
    pub fn start_better_auth_first(database: Database, taskbridge: Variables<'_>, better_auth: Variables<'_>) -> Self {
        let better_auth = BetterAuth::on(&database, better_auth);
        let taskbridge = start_taskbridge(&database, taskbridge);
        Self { taskbridge, better_auth, database }
    }

    /// Each of the two with the other.
    #[must_use]
    pub fn both_ways(&self) -> [(Peer, Peer); 2] {
        let [ours, theirs] = [Peer::taskbridge(&self.taskbridge), Peer::better_auth(&self.better_auth)];
        [(ours.clone(), theirs.clone()), (theirs, ours)]
    }
}

/// A Taskbridge in server mode for the app, on this database.
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
