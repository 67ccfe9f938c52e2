//! Files and folders of SQLite.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use support::Server;
use support::postgres::{fresh_database, psql};
use support::server::outcome;

use super::{check, doctor, tells};

/// Returns all files below a folder, with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.push((path.display().to_string(), Vec::new()));
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn nothing_is_made_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = [("DATABASE_URL", "sqlite://new/tasks.db")];
    let (code, report) = doctor(folder.path(), &sqlite);
    assert_eq!((code, &check(&report, "jwks")["found"]), (Some(0), &Value::from("there is no database yet")));
    assert!(files(folder.path()).is_empty());

    // A server has used the file, and has stopped normally.
    let mut server = Server::start_with(&[("DATABASE_URL", "sqlite://old/tasks.db")]);
    let database = [("DATABASE_URL", "sqlite://old/tasks.db")];
    let (_, report) = doctor(server.folder(), &database);
    assert!(
        check(&report, "migrations")["found"].as_str().unwrap().ends_with("migrations have been applied"),
        "{report}"
    );
    server.terminate();
    server.wait();
    let before = files(server.folder());
    assert!(before.iter().any(|(name, bytes)| name.ends_with("tasks.db") && !bytes.is_empty()));
    let (_, report) = doctor(server.folder(), &database);
    assert_eq!(check(&report, "migrations")["state"], "ok", "{report}");
    assert!(check(&report, "database")["found"].as_str().unwrap().contains("in WAL mode"), "{report}");
    assert_eq!(files(server.folder()), before);

    let url = fresh_database();
    psql(
        &url,
        "create table tasks (id serial primary key, user_id text, title text); insert into tasks (title) values ('x')",
    );
    let all = "select string_agg(concat(c.oid, c.relname, c.relkind, c.xmin), ',' order by c.oid) from pg_class c";
    let before = psql(&url, all);
    let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &url)]);
    assert!(check(&report, "migrations")["found"].as_str().unwrap().contains("pending"), "{report}");
    assert_eq!(psql(&url, all), before);
}

#[test]
fn the_version_of_sqlite_and_what_will_be_created_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let found = |url: &str| {
        let (code, report) = doctor(folder.path(), &[("DATABASE_URL", url)]);
        assert_eq!((code, &check(&report, "database")["state"]), (Some(0), &Value::from("ok")), "{report}");
        check(&report, "database")["found"].as_str().unwrap().to_owned()
    };
    let missing = found("sqlite://new/data/tasks.db");
    assert!(missing.contains(": SQLite 3.") && missing.contains("creates the folder new/data, the file"), "{missing}");
    let missing = found("sqlite://tasks.db");
    assert!(missing.contains(": SQLite 3.") && missing.contains("creates the file"), "{missing}");
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", "sqlite://tasks.db")]).0, Some(0));
    let existing = found("sqlite://tasks.db");
    assert!(existing.contains(": SQLite 3.") && existing.contains("in WAL mode"), "{existing}");
}

#[test]
fn files_that_other_users_have_access_to_are_a_warning() {
    let server = Server::start_with(&[("DATABASE_URL", "sqlite://data/tasks.db")]);
    let path = |name: &str| server.folder().join(name);
    let set = |name: &str, mode| fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    let report = || doctor(server.folder(), &[("DATABASE_URL", "sqlite://data/tasks.db")]);
    for (name, private, exposed, found, advice) in [
        ("data/tasks.db", 0o600, 0o644, "data/tasks.db has the mode 0644", "chmod 600 data/tasks.db"),
        ("data/tasks.db", 0o600, 0o620, "data/tasks.db has the mode 0620", "chmod 600 data/tasks.db"),
        ("data/tasks.db-wal", 0o600, 0o604, "data/tasks.db-wal has the mode 0604", "chmod 600 data/tasks.db-wal"),
        ("data/tasks.db-shm", 0o600, 0o660, "data/tasks.db-shm has the mode 0660", "chmod 600 data/tasks.db-shm"),
        ("data", 0o700, 0o770, "data has the mode 0770", "chmod go-w data"),
    ] {
        set(name, exposed);
        let (code, report) = report();
        assert_eq!((code, &check(&report, "database")["state"]), (Some(0), &Value::from("warn")), "{report}");
        tells(&report, "database", found, advice);
        set(name, private);
    }
    // Without write access to the folder, or in a sticky folder, other users cannot replace files.
    for mode in [0o755, 0o1777, 0o700] {
        set("data", mode);
        assert_eq!(check(&report().1, "database")["state"], "ok", "{mode:o}");
    }
    set("data/tasks.db", 0o640);
    set("data", 0o722);
    let report = report().1;
    tells(
        &report,
        "database",
        "0640: other users have access to it; data has the mode 0722",
        "tasks.db; chmod go-w data",
    );
}
