//! The command line: a file for each command.

mod completions;
mod config;
mod doctor;
mod health;
mod import;
mod keys;
mod migrate;
mod output;
mod plan;
mod serve;
mod tasks;
mod token;
mod users;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory as _, Parser, Subcommand};

use self::output::print_error;
use crate::settings::Configuration;
use crate::telemetry::{self, ServerLog};

/// The version of the program, with the commit that it was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TASKBRIDGE_COMMIT"), ")");

const EXIT_STATUS: &str = "\
Exit status:
  0  The command succeeded.
  1  The command failed, a check of the doctor failed, or the answer is no: the token is
     rejected, the server would not start, or it is not ready.
  2  The command line is wrong.

Results are printed on standard output, and errors, logs and progress on standard error.";

/// Tasks API for apps that sign their users in with Better Auth; can also be the auth server.
///
/// The value of a setting is the first one found in: environment variables; the `.env` files in the working directory;
/// the profile `config/<TASKBRIDGE_PROFILE>.toml`, if `TASKBRIDGE_PROFILE` is set; the built-in defaults. The file
/// `config/default.toml` in the repository documents all settings.
#[derive(Debug, Parser)]
#[command(name = "taskbridge", version = VERSION, max_term_width = 120, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    #[command(after_help = "\
Examples:
  taskbridge serve
  PORT=8080 DATABASE_URL=postgres://taskbridge@db/app taskbridge serve")]
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
    /// Manage users when Taskbridge is the auth server.
    ///
    /// A user is named by id or by email address. Passwords are read from the terminal or, if standard input is not a
    /// terminal, from its first line.
    Users(users::UsersArgs),
    /// Check everything that the server depends on, from settings to database, and print advice. Changes nothing.
    ///
    /// The exit status is 1 if a check fails, and 0 if there are only warnings.
    #[command(after_help = "\
Examples:
  taskbridge doctor
  taskbridge doctor --json | jq '.checks[] | select(.state == \"fail\")'")]
    Doctor(doctor::DoctorArgs),
    /// Check that the server with these settings is running and ready for requests.
    ///
    /// Sends a request to `health.address` or, if it is not set, to `HOST:PORT`, and waits up to 5 seconds for the
    /// answer. `0.0.0.0` and `[::]` stand for the loopback address. The command uses neither the database nor the secret, so
    /// it suits the health check of a container.
    #[command(after_help = "\
Examples:
  taskbridge health
  taskbridge health --live
  PORT=8080 taskbridge health")]
    Health(health::HealthArgs),
    /// Print a script that completes the command line in a shell.
    #[command(after_help = "\
Examples:
  source <(taskbridge completions bash)
  taskbridge completions zsh > \"${fpath[1]}/_taskbridge\"
  taskbridge completions fish > ~/.config/fish/completions/taskbridge.fish")]
    Completions(completions::CompletionsArgs),
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
    if let Command::Completions(args) = command {
        completions::run(&args, &mut Cli::command())?;
        return Ok(ExitCode::SUCCESS);
    }
    let configuration = Configuration::load();
    if let Command::Doctor(args) = command {
        return Ok(doctor::run(&args, configuration).await?);
    }
    let configuration = configuration?;
    if let Command::Health(args) = command {
        health::run(&args, &configuration)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (settings, mode) = configuration.validate()?;
    if let Command::Serve = command {
        let log = ServerLog::start(&settings.log).context("cannot start the log")?;
        configuration.log_warnings();
        return serve::run(settings, mode, log.queue()).await.map(|()| ExitCode::SUCCESS);
    }
    telemetry::start(&settings.log);
    configuration.log_warnings();
    match command {
        Command::Config(command) => config::run(&command, &configuration)?,
        Command::Migrate(command) => return migrate::run(&command, settings, mode.name().users()).await,
        Command::Tasks(command) => tasks::run(&command, settings, mode.name().users()).await?,
        Command::Keys(command) => keys::run(&command, settings, mode).await?,
        Command::Users(args) => return users::run(args, settings, mode).await,
        Command::Token(command) => return token::run(command, settings, mode).await,
        // Handled above: the server has a separate log, the doctor and the health check also run with an invalid
        // configuration, and the completions depend on none.
        Command::Serve | Command::Doctor(_) | Command::Health(_) | Command::Completions(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
