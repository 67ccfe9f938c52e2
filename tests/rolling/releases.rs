//! The two releases, with the same settings.

use std::path::PathBuf;

use support::Server;
use support::peer::APP;

/// Starts the previous release on the database with this URL.
pub(crate) fn previous(url: &str, algorithm: &str) -> Server {
    Server::start_program(&program(), &settings(url, algorithm))
}

/// Starts this release.
pub(crate) fn present(url: &str, algorithm: &str) -> Server {
    Server::start_with(&settings(url, algorithm))
}

#[expect(clippy::disallowed_methods, reason = "where the previous release is")]
fn program() -> PathBuf {
    std::env::var("TASKBRIDGE_TEST_PREVIOUS").expect("run make upgrade, which builds the previous release").into()
}

/// Replicas of one app. On a slow machine, statements wait for the two connections of the pooler.
fn settings<'a>(url: &'a str, algorithm: &'a str) -> [(&'a str, &'a str); 8] {
    [
        // The previous release does not know this setting, but ignores an empty variable.
        ("TASKBRIDGE__LOG__BUFFER_BYTES", ""),
        ("AUTH_MODE", "server"),
        ("BETTER_AUTH_URL", APP),
        ("DATABASE_URL", url),
        ("JWT_ALGORITHM", algorithm),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "60"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "60"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "120"),
    ]
}
