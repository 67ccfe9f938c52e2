//! The SQLite file: its permissions, its journal, and statements that do not end.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use support::metrics::Scrape;
use support::server::{outcome, run};
use support::{Server, User};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The file contains password hashes and session tokens.
#[tokio::test]
async fn what_the_server_creates_is_private() {
    for mask in ["022", "000"] {
        let server = Server::start_with_umask(mask, &[("DATABASE_URL", "sqlite://new/data/tasks.db")]);
        User::sign_up(&server, "ann").await;
        for (name, expected) in [
            ("new", 0o700),
            ("new/data", 0o700),
            ("new/data/tasks.db", 0o600),
            ("new/data/tasks.db-wal", 0o600),
            ("new/data/tasks.db-shm", 0o600),
        ] {
            assert_eq!(mode(&server.folder().join(name)), expected, "{name}, umask {mask}");
        }
    }
}

/// SQLite keeps `-wal` and `-shm` next to the target of a symbolic link.
#[test]
fn a_file_behind_a_symbolic_link_is_private_and_is_examined() {
    let server = Server::start_with_umask("022", &[("DATABASE_URL", "sqlite://first.db")]);
    let target = server.folder().join("real/tasks.db");
    fs::create_dir(server.folder().join("real")).unwrap();
    symlink(&target, server.folder().join("link.db")).unwrap();
    let server = server.again_with(&[("DATABASE_URL", "sqlite://link.db")]);
    assert_eq!(mode(&target), 0o600);
    let report = outcome(server.folder(), &["doctor"], &[("DATABASE_URL", "sqlite://link.db")]).1;
    assert!(report.contains("migrations have been applied"), "{report}");
    fs::set_permissions(server.folder().join("real/tasks.db-wal"), Permissions::from_mode(0o644)).unwrap();
    let report = outcome(server.folder(), &["doctor"], &[("DATABASE_URL", "sqlite://link.db")]).1;
    assert!(report.contains("real/tasks.db-wal has the mode 0644"), "{report}");
}

#[test]
fn the_modes_of_existing_files_and_folders_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("data/tasks.db"));
    fs::create_dir(&data).unwrap();
    fs::write(&file, "").unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    assert!(run(folder.path(), &["migrate", "up"], &[("DATABASE_URL", "sqlite://data/tasks.db")]).0);
    assert_eq!((mode(&data), mode(&file)), (0o755, 0o640));
}

#[test]
fn a_file_that_must_exist_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |url| run(folder.path(), &["migrate", "status"], &[("DATABASE_URL", url)]);
    for (url, problem) in [
        ("sqlite://data/tasks.db?mode=rw", "the file data/tasks.db cannot be opened; check that it exists"),
        ("sqlite://tasks.db?mode=rw", "the file tasks.db cannot be opened; check that it exists"),
        ("sqlite://tasks.db?mode=ro", "write rwc, or rw"),
        ("sqlite:///tasks.db", "write sqlite://<file> for the current folder"),
    ] {
        let (succeeded, message) = migrate(url);
        assert!(!succeeded && message.contains(problem), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{url}");
    }
    let (code, report) = outcome(folder.path(), &["doctor"], &[("DATABASE_URL", "sqlite://tasks.db?mode=rw")]);
    assert!(code == Some(1) && report.contains("the file does not exist. Advice: create it"), "{report}");
    assert!(migrate("sqlite:///./tasks.db").0);
    assert!(migrate("sqlite://tasks.db?mode=rw").0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The file can be copied after every command, even one that failed.
#[test]
fn commands_leave_no_journal_behind() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("DATABASE_URL", "sqlite://tasks.db"), ("JWT_ALGORITHM", "EdDSA")];
    for (arguments, succeeds) in [
        (&["migrate", "status"][..], true),
        (&["keys", "list"], false),
        (&["migrate", "up"], true),
        (&["keys", "rotate"], true),
        (&["keys", "list"], true),
        (&["tasks", "assign", "no-such-user"], false),
        (&["migrate", "down"], true),
    ] {
        let (succeeded, message) = run(folder.path(), arguments, &variables);
        assert_eq!(succeeded, succeeds, "{arguments:?}: {message}");
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(entries.collect::<Vec<_>>(), ["tasks.db"], "{arguments:?}");
    }
}

/// Installs a trigger that keeps the insertion of a task with the title `slow` from ever ending.
fn slow_down(server: &Server) {
    const SCRIPT: &str = "import sqlite3; sqlite3.connect('tasks.db', timeout=30).executescript('''\
        create trigger slow before insert on tasks when new.title = 'slow' begin \
        select count(*) from (with recursive n(i) as (select 1 union all select i + 1 from n) select i from n); end''')";
    let done = Command::new("python3").args(["-c", SCRIPT]).current_dir(server.folder()).status().unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_unavailable_and_blocks_no_later_request() {
    let server = Server::start_with(&[
        ("DATABASE_URL", "sqlite://tasks.db"),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "1"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    slow_down(&server);
    for _ in 0..2 {
        let slow = ann.request(Method::POST, &ann.tasks("")).json(&json!({ "title": "slow" })).send().await.unwrap();
        assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
        ann.add(json!({ "title": "quick" })).await;
    }
    assert_eq!(ann.list().await.as_array().unwrap().len(), 2);
}

/// Returns another process that holds the write lock of the database until its standard input ends.
pub(crate) fn lock(server: &Server) -> Child {
    const LOCK: &str = "import sqlite3, sys; connection = sqlite3.connect('tasks.db', isolation_level=None); \
        connection.execute('begin immediate'); print('locked', flush=True); sys.stdin.read()";
    let mut lock = Command::new("python3");
    lock.args(["-c", LOCK]).current_dir(server.folder()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut lock = lock.spawn().unwrap();
    let mut locked = String::new();
    BufReader::new(lock.stdout.take().unwrap()).read_line(&mut locked).unwrap();
    assert_eq!(locked, "locked\n");
    lock
}

/// The process ends although a statement waits for a lock of another process. The wait cannot be interrupted, but it is
/// short, and nothing waits again after the request has ended.
#[tokio::test]
async fn a_statement_that_waits_for_a_lock_does_not_delay_the_end_of_the_process() {
    const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
    let acquire_seconds = LOCK_TIMEOUT.as_secs().to_string();
    let mut server = Server::start_with(&[
        ("DATABASE_URL", "sqlite://tasks.db"),
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", &acquire_seconds),
        ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "0"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    let mut lock = lock(&server);
    let waiting = ann.request(Method::POST, &ann.tasks("")).json(&json!({ "title": "x" })).send();
    let stop = async {
        let [open, idle] = ["taskbridge_database_connections", "taskbridge_database_connections_idle"];
        Scrape::until(&server, |scrape| scrape.count(open) > scrape.count(idle)).await;
        server.terminate();
    };
    let (waiting, ()) = futures_util::future::join(waiting, stop).await;
    assert!(waiting.is_err());
    let ended = Instant::now();
    assert_eq!(server.wait().code(), Some(0));
    assert!(ended.elapsed() < LOCK_TIMEOUT / 2);
    let log = server.log.text();
    assert!(log.contains(r#""message":"stopped""#), "{log}");
    // The end of its standard input ends the other process.
    drop(lock.stdin.take());
    assert!(lock.wait().unwrap().success());
}
