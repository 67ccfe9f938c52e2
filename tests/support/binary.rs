//! The program that the tests start.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

const BUILD: [&str; 6] =
    ["build", "--quiet", "--package", "taskbridge-server", "--message-format", "json-render-diagnostics"];

/// Variables with which cargo describes this crate to its tests. If they differed from those of the last build, ring would be
/// built again, and with it most of the program.
const OWN: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Returns the path of the binary, and builds it if necessary.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(BUILD).current_dir(env!("CARGO_MANIFEST_DIR")).stderr(Stdio::inherit());
        for name in OWN {
            build.env_remove(name);
        }
        let output = build.output().unwrap();
        assert!(output.status.success(), "the binary does not build");
        let messages = String::from_utf8(output.stdout).unwrap();
        let mut executables = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executables.next_back().unwrap()
    })
}
