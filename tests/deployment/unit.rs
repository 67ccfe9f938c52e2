//! `deploy/taskbridge.service` and its settings. systemd does not run here: the unit is checked with `systemd-analyze`, and
//! the program is traced.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::binary::binary;
use support::page;
use support::postgres::fresh_database;
use support::server::{SECRET, shell};
use support::{Server, User};

use super::compose::compose;
use super::{output, read, repository};

const UNIT: &str = "deploy/taskbridge.service";
/// Settings that other tests change: these are the defaults.
const DEFAULTS: [(&str, &str); 2] = [("TASKBRIDGE__LOG__BUFFER_BYTES", ""), ("RATE_LIMIT", "")];

/// Returns the values that the unit assigns to a name, in order.
fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn systemd_accepts_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let (program, unit) = (folder.path().join("taskbridge"), folder.path().join("taskbridge.service"));
    write_script(&program, "#!/bin/sh\n");
    let text = read(UNIT);
    assert!(text.contains("ExecStart=/usr/local/bin/taskbridge serve\n"));
    fs::write(&unit, text.replace("/usr/local/bin/taskbridge", program.to_str().unwrap())).unwrap();
    let verified = output(Command::new("systemd-analyze").arg("verify").arg(unit));
    assert_eq!(verified, (true, String::new(), String::new()));
}

/// The commands of the page, in a folder in place of `/`.
#[test]
fn the_files_are_installed_where_the_unit_expects_them() {
    let root = tempfile::tempdir().unwrap();
    let page = read("docs/deploy.md");
    let install = page::commands(&page, "sh").into_iter().find(|block| block.contains("deploy/taskbridge.service"));
    let folder = root.path().to_str().unwrap();
    let install = install.unwrap().replace("sudo ", "").replace(" /etc/", &format!(" {folder}/etc/"));
    let (installed, text) = shell(&repository("."), &install, &[]);
    assert!(installed, "{text}");
    let unit = fs::read_to_string(root.path().join("etc/systemd/system/taskbridge.service")).unwrap();
    assert_eq!(unit, read(UNIT));
    let (_, secret) = values(&unit, "LoadCredential")[0].split_once(':').unwrap();
    for (file, mode) in [(values(&unit, "EnvironmentFile")[0], 0o644), (secret, 0o600)] {
        let metadata = fs::metadata(root.path().join(&file[1..])).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o777, metadata.len() > 30), (mode, true), "{file}");
    }
}

/// The exposure level of a unit without any sandbox is 9.6.
#[test]
fn systemd_calls_the_exposure_low() {
    let mut command = Command::new("systemd-analyze");
    let (low, report, errors) =
        output(command.args(["security", "--offline=true", "--threshold=14"]).arg(repository(UNIT)));
    assert!(low, "{report}{errors}");
}

/// Some of these imply each other.
#[test]
fn the_service_is_confined() {
    let unit = read(UNIT);
    let confined = [
        ("DynamicUser", "yes"),
        ("StateDirectory", "taskbridge"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("MemoryDenyWriteExecute", "yes"),
    ];
    for (name, value) in confined {
        assert_eq!(values(&unit, name), [value], "{name}");
    }
    let limit = compose()["services"]["taskbridge"]["mem_limit"].as_str().unwrap().to_uppercase();
    assert_eq!(values(&unit, "MemoryMax"), [limit]);
}

/// With the command of the page. Also those that are comments in the example, one at a time.
#[test]
fn taskbridge_accepts_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("better_auth_secret"), SECRET).unwrap();
    let page = read("docs/deploy.md");
    let command = page::commands(&page, "sh").into_iter().find(|block| block.contains("/var/lib/taskbridge")).unwrap();
    let path = folder.path().to_str().unwrap();
    let command = command.replace("sudo ", "").replace("/etc/taskbridge", path).replace("/var/lib/taskbridge", path);
    let command = command.replace("taskbridge doctor", "taskbridge config check");

    let file = read("deploy/taskbridge.env");
    let is_setting = |line: &&str| line.contains('=') && !line.contains(' ');
    let lines: Vec<_> = file.lines().filter(is_setting).collect();
    let (others, own): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with('#'));
    assert!(own.len() > 3 && others.len() > 2, "{own:?} {others:?}");
    for other in [None].into_iter().chain(others.into_iter().map(Some)) {
        // The last line that sets a name is the one that counts, as with systemd.
        let lines: Vec<_> = own.iter().copied().chain(other.map(|line| &line[1..])).collect();
        fs::write(folder.path().join("taskbridge.env"), lines.join("\n")).unwrap();
        let (valid, text) = shell(folder.path(), &command, &[]);
        assert!(valid, "{other:?}: {text}");
        for name in lines.iter().map(|line| line.split('=').next().unwrap()).chain(["BETTER_AUTH_SECRET_FILE"]) {
            assert!(text.contains(&format!(" {name} in the environment")), "{other:?}: {name}: {text}");
        }
        // The shell reads the whole URL.
        let is_postgres = other.is_some_and(|line| line.starts_with("#DATABASE_URL"));
        assert_eq!(text.contains("database.url = postgres:"), is_postgres, "{text}");
    }
}

