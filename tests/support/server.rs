//! The real binary, started on a port and in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The secret that servers are started with unless a test gives another.
pub const SECRET: &str = "end-to-end-secret-not-for-production-0123456789";

/// How long a server may take to start or to stop before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; it is killed when this is dropped.
pub struct Server {
    child: Child,
    /// Where it is reached: `http://127.0.0.1:<port>`.
    pub base: String,
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// Issuer and audience of its tokens.
    pub origin: String,
    /// Everything it has written to standard error so far, line by line.
    pub log: Arc<Mutex<Vec<String>>>,
    folder: Arc<TempDir>,
    /// Disconnected once standard error is closed, which is when the process ends.
    lines: Mutex<Receiver<Value>>,
}

impl Server {
    /// Starts a server with an empty database.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with an empty database and more environment variables.
    #[must_use]
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), variables)
    }

    /// Starts another server in the folder of this one, on its database.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::start_in(Arc::clone(&self.folder), &[])
    }

    fn start_in(folder: Arc<TempDir>, variables: &[(&str, &str)]) -> Self {
        let mut child = command(folder.path(), variables).spawn().unwrap();
        let log = Arc::default();
        let lines = follow(child.stderr.take().unwrap(), Arc::clone(&log));
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the server did not start: {:#?}", log.lock().unwrap());
        };
        let text = |field: &str| line["fields"][field].as_str().unwrap().to_owned();
        let (address, origin) = (text("address"), text("origin"));
        Self { child, base: format!("http://{address}"), address, origin, log, folder, lines: Mutex::new(lines) }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The folder it was started in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks it to stop, as a process manager does, without waiting for it.
    pub fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits until it has stopped.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self.lines.lock().unwrap().recv_timeout(PATIENCE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "the server did not stop");
        self.child.wait().unwrap()
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

/// Runs `taskbridge serve` with only these variables until it stops by itself: its status, and what it wrote to
/// standard error. A server that starts is stopped, and the test fails.
#[must_use]
pub fn refuse_to_start(variables: &[(&str, &str)]) -> (ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &[]);
    command.env_remove("BETTER_AUTH_SECRET").envs(variables.iter().copied());
    let mut child = command.spawn().unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let ready = follow(child.stderr.take().unwrap(), Arc::clone(&log));
    // The sender goes when standard error is closed: then the process is at its end.
    if ready.recv_timeout(PATIENCE).is_ok() {
        let _ = child.kill();
        panic!("the server started");
    }
    let status = child.wait().unwrap();
    let text = log.lock().unwrap().join("\n");
    (status, text)
}

fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .env("BETTER_AUTH_SECRET", SECRET)
        .env("PORT", "0")
        .env("TASKBRIDGE__LOG__FORMAT", "json")
        // The cheapest that is allowed: most tests are not about the price of a sign-in.
        .env("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "10")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Keeps what the server logs, and sends the line that says it is ready.
fn follow(stderr: ChildStderr, log: Arc<Mutex<Vec<String>>>) -> Receiver<Value> {
    let (ready, is_ready) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            log.lock().unwrap().push(line);
            if parsed["fields"]["message"] == "ready" {
                let _ = ready.send(parsed);
            }
        }
    });
    is_ready
}

/// The path of the binary, built if it is not up to date.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "taskbridge-server", "--message-format", "json-render-diagnostics"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(build.status.success(), "the binary does not build");
        let messages = String::from_utf8(build.stdout).unwrap();
        let mut executables = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executables.next_back().unwrap()
    })
}
