//! What all commands have in common: exit codes, output, version, completions.

use std::fs::{File, OpenOptions};
use std::io::{PipeWriter, pipe};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use support::server::{exit_code, outcome, run, shell};

const DATABASE: (&str, &str) = ("DATABASE_URL", "sqlite://new.db");
const INVALID: (&str, &str) = ("PORT", "none");

/// Returns the end of a pipe that nobody reads.
fn closed_pipe() -> PipeWriter {
    pipe().unwrap().1
}

#[test]
fn a_command_ends_as_usual_if_nobody_reads_its_output() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, variables, expected) in [
        (&["config", "check"][..], &[DATABASE][..], 0),
        (&["migrate", "up"], &[DATABASE], 0),
        (&["migrate", "status"], &[DATABASE], 0),
        (&["doctor"], &[DATABASE], 0),
        (&["doctor"], &[INVALID], 1),
        (&["token", "explain", "x"], &[DATABASE], 1),
        (&["completions", "bash"], &[], 0),
        (&["config", "check"], &[INVALID], 1),
        (&["config", "nothing"], &[], 2),
        (&["--help"], &[], 0),
    ] {
        let code = exit_code(folder.path(), arguments, variables, closed_pipe(), closed_pipe());
        assert_eq!(code, Some(expected), "{arguments:?} {variables:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let errors = folder.path().join("errors");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let code = exit_code(folder.path(), &["config", "check"], &[DATABASE], full, File::create(&errors).unwrap());
    let errors = std::fs::read_to_string(errors).unwrap();
    assert_eq!(code, Some(1), "{errors}");
    assert_eq!(errors, "taskbridge: cannot write to standard output: No space left on device (os error 28)\n");
}

#[test]
fn the_exit_code_is_1_for_a_failure_and_2_for_a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = outcome(folder.path(), &["config", "check"], &[INVALID]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("taskbridge: the configuration has 1 error:\n"), "{text}");
    for wrong in [&["confg"][..], &["config"], &["migrate", "down", "x"], &["doctor", "--yaml"]] {
        let (code, text) = outcome(folder.path(), wrong, &[]);
        assert_eq!(code, Some(2), "{wrong:?}: {text}");
    }
}

#[test]
fn the_version_names_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = run(folder.path(), &["--version"], &[]);
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().unwrap();
    let commit = String::from_utf8(commit.stdout).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(text, format!("taskbridge {version} ({})\n", commit.trim()));
}

/// Completions are printed even if the settings are invalid, and the shell accepts them.
#[test]
fn a_shell_reads_the_completions() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = File::create(&script).unwrap();
        let code = exit_code(folder.path(), &["completions", shell], &[INVALID], output, Stdio::inherit());
        assert_eq!(code, Some(0), "{shell}");
    }
    let output = File::create(&script).unwrap();
    assert_eq!(exit_code(folder.path(), &["completions", "bash"], &[], output, Stdio::inherit()), Some(0));
    let complete = format!(
        "source {}; COMP_WORDS=(taskbridge mig); COMP_CWORD=1; _taskbridge taskbridge mig taskbridge; echo $COMPREPLY",
        script.display()
    );
    let completed = Command::new("bash").args(["-c", &complete]).output().unwrap();
    assert_eq!(String::from_utf8(completed.stdout).unwrap(), "migrate\n");
}

/// Neither files nor pipes receive the escape sequences of colours.
#[test]
fn output_has_colours_on_a_terminal_only() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["doctor"][..], &["config", "check"], &["--help"]] {
        let (_, text) = outcome(folder.path(), arguments, &[INVALID]);
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

/// `make dist` and `make install` put these files below a prefix.
#[test]
fn an_installation_has_the_program_its_completions_and_its_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let install = format!("umask 077; {root}/scripts/stage.sh \"$(command -v taskbridge)\" \"$PWD/prefix\"");
    assert_eq!(shell(folder.path(), &install, &[]), (true, String::new()));
    for place in [
        "share/bash-completion/completions/taskbridge",
        "share/doc/taskbridge/LICENSE-APACHE",
        "share/doc/taskbridge/LICENSE-MIT",
        "share/doc/taskbridge/config/default.toml",
        "share/doc/taskbridge/deploy/taskbridge.service",
        "share/doc/taskbridge/docs/operations.md",
        "share/fish/vendor_completions.d/taskbridge.fish",
        "share/zsh/site-functions/_taskbridge",
    ] {
        let metadata = folder.path().join("prefix").join(place).metadata().unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.len() > 0), (0o644, true), "{place}");
    }
    let (done, text) = shell(folder.path(), "PATH=\"$PWD/prefix/bin\"; taskbridge --version", &[]);
    assert!(done && text.starts_with("taskbridge "), "{text}");
}
