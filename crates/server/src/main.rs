//! The program `taskbridge`.

use std::process::ExitCode;

fn main() -> ExitCode {
    taskbridge::run(&[])
}
