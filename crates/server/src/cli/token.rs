//! `taskbridge token`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::Context;
use clap::Subcommand;

use super::output::print;
use crate::explain::explain;
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
        /// The header `Authorization: Bearer <token>`, a request or a curl command that contains it, or only the token.
        /// If neither this nor a file is given, standard input is read, which keeps the token out of the process list.
        token: Option<String>,
        /// File that contains the same.
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
    let explanation = explain(&input, settings, mode).await;
    print(&explanation)?;
    Ok(if explanation.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
