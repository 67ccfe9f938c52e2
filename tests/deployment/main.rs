//! The systemd unit and the Compose file in `deploy/`, which `docs/deploy.md` describes. `make deployment` installs the
//! programs that these tests need, and runs them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod compose;
mod unit;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the path of a file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap()
}

/// Runs a program. Returns whether it succeeded, its output, and its error output.
fn output(command: &mut Command) -> (bool, String, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; run: make deployment"));
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.success(), stdout, stderr)
}
