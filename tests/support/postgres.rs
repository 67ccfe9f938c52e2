//! PostgreSQL: databases of their own on the server that `scripts/with-postgres.sh` starts, and servers to be killed.

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

/// How long a server may take to start or to stop before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often a start is tried: somebody else may have the port.
const ATTEMPTS: usize = 5;

/// The password in every URL: the servers want none, and it must not be logged.
pub const DATABASE_PASSWORD: &str = "database-password-for-nobody";

/// What our URLs say about a pooler; `psql` does not know it.
const POOLED: &str = "?pgbouncer=true";

/// Counts the sessions of everything but `psql`.
const SESSIONS: &str = "select count(*) from pg_stat_activity \
                        where backend_type = 'client backend' and application_name <> 'psql'";

/// The URL of an empty database on the shared server.
#[must_use]
pub fn fresh_database() -> String {
    format!("{}/{}", with_password(&shared("TASKBRIDGE_TEST_POSTGRES")), create_database())
}

/// The same, through pgbouncer in transaction mode.
#[must_use]
pub fn fresh_database_behind_pgbouncer() -> String {
    format!("{}{POOLED}", with_password(&behind_pgbouncer(&create_database())))
}

/// The URL, through pgbouncer, of this database; `pgbouncer` is its console.
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

/// What a statement prints, without decoration.
#[expect(clippy::must_use_candidate, reason = "many statements are run for what they do")]
pub fn psql(url: &str, sql: &str) -> String {
    try_psql(url, sql).unwrap()
}

