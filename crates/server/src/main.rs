//! The program `taskbridge`: the composition root. Only this crate knows all the others.
//!
//! `settings` reads the configuration and nothing else does; `compose` makes adapters and services of it; `serve`
//! runs the HTTP server until it is told to stop.

mod compose;
mod layers;
mod serve;
mod settings;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// Tasks for the users of Better Auth.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server. Settings: config/default.toml, a profile, .env, the environment.
    Serve,
}

fn main() -> ExitCode {
    let Cli { command: Command::Serve } = Cli::parse();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let settings = Settings::load()?;
    telemetry::start(&settings.log);
    actix_web::rt::System::new().block_on(serve::serve(settings))
}

#[expect(clippy::print_stderr, reason = "why there is no server, for whoever started it")]
fn fail(error: &anyhow::Error) {
    eprintln!("taskbridge: {error:#}");
}
