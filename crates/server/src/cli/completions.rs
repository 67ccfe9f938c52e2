//! `taskbridge completions`.

use std::io;

use clap::{Args, Command};
use clap_complete::Shell;

use super::output::print;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell that reads the script.
    shell: Shell,
}

/// Prints the script that completes the command line `cli` in a shell.
pub(super) fn run(args: &CompletionsArgs, cli: &mut Command) -> io::Result<()> {
    let name = cli.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, cli, name, &mut script);
    print(&String::from_utf8_lossy(&script).trim_end())
}