/// The same, or what went wrong.
///
/// # Errors
/// With what `psql` said when it failed.
pub fn try_psql(url: &str, sql: &str) -> Result<String, String> {
    let url = url.strip_suffix(POOLED).unwrap_or(url);
    let output = program("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// A PostgreSQL with a folder and a port of its own, and every promise of durability; it is killed when this is
/// dropped.
pub struct Cluster {
    folder: TempDir,
    /// The user and the group it runs as, when these tests run as root.
    user: Option<(u32, u32)>,
    port: u16,
    postmaster: Option<Postmaster>,
}

/// The first process of a server. The others have its standard error, too.
struct Postmaster {
    process: Child,
    /// One message when it is ready; disconnected once all processes of the server have ended.
    ready: Receiver<()>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Cluster {
    /// Starts an empty one.
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

    /// Starts a server on the data that this program makes in the folder `data`.
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

    /// The URL of its database `postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
    }

    /// Returns its host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes a standby accept writes. Returns once it does.
    pub fn promote(&self) {
        assert_eq!(psql(&self.url(), "select pg_promote()"), "t");
    }

    /// Changes a setting in the configuration of the running server. Every session, new or old, sees it with its next
    /// statement.
    pub fn set(&self, name: &str, value: &str) {
        psql(&self.url(), &format!("alter system set {name} = '{value}'"));
        self.reload();
        wait_until("the setting is changed", || psql(&self.url(), &format!("show {name}")) == value);
    }

    /// Offers TLS with a certificate of `tests/vectors/tls`.
    pub fn offer_tls(&self, certificate: &str) {
        for (name, setting) in [("pem", "ssl_cert_file"), ("key", "ssl_key_file")] {
            let name = format!("{certificate}.{name}");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/tls").join(&name);
            self.write(&name, &fs::read_to_string(source).unwrap());
            psql(&self.url(), &format!("alter system set {setting} = '{name}'"));
        }
        self.set("ssl", "on");
    }

    /// Replaces the rules of `pg_hba.conf` by these lines and reloads it. The role `postgres` keeps `trust`.
    pub fn authenticate(&self, lines: &str) {
        self.write("pg_hba.conf", &format!("host all postgres 127.0.0.1/32 trust\n{lines}\n"));
        let loaded = || psql(&self.url(), "select pg_conf_load_time()");
        let before = loaded();
        self.reload();
        wait_until("the rules are read", || loaded() != before);
    }

    /// Writes a file into the folder of the data, as its owner.
    fn write(&self, name: &str, content: &str) {
        let file = self.folder.path().join("data").join(name);
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = self.user {
            chown(&file, Some(user), Some(group)).unwrap();
        }
    }

    /// Removes what [`set`](Self::set) changed: the setting has its default again.
    pub fn reset(&self, name: &str) {
        psql(&self.url(), &format!("alter system reset {name}"));
        self.reload();
        let is_default = format!("select setting is not distinct from boot_val from pg_settings where name = '{name}'");
        wait_until("the setting has its default", || psql(&self.url(), &is_default) == "t");
    }

    fn reload(&self) {
        assert_eq!(psql(&self.url(), "select pg_reload_conf()"), "t");
    }

    /// Counts the sessions that meet an SQL condition on `pg_stat_activity`, other than those of `psql`, by which the
    /// tests themselves look at the server and hold locks.
    #[must_use]
    pub fn sessions(&self, condition: &str) -> usize {
        psql(&self.url(), &format!("{SESSIONS} and {condition}")).parse().unwrap()
    }

    /// Starts to count the same sessions again and again, as far as they are older than a second: one that was closed may
    /// take a moment to end while its successor opens.
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

    /// Starts it after it was killed, on the same port.
    pub fn start_again(&mut self) {
        assert!(self.postmaster.is_none(), "it is running");
        let port = self.port;
        self.launch(|| port);
    }

    /// Stops it as an operator does, which ends every connection and no transaction halfway, and starts it again.
    pub fn restart(&mut self) {
        self.postmaster.take().unwrap().stop();
        self.start_again();
    }

    /// Locks a table against everybody, until the lock is released.
    #[must_use]
    pub fn lock(&self, table: &str) -> Lock {
        let mut holder = program("psql");
        holder.args(["-XAtq", "-v", "ON_ERROR_STOP=1", &self.url()]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut holder = holder.spawn().unwrap();
        let sql = format!("begin; lock table {table} in access exclusive mode;\n");
        holder.stdin.as_mut().unwrap().write_all(sql.as_bytes()).unwrap();
        let held = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted";
        wait_until("the lock is held", || psql(&self.url(), held) != "0");
        Lock(holder)
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

    /// A program in the cluster's folder, which the user it runs as may enter.
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

/// The number of sessions on a server at any time.
pub struct Census(Child);

impl Census {
    /// Stops counting, and returns the highest number.
    #[must_use]
    pub fn most(self) -> usize {
        send_signal("INT", &[self.0.id()]);
        let counted = self.0.wait_with_output().unwrap().stdout;
        // There is a headline before each number.
        let counts = String::from_utf8(counted).unwrap();
        counts.lines().filter_map(|line| line.parse().ok()).max().unwrap()
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

impl Postmaster {
    /// Starts it and waits until it accepts connections; what it logged, if it ended instead.
    fn start(command: &mut Command) -> Result<Self, Vec<String>> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (sender, ready) = channel();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut is_ready = false;
            for line in lines {
                // A standby says it when it accepts statements that only read, and again when it is promoted.
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
        // While it is stopped it starts no processes and clears up nothing.
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

    /// Waits until it has ended, with all its processes: what it logged.
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
        assert!(Instant::now() < deadline, "in vain: until {what}");
        std::thread::yield_now();
    }
}

/// The shell has a `kill` where there is no such program. A process may be gone already.
fn send_signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    Command::new("sh").args(["-c", r#"kill -s "$0" "$@" 2> /dev/null"#, name]).args(processes).status().unwrap();
}

/// The children of a process. None where there is no `/proc`: PostgreSQL's end by themselves when their parent has.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    // "<pid> (<name>) <state> <parent> …", where the name may have anything in it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// A free port below those that the kernel gives to clients: one that is connecting again while the server is down must
/// not get its port.
fn any_port() -> u16 {
    let candidates = std::iter::repeat_with(|| {
        let given = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        10_000 + given % 20_000
    });
    let mut free = candidates.filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.next().unwrap()
}

/// PostgreSQL does not run as root: the user and the group it runs as instead.
fn server_user() -> (u32, u32) {
    let id = |option, user| {
        let Output { status, stdout, .. } = Command::new("id").args([option, user]).output().unwrap();
        status.success().then(|| String::from_utf8(stdout).unwrap().trim().parse().unwrap())
    };
    let both = |user| Some((id("-u", user)?, id("-g", user)?));
    both("postgres").or_else(|| both("nobody")).unwrap()
}

/// The folder of PostgreSQL's programs, where they are not among all others.
pub(crate) fn programs() -> Option<String> {
    variable("TASKBRIDGE_TEST_POSTGRES_BIN")
}

/// A program of PostgreSQL's.
fn program(name: &str) -> Command {
    Command::new(programs().map_or_else(|| name.into(), |bin| Path::new(&bin).join(name)))
}

/// Where a server is that the tests share.
fn shared(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("set {name}, or run make test"))
}

#[expect(clippy::disallowed_methods, reason = "where the tests' database is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
