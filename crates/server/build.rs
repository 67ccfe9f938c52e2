//! Passes the commit of the source code to the program, which shows it as a part of its version.

use std::env;
use std::process::Command;

/// The variable that contains the commit. It is set by whoever builds the program without a git repository, such as in a
/// container.
const COMMIT: &str = "TASKBRIDGE_COMMIT";

#[expect(clippy::disallowed_methods, reason = "the build has no settings")]
fn main() {
    println!("cargo::rerun-if-env-changed={COMMIT}");
    if env::var_os(COMMIT).is_some() {
        return;
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown commit".into());
    println!("cargo::rustc-env={COMMIT}={commit}");
    // git appends a line to this file whenever another commit is checked out.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
}

/// Returns the output of a git command, or `None` if there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
