//! The real binary, started on a free port in a new folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::binary::binary;
use crate::log::{Followed, Log};
use crate::postgres::{fresh_database, fresh_database_behind_pgbouncer, programs};

/// The secret of all servers, unless a test sets another.
pub const SECRET: &str = "end-to-end-secret-not-for-production-0123456789";

/// Time to start or stop after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: Option<i32>,
    /// The output.
    pub stdout: String,
    /// The error output, with the log.
    pub stderr: String,
}

/// A running server. It is killed on drop.
pub struct Server {
    child: Child,
    /// The base URL: `http://127.0.0.1:<port>`.
    pub base: String,
    /// The host and port: `127.0.0.1:<port>`.
    pub address: String,
    /// The issuer and audience of its tokens.
    pub origin: String,
    /// The address of its separate listener for health checks, if enabled.
    pub health: Option<String>,
    /// The URL of its metrics, if enabled.
    pub metrics: Option<String>,
    /// The log, from standard error.
    pub log: Arc<Log>,
    program: PathBuf,
    folder: Arc<TempDir>,
    variables: Vec<(String, String)>,
    /// Disconnected when standard error closes, at the end of the process.
    lines: Mutex<Receiver<String>>,
}

impl Server {
    /// Starts a server with an empty database.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further environment variables, and an empty database unless they name one.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_program(binary(), variables)
    }

    /// Does the same with the binary of another release.
    #[must_use]
    pub fn start_program(program: &Path, variables: &[(&str, &str)]) -> Self {
        let mut variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !variables.iter().any(|(name, _)| name == "DATABASE_URL") {
            variables.extend(database().map(|url| ("DATABASE_URL".to_owned(), url)));
        }
        Self::start_in(program, Arc::new(tempfile::tempdir().unwrap()), variables)
    }

    /// Starts a server whose log is not read after it is ready.
    #[must_use]
    pub fn start_with_its_log_closed() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::spawn(binary(), command(binary(), folder.path(), &[]), folder, Vec::new(), Followed::UntilReady)
            .unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    /// Starts a server whose log is not read from the time that it is ready until it has ended.
    #[must_use]
    pub fn start_with_its_log_unread(variables: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut command = command(binary(), folder.path(), &[]);
        command.envs(variables.iter().copied());
        Self::spawn(binary(), command, folder, Vec::new(), Followed::UnlessRunning)
            .unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    /// Starts another server in the same folder, with the same database.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::start_in(&self.program, Arc::clone(&self.folder), self.variables.clone())
    }

    /// Does the same with further environment variables.
    #[must_use]
    pub fn again_with(&self, variables: &[(&str, &str)]) -> Self {
        let more = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::start_in(&self.program, Arc::clone(&self.folder), self.variables.iter().cloned().chain(more).collect())
    }

    fn start_in(program: &Path, folder: Arc<TempDir>, variables: Vec<(String, String)>) -> Self {
        Self::spawn(program, command(program, folder.path(), &variables), folder, variables, Followed::ToTheEnd)
            .unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    /// Starts a server on SQLite that cannot write files beyond this size, as on a full disk.
    #[must_use]
    pub fn start_with_small_disk(kibibytes: u32) -> Self {
        // The unit is 512 bytes. With the signal ignored, such a write fails.
        Self::start_limited(&format!("trap '' XFSZ; ulimit -f {}", kibibytes * 2), &[])
    }

    /// Starts a server on SQLite that can open this many files and connections.
    #[must_use]
    pub fn start_with_few_files(count: u32, variables: &[(&str, &str)]) -> Self {
        Self::start_limited(&format!("ulimit -n {count}"), variables)
    }

    /// Starts a server on SQLite with this umask.
    #[must_use]
    pub fn start_with_umask(mask: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_limited(&format!("umask {mask}"), variables)
    }

    fn start_limited(limit: &str, variables: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("{limit}; exec \"$0\" serve")]).arg(binary());
        let mut command = with_environment(limited, folder.path(), &[]);
        command.envs(variables.iter().copied());
        Self::spawn(binary(), command, folder, Vec::new(), Followed::ToTheEnd)
            .unwrap_or_else(|log| panic!("the server did not start: {log}"))
    }

    fn spawn(
        program: &Path,
        mut command: Command,
        folder: Arc<TempDir>,
        variables: Vec<(String, String)>,
        followed: Followed,
    ) -> Result<Self, String> {
        let mut child = command.spawn().unwrap();
        let (log, lines) = Log::follow(child.stderr.take().unwrap(), followed);
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(log.text());
        };
        let (address, origin) = (field(&line, "address").unwrap(), field(&line, "origin").unwrap());
        let (base, health, metrics) = (format!("http://{address}"), field(&line, "health"), field(&line, "metrics"));
        Ok(Self {
            child,
            base,
            address,
            origin,
            health,
            metrics,
            log,
            program: program.into(),
            folder,
            variables,
            lines: Mutex::new(lines),
        })
    }

    /// Returns the URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Returns its working folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs another command in its folder, with its settings and further variables. See [`run`].
    #[must_use]
    pub fn run(&self, arguments: &[&str], more: &[(&str, &str)]) -> (bool, String) {
        let own: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(self.folder(), arguments, &[&own, more].concat())
    }

    /// Runs another command in its folder, with its settings, further variables and this standard input.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], more: &[(&str, &str)], input: &str) -> Outcome {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        let mut command = with_environment(command, self.folder(), &self.variables);
        let command = command.envs(more.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that fails before it reads its input closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        Outcome { code: output.status.code(), stdout, stderr }
    }

    /// Runs another command in its folder, with its settings, in a terminal. Each answer has the prompt after which it is
    /// typed, the text to type, and whether the terminal must hide it. Returns the exit code and what the terminal shows.
    #[must_use]
    pub fn run_in_terminal(&self, arguments: &[&str], answers: &[(&str, &str, bool)]) -> (Option<i32>, String) {
        let program = self.program.to_str().unwrap();
        let mut python = Command::new("python3");
        python.args(["-c", include_str!("terminal.py")]);
        python.args([json!([&[program], arguments].concat()).to_string(), json!(answers).to_string()]);
        let output = with_environment(python, self.folder(), &self.variables).stdout(Stdio::piped()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code(), text)
    }

    /// Returns its peak memory use in KiB.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")).unwrap();
        peak.trim().parse().unwrap()
    }

    /// Sends SIGTERM, and does not wait for the end.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends the signal with this name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has stopped.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self.lines.lock().unwrap().recv_timeout(PATIENCE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "the server did not stop");
        self.child.wait().unwrap()
    }

    /// Returns its memory use in bytes.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kibibytes.unwrap().parse::<usize>().unwrap() * 1024
    }

    /// Returns the number of its open files and connections.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Kills it, as a crash does.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `taskbridge serve` with only these variables until it ends, and returns its status and log. Fails the test if
