//! `taskbridge config`.

use clap::Subcommand;

use super::output::print;
use crate::settings::Configuration;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every setting with its value and source or, if any is invalid, all errors. Secrets are not shown.
    Check,
}

pub(super) fn run(command: &ConfigCommand, configuration: &Configuration) {
    let ConfigCommand::Check = command;
    configuration.lines().for_each(|line| print(&line));
}
