//! `taskbridge token`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::Context;
use clap::Subcommand;

use super::output::print;
use crate::explain::{explain, strip_prefixes};
use crate::settings::{AuthMode, Settings};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Show what a token contains, whether the server accepts it and, if not, what to change.
    ///
    /// The exit status is 0 if a server with these settings accepts the token, and 1 otherwise.
    #[command(after_help = "\
Examples:
  taskbridge token explain \"Authorization: Bearer $TOKEN\"
  taskbridge token explain --file token.txt
  pbpaste | taskbridge token explain")]
    Explain {
        /// The token, with or without `Authorization: Bearer` before it. If neither the token nor a file is given, the
        /// token is read from standard input, which keeps it out of the process list.
        token: Option<String>,
        /// File that contains the token.
        #[arg(long, conflicts_with = "token")]
        file: Option<PathBuf>,
    },
}

pub(super) async fn run(command: TokenCommand, settings: &Settings, mode: &AuthMode) -> anyhow::Result<ExitCode> {
    let TokenCommand::Explain { token, file } = command;
    let input = match (token, file) {
        (Some(token), _) => token,
        (None, Some(file)) => fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?,
        (None, None) => io::read_to_string(io::stdin()).context("cannot read standard input")?,
    };
    let explanation = explain(strip_prefixes(&input), settings, mode).await;
    print(&explanation)?;
    Ok(if explanation.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
