//! The proxies, with the configuration of `docs/operations.md`.

use std::fmt::Write;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use support::page::files;
use tempfile::TempDir;
use tokio::task::yield_now;

const PAGE: &str = include_str!("../../docs/operations.md");
/// The addresses of the replicas in the page.
const REPLICAS: [&str; 3] = ["10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"];
/// Time to start after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy. It is killed on drop.
pub(crate) struct Proxy {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Proxy {
    /// Starts nginx in front of these replicas.
    pub(crate) fn nginx(address: &str, replicas: &[String; 3]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site =
            configuration("/etc/nginx/conf.d/taskbridge.conf", "listen 80;", &format!("listen {address};"), replicas);
        std::fs::write(folder.path().join("site.conf"), site).unwrap();
        // The defaults of these settings are folders of the system. Without a master process, nothing outlives a kill.
        let mut main =
            "daemon off; master_process off; pid nginx.pid; error_log stderr crit; events {}\nhttp {\n".to_owned();
        main.push_str("access_log off; client_body_temp_path body;\n");
        for kind in ["proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(main, "{kind}_temp_path {kind};").unwrap();
        }
        main.push_str("include site.conf;\n}\n");
        std::fs::write(folder.path().join("nginx.conf"), main).unwrap();
        let prefix = folder.path().to_str().unwrap().to_owned();
        Self::start(folder, "nginx", &["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"], address)
    }

    /// Starts HAProxy in front of these replicas.
    pub(crate) fn haproxy(address: &str, replicas: &[String; 3]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = configuration("/etc/haproxy/haproxy.cfg", "bind :80", &format!("bind {address}"), replicas);
        std::fs::write(folder.path().join("haproxy.cfg"), text).unwrap();
        Self::start(folder, "haproxy", &["-db", "-f", "haproxy.cfg"], address)
    }

    fn start(folder: TempDir, program: &str, arguments: &[&str], address: &str) -> Self {
        let child = Command::new(program).args(arguments).current_dir(folder.path()).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot start {program} ({error}); run make restarts"));
        Self { child, address: address.to_owned(), _folder: folder }
    }

    /// Waits until a request through the proxy is answered.
    pub(crate) async fn ready(&self) {
        let (url, started) = (format!("http://{}/health/ready", self.address), Instant::now());
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
            assert!(started.elapsed() < PATIENCE, "the proxy does not answer");
            yield_now().await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the file of the page with this name, for these addresses.
fn configuration(name: &str, listen: &str, listen_here: &str, replicas: &[String; 3]) -> String {
    let mut text = files(PAGE)[name].clone();
    for (from, to) in REPLICAS.into_iter().chain([listen]).zip(replicas.iter().map(String::as_str).chain([listen_here]))
    {
        assert!(text.contains(from), "{name} does not contain {from}");
        text = text.replace(from, to);
    }
    text
}