/// The service finds the copy of the secret.
#[test]
fn the_setting_of_the_secret_names_its_credential() {
    let unit = read(UNIT).replace("\n#", "\n");
    for (setting, credential) in
        [("BETTER_AUTH_SECRET_FILE", "better_auth_secret"), ("DATABASE_URL_FILE", "database_url")]
    {
        assert!(values(&unit, "Environment").contains(&&*format!("{setting}=%d/{credential}")), "{setting}");
        assert!(
            values(&unit, "LoadCredential").contains(&&*format!("{credential}:/etc/taskbridge/{credential}")),
            "{setting}"
        );
    }
}

/// Returns the system calls that the unit allows.
fn allowed(unit: &str) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for filter in values(unit, "SystemCallFilter") {
        let (is_denied, groups) = filter.strip_prefix('~').map_or((false, filter), |groups| (true, groups));
        let calls: BTreeSet<_> = groups.split(' ').flat_map(expand).collect();
        allowed = if is_denied { &allowed - &calls } else { &allowed | &calls };
    }
    allowed
}

/// Returns the system calls in a group, and in the groups that it contains.
fn expand(group: &str) -> BTreeSet<String> {
    let (known, text, errors) = output(Command::new("systemd-analyze").args(["syscall-filter", group]));
    assert!(known, "{errors}");
    let entries = text.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    entries.flat_map(|entry| if entry.starts_with('@') { expand(entry) } else { [entry.to_owned()].into() }).collect()
}

/// Runs a server under `strace`: sign-up, sign-in, tasks, health checks, metrics and a graceful stop. Returns the trace.
async fn trace(database: &str, hash: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (traced, file) = (folder.path().join("traced"), folder.path().join("trace"));
    // `-D` makes the program the child, to which signals are sent.
    let script = format!("#!/bin/sh\nexec strace -D -f -qq -o '{}' '{}' \"$@\"\n", file.display(), binary().display());
    write_script(&traced, &script);
    let variables = [
        ("DATABASE_URL", database),
        ("TASKBRIDGE__PASSWORDS__WRITE", hash),
        ("TASKBRIDGE__HEALTH__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
    ];
    let mut server = Server::start_program(&traced, &[&DEFAULTS[..], &variables].concat());
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "x" })).await;
    ann.list().await;
    let [health, metrics] = [&server.health, &server.metrics].map(|address| address.clone().unwrap());
    for address in [format!("{health}/health/ready"), format!("{metrics}/metrics")] {
        assert_eq!(reqwest::get(format!("http://{address}")).await.unwrap().status(), 200);
    }
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    fs::read_to_string(file).unwrap()
}

/// systemd answers other system calls with an error, as it does sockets of other families.
#[tokio::test]
async fn the_program_needs_only_what_the_unit_allows() {
    let unit = read(UNIT);
    let allowed = allowed(&unit);
    assert!(allowed.len() > 100 && !allowed.contains("mount"), "{allowed:?}");
    // A name has to be resolved.
    let postgres = fresh_database().replace("127.0.0.1", "localhost");
    for (database, hash) in [("sqlite://x.db", "bcrypt"), (&postgres, "scrypt")] {
        let trace = trace(database, hash).await;
        // A line is `<process> <call>(<arguments>) = <result>`, or else contains the rest of a call, or a signal.
        let calls = trace.lines().filter_map(|line| line.split_once('(')?.0.split_once(' '));
        let calls = calls.map(|(_, call)| call.trim_start()).filter(|call| !call.contains([' ', '<', '-']));
        let calls: BTreeSet<_> = calls.collect();
        assert!(calls.contains("accept4") && calls.contains("prlimit64"), "{calls:?}");
        // SQLite calls it only as root, which this test may be.
        let refused: Vec<_> = calls.iter().filter(|call| !allowed.contains(**call) && **call != "fchown").collect();
        assert!(refused.is_empty(), "{database}: {refused:?}");

        let families: BTreeSet<_> =
            trace.lines().filter_map(|line| line.split_once("socket(")?.1.split(',').next()).collect();
        let listed = values(&unit, "RestrictAddressFamilies")[0];
        let others: Vec<_> = families.iter().filter(|family| !listed.split(' ').any(|one| one == **family)).collect();
        assert!(others.is_empty() && families.contains("AF_INET"), "{database}: {families:?}");
        assert!(!trace.contains("PROT_WRITE|PROT_EXEC"), "MemoryDenyWriteExecute");
    }
}
