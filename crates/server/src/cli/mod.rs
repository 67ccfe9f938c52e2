//! The command line: a file for each command.

mod config;
mod doctor;
mod import;
mod keys;
mod migrate;
mod output;
mod plan;
mod serve;
mod tasks;
mod token;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use self::output::print_error;
use crate::settings::Configuration;
use crate::telemetry::{self, ServerLog};

/// Tasks API for apps that sign their users in with Better Auth; can also be the auth server.
///
/// The value of a setting is the first one found in: environment variables; the file `.env` in the working directory;
/// the profile `config/<TASKBRIDGE_PROFILE>.toml`, if `TASKBRIDGE_PROFILE` is set; the built-in defaults. The file
/// `config/default.toml` in the repository documents all settings.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve,
    /// Check the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Apply, revert, list or plan database migrations.
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Manage tasks.
    #[command(subcommand)]
    Tasks(tasks::TasksCommand),
    /// Inspect access tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage the key pairs that sign access tokens when Taskbridge is the auth server.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Check everything that the server depends on, from settings to database, and print advice. Changes nothing.
    ///
    /// The exit status is 1 if a check fails, and 0 if there are only warnings.
    Doctor(doctor::DoctorArgs),
}

/// Parses the command line and runs the command.
pub(crate) fn run() -> ExitCode {
    let Cli { command } = Cli::parse();
    actix_web::rt::System::new().block_on(run_command(command)).unwrap_or_else(|error| {
        print_error(&error);
        ExitCode::FAILURE
    })
}

async fn run_command(command: Command) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::load();
    if let Command::Doctor(args) = command {
        return Ok(doctor::run(&args, configuration).await);
    }
    let configuration = configuration?;
    let (settings, mode) = configuration.validate()?;
    if let Command::Serve = command {
        let log = ServerLog::start(&settings.log).context("cannot start the log")?;
        return serve::run(settings, mode, log.queue()).await.map(|()| ExitCode::SUCCESS);
    }
    telemetry::start(&settings.log);
    match command {
        Command::Config(command) => config::run(&command, &configuration),
        Command::Migrate(command) => return migrate::run(&command, settings, mode.name().users()).await,
        Command::Tasks(command) => tasks::run(&command, settings, mode.name().users()).await?,
        Command::Keys(command) => keys::run(&command, settings, mode).await?,
        Command::Token(command) => return token::run(command, settings, mode).await,
        // Handled above: the server has a log of its own, and the doctor also runs with an invalid configuration.
        Command::Serve | Command::Doctor(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}
