//! The program `taskbridge`: the composition root. Only this crate knows all the others.
//!
//! `settings` reads the configuration and nothing else does; `compose` makes adapters and services of it; `serve`
//! runs the HTTP server until it is told to stop; `schema` is what the other commands do.

mod compose;
mod connection;
mod layers;
mod schema;
mod serve;
mod settings;
mod telemetry;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use taskbridge_adapters::sea::Store;

use crate::settings::Settings;

/// Tasks for the users of Better Auth.
///
/// Settings come from the environment, .env, a profile and config/default.toml, which explains them.
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
    /// Bring the schema of the database up to date, take steps back, or show them.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look after tasks.
    #[command(subcommand)]
    Tasks(Tasks),
}

#[derive(Debug, Subcommand)]
enum Migrate {
    /// Apply every step that has not been applied.
    Up,
    /// Take back the last steps that have been applied. Users and passwords are never dropped.
    Down {
        /// How many.
        #[arg(default_value_t = 1)]
        steps: u32,
    },
    /// Show all steps, and whether each has been applied.
    Status,
}

#[derive(Debug, Subcommand)]
enum Tasks {
    /// Give every task that has no owner to a user.
    Assign {
        /// The id of the user.
        user_id: String,
    },
}

fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    telemetry::start(&settings.log);
    actix_web::rt::System::new().block_on(async {
        match command {
            Command::Serve => serve::serve(settings).await,
            Command::Migrate(command) => migrate(command, &Store::open(&settings.database.store).await?).await,
            Command::Tasks(Tasks::Assign { user_id }) => {
                let store = Store::open(&settings.database.store).await?;
                let count = schema::assign_tasks(&store, &user_id).await?;
                say(&format!("{count} tasks assigned"));
                Ok(())
            }
        }
    })
}

async fn migrate(command: Migrate, store: &Store) -> anyhow::Result<()> {
    match command {
        Migrate::Up => schema::up(store).await?.iter().for_each(|step| say(&format!("applied {step}"))),
        Migrate::Down { steps } => {
            schema::down(store, steps).await?.iter().for_each(|step| say(&format!("took back {step}")));
        }
        Migrate::Status => {
            for step in schema::status(store).await? {
                say(&format!("{} {}", if step.applied { "applied" } else { "to come" }, step.name));
            }
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was asked for, for whoever asked")]
fn say(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "why it was not done, for whoever asked")]
fn fail(error: &anyhow::Error) {
    eprintln!("taskbridge: {error:#}");
}