/// it starts.
#[must_use]
pub fn refuse_to_start(variables: &[(&str, &str)]) -> (ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(binary(), folder.path(), &[]);
    command.env_remove("BETTER_AUTH_SECRET").envs(variables.iter().copied());
    let mut child = command.spawn().unwrap();
    let (log, ready) = Log::follow(child.stderr.take().unwrap(), Followed::ToTheEnd);
    // The channel disconnects when standard error closes, at the end of the process.
    if ready.recv_timeout(PATIENCE).is_ok() {
        let _ = child.kill();
        panic!("the server started");
    }
    let status = child.wait().unwrap();
    (status, log.text())
}

/// Returns the error message of a server that fails to start with this database. It waits one second for a database
/// that does not answer.
#[must_use]
pub fn refusal(database_url: &str) -> String {
    let (status, message) = refuse_to_start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", database_url),
        ("TASKBRIDGE__DATABASE__START_SECONDS", "1"),
        ("TASKBRIDGE__DATABASE__CONNECT_SECONDS", "1"),
    ]);
    assert_eq!(status.code(), Some(1), "{message}");
    message
}

/// Runs a command other than `serve` in this folder. Returns whether it succeeded, and its output and error output.
#[must_use]
pub fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let (code, text) = outcome(folder, arguments, variables);
    (code == Some(0), text)
}

/// Does the same, but returns the exit code, and accepts a `serve` that ends by itself.
#[must_use]
pub fn outcome(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    outcome_of(binary(), folder, arguments, variables)
}

