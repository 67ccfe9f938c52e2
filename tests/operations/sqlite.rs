//! Backup and restore of SQLite while clients write.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::server::shell_command;
use support::{Peer, Server, User};

use crate::databases::{mode, serve, variables};
use crate::page::{drill, run};
use crate::writers::Writers;

const URL: &str = "sqlite://data/taskbridge.db";
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns the titles of all tasks in a file, or none if it has no such table.
fn titles(folder: &Path, file: &str) -> BTreeSet<String> {
    let listed = Command::new("sqlite3").args([file, "select title from tasks"]).current_dir(folder).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Makes a backup with the commands of the page, and returns the name of the file.
fn back_up(folder: &Path, number: usize) -> String {
    // Two backups of one second would have the same name.
    let commands = drill("sqlite-backup").replacen("backup-", &format!("backup-{number}-"), 1);
    run(folder, &format!("{commands}\necho \"$copy\""), &[]).lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_sqlite_has_every_acknowledged_write_and_is_restored() {
    let mut server = serve(URL);
    let folder = server.folder().to_owned();
    let ann = User::sign_up(&server, "ann").await;
    let writers = Writers::start(&ann, &[&server.base]);
    let mut backup = String::new();
    let mut kept = BTreeSet::new();
    for number in 0..3 {
        writers.until_acknowledged(50).await;
        kept = writers.record().acknowledged;
        backup = tokio::task::block_in_place(|| back_up(&folder, number));
        let missing: Vec<_> = kept.difference(&titles(&folder, &backup)).cloned().collect();
        assert!(missing.is_empty(), "acknowledged before the backup, and not in it: {missing:?}");
        assert_eq!(mode(&folder.join(&backup)), 0o600);
    }
    let record = writers.stop().await;
    assert!(record.failures.is_empty(), "{:?}", record.failures);
    let stored = titles(&folder, &backup);

    // Killed, so that the files next to the database remain.
    server.kill();
    assert!(folder.join("data/taskbridge.db-wal").exists());
    let doctor = run(&folder, drill("sqlite-restore"), &variables(URL, &[("copy", &backup)]));
    assert!(doctor.contains("0 failed"), "{doctor}");
    assert_eq!(mode(&folder.join("data/taskbridge.db")), 0o600);

    let server = server.again();
    let list = reqwest::get(server.url("/health/ready")).await.unwrap();
    assert_eq!(list.status(), 200);
    assert_eq!(Peer::taskbridge(&server).get_session(&ann.cookie).await["user"]["id"], ann.id.as_str());
    assert_eq!(titles(&folder, "data/taskbridge.db"), stored);
    assert!(stored.is_superset(&kept));
    add(&server, &ann, "after the restore").await;
    assert_eq!(run(&folder, "sqlite3 data/taskbridge.db 'pragma integrity_check'", &[]), "ok\n");

    run(&folder, drill("sqlite-after"), &variables(URL, &[]));
    assert!(Peer::taskbridge(&server).get_session(&ann.cookie).await.is_null());
}

/// Adds a task with the user's token of before.
async fn add(server: &Server, user: &User, title: &str) {
    let url = server.url(&user.tasks(""));
    let answer =
        reqwest::Client::new().post(url).bearer_auth(&user.token).json(&json!({ "title": title })).send().await;
    assert_eq!(answer.unwrap().json::<Value>().await.unwrap()["title"], title);
}

/// Recent writes are in the file `-wal`, so that a copy of the database file alone does not contain them.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_by_cp_misses_acknowledged_writes() {
    let server = serve(URL);
    let ann = User::sign_up(&server, "ann").await;
    let writers = Writers::start(&ann, &[&server.base]);
    let started = Instant::now();
    loop {
        writers.until_acknowledged(20).await;
        let kept = writers.record().acknowledged;
        run(server.folder(), "cp data/taskbridge.db copy.db", &[]);
        let missing = kept.difference(&titles(server.folder(), "copy.db")).count();
        if missing > 0 {
            println!("cp: {missing} of {} acknowledged writes are missing", kept.len());
            break;
        }
        assert!(started.elapsed() < PATIENCE, "each copy had all acknowledged writes");
    }
    writers.stop().await;
}

/// A process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Litestream copies every write within seconds, and restores the newest state.
#[tokio::test(flavor = "multi_thread")]
async fn litestream_restores_what_was_acknowledged() {
    let server = serve(URL);
    let folder = server.folder();
    let ann = User::sign_up(&server, "ann").await;
    let commands =
        format!("exec {}", drill("litestream-replicate").replace("/srv/", &format!("{}/", folder.display())));
    let mut replicate = shell_command(folder, &commands, &[]);
    let log = fs::File::create(folder.join("litestream.log")).unwrap();
    let _replicating =
        Running(replicate.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap());
    let writers = Writers::start(&ann, &[&server.base]);
    writers.until_acknowledged(300).await;
    let record = writers.stop().await;
    assert!(record.failures.is_empty(), "{:?}", record.failures);

    let started = Instant::now();
    let restore = drill("litestream-restore").replace("/srv/", &format!("{}/", folder.display()));
    loop {
        let mut restoring = shell_command(folder, &restore, &[]);
        let restored = tokio::task::block_in_place(|| restoring.output().unwrap());
        if restored.status.success() && titles(folder, "restored.db").is_superset(&record.acknowledged) {
            break;
        }
        let log = fs::read_to_string(folder.join("litestream.log")).unwrap();
        assert!(started.elapsed() < PATIENCE, "{}\n{log}", String::from_utf8_lossy(&restored.stderr));
        let _ = fs::remove_file(folder.join("restored.db"));
    }
    println!("Litestream had {} writes {:?} after the last one", record.acknowledged.len(), started.elapsed());
}
