//! `taskbridge config`.

use std::io;

use clap::Subcommand;

use super::output::print;
use crate::settings::Configuration;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting with its value and source or, if any is invalid, all errors. Secrets are not shown.
    #[command(after_help = "\
Examples:
  taskbridge config check
  TASKBRIDGE_PROFILE=staging taskbridge config check | grep database")]
    Check,
}

pub(super) fn run(command: &ConfigCommand, configuration: &Configuration) -> io::Result<()> {
    let ConfigCommand::Check = command;
    configuration.lines().try_for_each(|line| print(&line))
}
