//! `taskbridge doctor`.

use std::io;
use std::process::ExitCode;

use clap::Args;

use super::output::print;
use crate::doctor::examine;
use crate::settings::Configuration;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &DoctorArgs, configuration: anyhow::Result<Configuration>) -> io::Result<ExitCode> {
    let report = examine(configuration).await;
    if args.json {
        print(&report.json())?;
    } else {
        print(&report)?;
    }
    Ok(if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
