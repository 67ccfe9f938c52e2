//! The proxies, with the configurations in `deploy/`.

use std::fmt::Write;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
const CERTIFICATE: &str = include_str!("../vectors/tls/localhost.pem");
const KEY: &str = include_str!("../vectors/tls/localhost.key");
/// The addresses of Taskbridge and of the app in each configuration.
const TASKBRIDGE: &str = "127.0.0.1:8000";
const APP: &str = "127.0.0.1:3000";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    HaProxy,
    Caddy,
}

/// Selects one of the two variants that each configuration contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Server,
    Bridge,
}

/// The addresses that a configuration contains.
pub(crate) struct Addresses<'a> {
    pub(crate) https: &'a str,
    pub(crate) http: &'a str,
    pub(crate) replicas: &'a [String],
    pub(crate) app: &'a str,
}

/// A running proxy. It is killed on drop.
pub(crate) struct Proxy {
    child: Child,
    _folder: TempDir,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Caddy];

    /// Starts the proxy with its configuration.
    pub(crate) fn start(self, mode: Mode, addresses: &Addresses<'_>) -> Proxy {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("certificate.pem", CERTIFICATE);
        write("key.pem", KEY);
        write("both.pem", &format!("{CERTIFICATE}{KEY}"));
        let (program, run, check): (_, &[&str], &[&str]) = match self {
            Self::Nginx => {
                write("site.conf", &nginx(mode, addresses));
                write("nginx.conf", &nginx_main());
                let run = &["-p", ".", "-c", "nginx.conf", "-e", "stderr"];
                ("nginx", run, &["-p", ".", "-c", "nginx.conf", "-e", "stderr", "-t", "-q"])
            }
            Self::HaProxy => {
                write("haproxy.cfg", &haproxy(mode, addresses));
                ("haproxy", &["-q", "-db", "-f", "haproxy.cfg"], &["-q", "-c", "-f", "haproxy.cfg"])
            }
            Self::Caddy => {
                write("Caddyfile", &caddy(mode, addresses));
                ("caddy", &["run"], &["validate"])
            }
        };
        let command = |arguments: &[&str]| {
            let mut command = Command::new(program);
            // Caddy keeps its files there.
            command.env("XDG_DATA_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
            command.args(arguments).current_dir(folder.path()).stderr(Stdio::null());
            command
        };
        let checked = command(check).stderr(Stdio::piped()).output();
        let checked = checked.unwrap_or_else(|error| panic!("cannot start {program} ({error}); run make proxies"));
        let said = String::from_utf8(checked.stderr).unwrap();
        // The others write nothing unless they have a warning. Caddy writes a log.
        assert!(checked.status.success() && (said.is_empty() || self == Self::Caddy), "{program}: {said}");
        let child = command(run).spawn().unwrap();
        Proxy { child, _folder: folder }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nginx(mode: Mode, addresses: &Addresses<'_>) -> String {
    let https = format!("listen {} ssl http2;", addresses.https);
    let http = format!("listen {};", addresses.http);
    adapt(
        "nginx.conf",
        mode,
        addresses,
        &[
            ("listen 443 ssl http2;", &https),
            ("listen [::]:443 ssl http2;", ""),
            ("listen 80;", &http),
            ("listen [::]:80;", ""),
            ("app.example.com;", "localhost;"),
            ("/etc/letsencrypt/live/app.example.com/fullchain.pem", "certificate.pem"),
            ("/etc/letsencrypt/live/app.example.com/privkey.pem", "key.pem"),
        ],
    )
}

/// Returns what Debian's `nginx.conf` contains around the files in `conf.d`, but with all files in one folder. Without a
/// master process, nothing outlives a kill.
fn nginx_main() -> String {
    let mut main =
        "daemon off; master_process off; pid nginx.pid; error_log stderr crit; events {}\nhttp {\n".to_owned();
    main.push_str("access_log off; client_body_temp_path body; gzip on;\n");
    for kind in ["proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(main, "{kind}_temp_path {kind};").unwrap();
    }
    main.push_str("include site.conf;\n}\n");
    main
}

fn haproxy(mode: Mode, addresses: &Addresses<'_>) -> String {
    let https = format!("bind {} ssl crt both.pem", addresses.https);
    let http = format!("bind {}", addresses.http);
    adapt(
        "haproxy.cfg",
        mode,
        addresses,
        &[
            ("bind :443,[::]:443 v6only ssl crt /etc/haproxy/certs/app.example.com.pem", &https),
            ("bind :80,[::]:80 v6only", &http),
            // These need root and Debian's account.
            ("    chroot /var/lib/haproxy\n", ""),
            ("    user haproxy\n", ""),
            ("    group haproxy\n", ""),
        ],
    )
}

fn caddy(mode: Mode, addresses: &Addresses<'_>) -> String {
    let port = |address: &str| address.rsplit_once(':').unwrap().1.to_owned();
    let (https, http) = (port(addresses.https), port(addresses.http));
    let options =
        format!("{{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\thttps_port {https}\n\thttp_port {http}\n\tservers {{");
    adapt(
        "Caddyfile",
        mode,
        addresses,
        &[("{\n\tservers {", &options), ("app.example.com {", "localhost {\n\ttls certificate.pem key.pem")],
    )
}

/// Returns a configuration with these addresses and other replacements.
fn adapt(name: &str, mode: Mode, addresses: &Addresses<'_>, others: &[(&str, &str)]) -> String {
    let mut text = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap();
    for (from, to) in others.iter().chain(&[(APP, addresses.app)]) {
        assert!(text.contains(from), "{name} does not contain {from}");
        text = text.replace(from, to);
    }
    if mode == Mode::Bridge {
        text = with_bridge_mode(&text);
    }
    let one = text.lines().find(|line| line.contains(TASKBRIDGE)).unwrap();
    let all = addresses.replicas.iter().enumerate().map(|(number, replica)| {
        one.replace(TASKBRIDGE, replica).replace("taskbridge1", &format!("taskbridge{}", number + 1))
    });
    text.replace(one, &all.collect::<Vec<_>>().join("\n"))
}

/// Replaces the line for server mode by the line for bridge mode, which is in the comment before it.
fn with_bridge_mode(text: &str) -> String {
    let (before, rest) = text.split_once("this line is:\n").unwrap();
    let [bridge, _server, after] = rest.splitn(3, '\n').collect::<Vec<_>>().try_into().unwrap();
    format!("{before}\n{}\n{after}", bridge.replacen("# ", "", 1))
}
