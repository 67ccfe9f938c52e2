//! PostgreSQL: databases on the server that `scripts/with-postgres.sh` starts, and servers that tests can kill.

use std::fs::{self, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Time to start or stop after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// Number of attempts to start; another program may take the port.
const ATTEMPTS: usize = 5;

/// The password in every URL. The servers do not ask for it, and it must not be logged.
pub const DATABASE_PASSWORD: &str = "database-password-for-nobody";

/// The parameter that declares a pooler, which `psql` does not know.
const POOLED: &str = "?pgbouncer=true";

/// Counts all sessions except those of `psql`.
const SESSIONS: &str = "select count(*) from pg_stat_activity \
                        where backend_type = 'client backend' and application_name <> 'psql'";

/// Creates a database on the shared server, and returns its URL.
#[must_use]
pub fn fresh_database() -> String {
    format!("{}/{}", with_password(&shared("TASKBRIDGE_TEST_POSTGRES")), create_database())
}

/// Does the same, but the URL leads through pgbouncer in transaction mode.
#[must_use]
pub fn fresh_database_behind_pgbouncer() -> String {
    format!("{}{POOLED}", with_password(&behind_pgbouncer(&create_database())))
}

/// Returns the URL of this database through pgbouncer; `pgbouncer` is its admin console.
#[must_use]
pub fn behind_pgbouncer(database: &str) -> String {
    format!("{}/{database}", shared("TASKBRIDGE_TEST_PGBOUNCER"))
}

/// Returns the host and port in the URL of a database.
#[must_use]
pub fn address_of(url: &str) -> &str {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split_once('/').unwrap().0
}

fn with_password(url: &str) -> String {
    url.replacen('@', &format!(":{DATABASE_PASSWORD}@"), 1)
}

fn create_database() -> String {
    let name = format!("test_{:016x}", RandomState::new().hash_one(()));
    psql(&format!("{}/postgres", shared("TASKBRIDGE_TEST_POSTGRES")), &format!("create database {name}"));
    name
}

/// Runs a statement, and returns the output of `psql` without decoration.
#[expect(clippy::must_use_candidate, reason = "many statements are run for what they do")]
pub fn psql(url: &str, sql: &str) -> String {
    try_psql(url, sql).unwrap()
}

/// Runs a statement, and returns the output of `psql` without decoration.
///
/// # Errors
/// The error output of `psql`.
pub fn try_psql(url: &str, sql: &str) -> Result<String, String> {
    let url = url.strip_suffix(POOLED).unwrap_or(url);
    let output = program("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Returns the statements that create a database with all its rows, as `pg_dump` writes them.
#[must_use]
pub fn dump(url: &str) -> String {
    let output = program("pg_dump").args(["--no-password", "--dbname", url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Newer versions of pg_dump protect the file with a random key.
    let dump = String::from_utf8(output.stdout).unwrap();
    dump.lines()
        .filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Runs a statement in a transaction that stays open until its locks are released. Returns once it was executed.
#[must_use]
pub fn hold(url: &str, sql: &str) -> Lock {
    let mut holder = program("psql");
    holder.args(["-XAtq", "-v", "ON_ERROR_STOP=1", url]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let script = format!("begin;\n{sql};\n\\echo held\n");
    holder.stdin.as_mut().unwrap().write_all(script.as_bytes()).unwrap();
    let mut lines = BufReader::new(holder.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"), "the statement failed");
    Lock(holder)
}

/// A PostgreSQL server of its own, with the default durability. It is killed on drop.
pub struct Cluster {
    folder: TempDir,
    /// The user and group of its processes, if the tests run as root.
    user: Option<(u32, u32)>,
    port: u16,
    postmaster: Option<Postmaster>,
}

/// The main process of a server. Its child processes share its standard error.
struct Postmaster {
    process: Child,
    /// Receives one message when the server is ready; disconnected once all its processes have ended.
    ready: Receiver<()>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    /// Starts an empty server.
    #[must_use]
    pub fn start() -> Self {
        let options = ["--pgdata=data", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"];
        Self::start_on("initdb", &options)
    }

    /// Starts a hot standby that streams from this cluster, and makes replication synchronous: every write that this
    /// cluster acknowledges from now on survives on the standby.
    #[must_use]
    pub fn standby(&self) -> Self {
        let source = self.url();
        let options = ["--pgdata=data", "--dbname", &source, "--write-recovery-conf", "--checkpoint=fast"];
        let standby = Self::start_on("pg_basebackup", &options);
        let streaming = "select count(*) from pg_stat_replication where state = 'streaming'";
        wait_until("the standby streams", || psql(&source, streaming) != "0");
        self.set("synchronous_standby_names", "*");
        standby
    }

    /// Starts a server on the folder `data` that this program creates.
    fn start_on(program: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = (fs::metadata(folder.path()).unwrap().uid() == 0).then(server_user);
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut cluster = Self { folder, user, port: 0, postmaster: None };
        let made = cluster.command(program).args(options).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.launch(any_port);
        cluster
    }

    /// Returns the URL of its database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
    }

    /// Returns its host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Promotes a standby. Returns once it accepts writes.
    pub fn promote(&self) {
        assert_eq!(psql(&self.url(), "select pg_promote()"), "t");
    }

    /// Changes a setting of the running server. New and existing sessions see it with their next statement.
    pub fn set(&self, name: &str, value: &str) {
        psql(&self.url(), &format!("alter system set {name} = '{value}'"));
        self.reload();
        wait_until("the setting is changed", || psql(&self.url(), &format!("show {name}")) == value);
    }

    /// Enables TLS with a certificate of `tests/vectors/tls`.
    pub fn offer_tls(&self, certificate: &str) {
        for (name, setting) in [("pem", "ssl_cert_file"), ("key", "ssl_key_file")] {
            let name = format!("{certificate}.{name}");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/tls").join(&name);
            self.write(&name, &fs::read_to_string(source).unwrap());
            psql(&self.url(), &format!("alter system set {setting} = '{name}'"));
        }
        self.set("ssl", "on");
    }

    /// Replaces the rules in `pg_hba.conf` by these lines and reloads it. The role `postgres` is still trusted.
    pub fn authenticate(&self, lines: &str) {
        self.write("pg_hba.conf", &format!("host all postgres 127.0.0.1/32 trust\n{lines}\n"));
        let loaded = || psql(&self.url(), "select pg_conf_load_time()");
        let before = loaded();
        self.reload();
        wait_until("the rules are read", || loaded() != before);
    }

    /// Writes a file into the data folder, owned by the user of the server.
    fn write(&self, name: &str, content: &str) {
        let file = self.folder.path().join("data").join(name);
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = self.user {
            chown(&file, Some(user), Some(group)).unwrap();
        }
    }

    /// Restores the default of a setting that [`set`](Self::set) changed.
    pub fn reset(&self, name: &str) {
        psql(&self.url(), &format!("alter system reset {name}"));
        self.reload();
        let is_default = format!("select setting is not distinct from boot_val from pg_settings where name = '{name}'");
        wait_until("the setting has its default", || psql(&self.url(), &is_default) == "t");
    }

    fn reload(&self) {
        assert_eq!(psql(&self.url(), "select pg_reload_conf()"), "t");
    }

    /// Counts the sessions that meet an SQL condition on `pg_stat_activity`, except those of `psql`, which the tests
    /// use themselves.
    #[must_use]
    pub fn sessions(&self, condition: &str) -> usize {
        psql(&self.url(), &format!("{SESSIONS} and {condition}")).parse().unwrap()
    }

    /// Starts to count the same sessions repeatedly, if they are older than a second: a closed session may take a
    /// moment to end while its successor opens.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut counting = program("psql");
        counting.args(["-XAtq", &self.url()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut counting = counting.spawn().unwrap();
        let script = format!("{SESSIONS} and backend_start < now() - interval '1 second' \\watch 0.05\n");
        counting.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        Census(counting)
    }

    /// Kills all its processes at once, as a crash does.
    pub fn kill(&mut self) {
        self.postmaster.take().unwrap().kill();
    }

    /// Starts it again on the same port after it was killed.
    pub fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "the server is running");
        let port = self.port;
        self.launch(|| port);
    }

    /// Restarts it with a fast shutdown, which ends all connections and rolls back their transactions.
    pub fn restart(&mut self) {
        self.postmaster.take().unwrap().stop();
        self.start_again();
    }

    /// Locks a table in exclusive mode until the lock is released.
    #[must_use]
    pub fn lock(&self, table: &str) -> Lock {
        hold(&self.url(), &format!("lock table {table} in access exclusive mode"))
    }

    fn launch(&mut self, port: impl Fn() -> u16) {
        let mut log = Vec::new();
        for _ in 0..ATTEMPTS {
            self.port = port();
            let mut command = self.command("postgres");
            command.args(["-D", "data", "-k", ".", "-c", "listen_addresses=127.0.0.1", "-p", &self.port.to_string()]);
            match Postmaster::start(&mut command) {
                Ok(postmaster) => {
                    self.postmaster = Some(postmaster);
                    return;
                }
                Err(lines) => log = lines,
            }
        }
        panic!("PostgreSQL did not start: {log:#?}");
    }

    /// Returns a program that runs in the folder of the cluster, as its user.
    fn command(&self, name: &str) -> Command {
        let mut command = program(name);
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(postmaster) = self.postmaster.take() {
            postmaster.kill();
        }
    }
}

/// A repeated count of the sessions on a server.
pub struct Census(Child);

impl Census {
    /// Stops counting, and returns the highest count.
    #[must_use]
    pub fn most(self) -> usize {
        send_signal("INT", &[self.0.id()]);
        let counted = self.0.wait_with_output().unwrap().stdout;
        // A header line precedes each number.
        let counts = String::from_utf8(counted).unwrap();
        counts.lines().filter_map(|line| line.parse().ok()).max().unwrap()
    }
}

/// An open transaction, which holds its locks.
pub struct Lock(Child);

impl Lock {
    /// Rolls the transaction back, which releases its locks.
    pub fn release(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

impl Postmaster {
    /// Starts it and waits until it accepts connections. If it ends instead, returns its log.
    fn start(command: &mut Command) -> Result<Self, Vec<String>> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (sender, ready) = channel();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut is_ready = false;
            for line in lines {
                // A standby logs this when it accepts reading statements, and again when it is promoted.
                if !is_ready && line.contains("database system is ready to accept") {
                    is_ready = true;
                    let _ = sender.send(());
                }
                kept.lock().unwrap().push(line);
            }
        });
        let postmaster = Self { process, ready, log };
        match postmaster.ready.recv_timeout(PATIENCE) {
            Ok(()) => Ok(postmaster),
            Err(_) => Err(postmaster.kill()),
        }
    }

    fn kill(self) -> Vec<String> {
        // A stopped process neither starts children nor cleans up.
        let postmaster = self.process.id();
        send_signal("STOP", &[postmaster]);
        let mut all = children(postmaster);
        all.push(postmaster);
        send_signal("KILL", &all);
        self.wait()
    }

    fn stop(self) {
        send_signal("INT", &[self.process.id()]);
        self.wait();
    }

    /// Waits until all its processes have ended, and returns the log.
    fn wait(mut self) -> Vec<String> {
        let ended = self.ready.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "PostgreSQL did not stop");
        self.process.wait().unwrap();
        let log = self.log.lock().unwrap();
        log.clone()
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        std::thread::yield_now();
    }
}

/// Uses the `kill` of the shell, because the program may be missing. Processes may have ended already.
fn send_signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    Command::new("sh").args(["-c", r#"kill -s "$0" "$@" 2> /dev/null"#, name]).args(processes).status().unwrap();
}

/// Returns the child processes; none where there is no `/proc`, as PostgreSQL's processes end with their parent.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    // "<pid> (<name>) <state> <parent> …", where the name may contain any character.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Returns a free port below those of clients: a client that reconnects while the server is down must not get it.
fn any_port() -> u16 {
    let candidates = std::iter::repeat_with(|| {
        let given = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        10_000 + given % 20_000
    });
    let mut free = candidates.filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.next().unwrap()
}

/// Returns the user and group that PostgreSQL runs as, because it refuses to run as root.
fn server_user() -> (u32, u32) {
    let id = |option, user| {
        let Output { status, stdout, .. } = Command::new("id").args([option, user]).output().unwrap();
        status.success().then(|| String::from_utf8(stdout).unwrap().trim().parse().unwrap())
    };
    let both = |user| Some((id("-u", user)?, id("-g", user)?));
    both("postgres").or_else(|| both("nobody")).unwrap()
}

/// Returns the folder of PostgreSQL's programs if it is not in `PATH`.
pub(crate) fn programs() -> Option<String> {
    variable("TASKBRIDGE_TEST_POSTGRES_BIN")
}

/// Returns a program of PostgreSQL.
fn program(name: &str) -> Command {
    Command::new(programs().map_or_else(|| name.into(), |bin| Path::new(&bin).join(name)))
}

/// Returns the URL of a server that tests share.
fn shared(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("set {name}, or run make test"))
}

#[expect(clippy::disallowed_methods, reason = "where the tests' database is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
