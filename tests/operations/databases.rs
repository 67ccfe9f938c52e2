//! Servers on a new database, with the settings that the drills have in common.

use std::path::Path;

use support::peer::APP;
use support::server::SECRET;
use support::{Server, User};

/// Settings of the servers and commands of the drills, beside those of the database.
pub(crate) const SETTINGS: [(&str, &str); 3] =
    [("AUTH_MODE", "server"), ("BETTER_AUTH_URL", APP), ("JWT_ALGORITHM", "EdDSA")];

/// Starts a server on this database.
pub(crate) fn serve(database: &str) -> Server {
    Server::start_with(&[&SETTINGS[..], &[("DATABASE_URL", database)]].concat())
}

/// Returns the variables of a command that uses this database as the server does.
pub(crate) fn variables<'a>(database: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("DATABASE_URL", database), ("BETTER_AUTH_SECRET", SECRET), ("RUST_LOG", "error")];
    [&SETTINGS[..], &own, more].concat()
}

/// Returns the user at another server, with the same tokens.
pub(crate) fn at(user: &User, server: &Server) -> User {
    let mut there = user.at(server);
    there.token.clone_from(&user.token);
    there
}

/// Returns the permissions of a file.
pub(crate) fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}
