//! `taskbridge token`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, ensure};
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
        (None, Some(file)) => text(fs::read(&file)).with_context(|| format!("cannot read {}", file.display()))?,
        (None, None) => {
            let mut bytes = Vec::new();
            text(io::stdin().read_to_end(&mut bytes).map(|_| bytes)).context("cannot read standard input")?
        }
    };
    let explanation = explain(&input, settings, mode).await?;
    print(&explanation)?;
    Ok(if explanation.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the text of a file without the byte order mark at its start, which editors and shells of Windows write.
fn text(bytes: io::Result<Vec<u8>>) -> anyhow::Result<String> {
    let bytes = bytes?;
    let is_utf16 = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| bytes.starts_with(mark));
    ensure!(!is_utf16, "the text is UTF-16; save it as UTF-8, or paste it as the argument");
    let text = String::from_utf8(bytes).context("the text is not UTF-8; save it as UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
