//! The output of commands.

use std::fmt::Display;

/// Prints a line on standard output.
#[expect(clippy::print_stdout, reason = "the output of commands")]
pub(super) fn print(line: &dyn Display) {
    println!("{line}");
}

/// Prints an error on standard error.
#[expect(clippy::print_stderr, reason = "the error of a command")]
pub(super) fn print_error(error: &anyhow::Error) {
    eprintln!("taskbridge: {error:#}");
}
