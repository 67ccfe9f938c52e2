//! PostgreSQL: databases on the cluster that the tests share, and clusters of a test's own, to be killed.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The password in every URL: the clusters want none, and it must not be logged.
pub const DATABASE_PASSWORD: &str = "database-password-for-nobody";

/// How long a cluster may take to start or stop before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The URL of an empty database on the shared cluster.
#[must_use]
pub fn fresh_database() -> String {
    let cluster = variable("TASKBRIDGE_TEST_POSTGRES");
    format!("{}/{}", with_password(&cluster), create_database(&cluster))
}

/// The same, through pgbouncer in transaction mode.
#[must_use]
pub fn fresh_database_behind_pgbouncer() -> String {
    let name = create_database(&variable("TASKBRIDGE_TEST_POSTGRES"));
    format!("{}/{name}?pgbouncer=true", with_password(&variable("TASKBRIDGE_TEST_PGBOUNCER")))
}

fn with_password(url: &str) -> String {
    url.replacen('@', &format!(":{DATABASE_PASSWORD}@"), 1)
}

fn create_database(cluster: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    psql(&format!("{cluster}/postgres"), &format!("create database {name}"));
    name
}

/// What a statement prints, without decoration.
#[expect(clippy::must_use_candidate, reason = "many statements are run for what they do")]
pub fn psql(url: &str, sql: &str) -> String {
    let output = program("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "where the database of the tests is")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or run make test"))
}

/// One of PostgreSQL's programs.
fn program(name: &str) -> Command {
    Command::new(Path::new(&variable("TASKBRIDGE_TEST_POSTGRES_BIN")).join(name))
}

/// A cluster of its own, durable, which can be killed and started again. It goes with the test.
pub struct Cluster {
    folder: TempDir,
    port: u16,
    postmaster: Child,
}

impl Cluster {
    /// Makes a cluster and starts it.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut initdb = as_server_user(program("initdb"), folder.path());
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let made = initdb.arg("--pgdata").arg(data(folder.path())).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let postmaster = postmaster(folder.path(), port);
        let cluster = Self { folder, port, postmaster };
        cluster.wait_until_ready();
        cluster
    }

    /// The URL of its database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// `kill -9` of the postmaster and of all that it started.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.postmaster.id());
        assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
        self.postmaster.wait().unwrap();
    }

    /// Starts it again after [`Self::kill`], on the same data and port.
    pub fn start_again(&mut self) {
        self.postmaster = postmaster(self.folder.path(), self.port);
        self.wait_until_ready();
    }

    /// Stops it in order, which ends all connections, and starts it again.
    pub fn restart(&mut self) {
        let mut stop = as_server_user(program("pg_ctl"), self.folder.path());
        stop.args(["stop", "--silent", "--mode=fast", "--pgdata"]).arg(data(self.folder.path()));
        assert!(stop.status().unwrap().success());
        self.postmaster.wait().unwrap();
        self.start_again();
    }

    /// Locks a table against everybody, until the lock is released.
    #[must_use]
    pub fn lock(&self, table: &str) -> Lock {
        let mut holder = program("psql");
        holder.args(["-XAtq", "-v", "ON_ERROR_STOP=1", &self.url()]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut holder = holder.spawn().unwrap();
        let sql = format!("begin; lock table {table} in access exclusive mode;\n");
        std::io::Write::write_all(holder.stdin.as_mut().unwrap(), sql.as_bytes()).unwrap();
        let held = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted";
        wait_until("the lock is held", || psql(&self.url(), held) != "0");
        Lock(holder)
    }

    fn wait_until_ready(&self) {
        let port = self.port.to_string();
        wait_until("the cluster answers", || {
            let asked = program("pg_isready").args(["--quiet", "--host=127.0.0.1", "--port", &port]).status();
            asked.unwrap().success()
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let group = format!("-{}", self.postmaster.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.postmaster.wait();
    }
}

/// A table that is locked.
pub struct Lock(Child);

impl Lock {
    /// Ends the transaction that holds it.
    pub fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// In a process group of its own, so that all of it can be killed.
fn postmaster(folder: &Path, port: u16) -> Child {
    let mut command = as_server_user(program("postgres"), folder);
    command.arg("-D").arg(data(folder)).arg("-p").arg(port.to_string()).arg("-k").arg(folder);
    command.args(["-c", "listen_addresses=127.0.0.1"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap()
}

/// PostgreSQL does not run as root: then it runs as another user, to whom the folder is given.
fn as_server_user(program: Command, folder: &Path) -> Command {
    let output = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned();
    if output(Command::new("id").arg("-u")) != "0" {
        return program;
    }
    let user = if output(Command::new("id").args(["-u", "postgres"])).is_empty() { "nobody" } else { "postgres" };
    let group = output(Command::new("id").args(["-g", user]));
    assert!(Command::new("chown").arg(user).arg(folder).status().unwrap().success());
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups", "--"]);
    command.arg(program.get_program()).current_dir(folder);
    command
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: until {what}");
        std::thread::yield_now();
    }
}