/// Does the same with another program.
#[must_use]
pub fn outcome_of(
    program: &Path,
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = with_environment(command, folder, &[]).envs(variables.iter().copied()).stdout(Stdio::piped()).output();
    let output = output.unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.code(), text)
}

/// Runs a command in this folder, with its output and error output where the caller says. Returns its exit code.
#[must_use]
pub fn exit_code(
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> Option<i32> {
    let mut command = Command::new(binary());
    command.args(arguments);
    let mut command = with_environment(command, folder, &[]);
    command.envs(variables.iter().copied()).stdout(stdout).stderr(stderr).status().unwrap().code()
}

/// Returns the names of all migrations for these settings, in order.
#[must_use]
pub fn migrations(variables: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let database = [("DATABASE_URL", "sqlite://new.db"), ("RUST_LOG", "error")];
    let (listed, text) = run(folder.path(), &["migrate", "status"], &[variables, &database].concat());
    assert!(listed, "{text}");
    text.lines().map(|line| line.strip_prefix("pending ").unwrap().to_owned()).collect()
}

/// Runs the commands of a page with a shell, in this folder and with only these variables. `taskbridge` and the
/// programs of PostgreSQL are in `PATH`. Returns whether it succeeded, and its output and error output.
#[must_use]
pub fn shell(folder: &Path, commands: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let output = shell_command(folder, commands, variables).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

/// Returns the same shell, without starting it.
#[expect(clippy::disallowed_methods, reason = "scripts/tools.sh may have unpacked the programs and their libraries")]
#[must_use]
pub fn shell_command(folder: &Path, commands: &str, variables: &[(&str, &str)]) -> Command {
    let ours = binary().parent().unwrap().to_str().unwrap().to_owned();
    let path = [Some(ours), programs(), std::env::var("PATH").ok()];
    let mut shell = Command::new("sh");
    shell.args(["-euc", commands]).current_dir(folder).env_clear();
    shell.env("PATH", path.into_iter().flatten().collect::<Vec<_>>().join(":"));
    shell.envs(std::env::var("LD_LIBRARY_PATH").map(|libraries| ("LD_LIBRARY_PATH", libraries)));
    shell.envs(variables.iter().copied());
    shell
}

/// Returns the database of servers for which a test does not choose one: `None` for SQLite in their folder, or as
/// `TASKBRIDGE_TEST_DATABASE` says.
#[expect(clippy::disallowed_methods, reason = "which database the tests run on")]
fn database() -> Option<String> {
    match std::env::var("TASKBRIDGE_TEST_DATABASE").as_deref() {
        Err(_) | Ok("sqlite") => None,
        Ok("postgres") => Some(fresh_database()),
        Ok("pgbouncer") => Some(fresh_database_behind_pgbouncer()),
        Ok(other) => panic!("TASKBRIDGE_TEST_DATABASE is {other}; it may be sqlite, postgres or pgbouncer"),
    }
}

fn command(program: &Path, folder: &Path, variables: &[(String, String)]) -> Command {
    let mut serve = Command::new(program);
    serve.arg("serve");
    with_environment(serve, folder, variables)
}

fn with_environment(mut command: Command, folder: &Path, variables: &[(String, String)]) -> Command {
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("BETTER_AUTH_SECRET", SECRET)
        .env("PORT", "0")
        .env("TASKBRIDGE__LOG__FORMAT", "json")
        // The lowest cost that is allowed; most tests do not depend on it.
        .env("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "10")
        // A log line is written before the response, so that a test that has the response finds the line.
        .env("TASKBRIDGE__LOG__BUFFER_BYTES", "0")
        // Most tests have no load balancer.
        .env("TASKBRIDGE__SERVER__DRAIN_SECONDS", "0")
        // Most tests send more requests than the limit allows.
        .env("RATE_LIMIT", "off")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Returns the value of a field in a log line, in either format.
fn field(line: &str, name: &str) -> Option<String> {
    let (text, json) = (format!(" {name}="), format!("\"{name}\":"));
    let (_, value) = line.split_once(&text).or_else(|| line.split_once(&json))?;
    value.trim_start_matches('"').split(['"', ' ']).next().map(str::to_owned)
}
