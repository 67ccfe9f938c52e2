//! The program `taskbridge`: the composition root. Only this crate knows all the others.
//!
//! `settings` reads the configuration and nothing else does; `compose` makes adapters and services of it; `serve`
//! runs the HTTP server until it is told to stop; `schema`, `keys`, `explain` and `doctor` are what the other commands do.

mod compose;
mod connection;
mod doctor;
mod explain;
mod keys;
mod layers;
mod metrics;
mod schema;
mod serve;
mod settings;
mod telemetry;
mod upkeep;

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fs, io};

use anyhow::Context;
use clap::{Parser, Subcommand};
use taskbridge_adapters::database::Store;
use taskbridge_migrations::Users;

use crate::settings::{Draft, Settings};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// Look at the configuration.
    #[command(subcommand)]
    Config(Config),
    /// Bring the schema of the database up to date, take steps back, or show them.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look after tasks.
    #[command(subcommand)]
    Tasks(Tasks),
    /// Look at tokens.
    #[command(subcommand)]
    Token(Token),
    /// Look after the keys that tokens are signed with.
    #[command(subcommand)]
    Keys(Keys),
    /// Look at everything the server needs, change nothing, and tell what to do. The status is 1 if anything fails, 0 if
    /// there is nothing but warnings.
    Doctor {
        /// Print one JSON object, for programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Tell what is in a token, whether the server accepts it, and what to change if not; the status is then 1.
    Explain {
        /// The token, with or without `Authorization: Bearer` before it. Without it, standard input is read: then it is
        /// seen in no list of processes.
        token: Option<String>,
        /// A file that holds the token.
        #[arg(long, conflicts_with = "token")]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// Show all keys, the oldest first, and what each is good for.
    List,
    /// Make a new key, which signs from then on. Those of its algorithm that were there verify what they have signed.
    Rotate,
    /// Withdraw keys, because somebody else may have them: their tokens are refused, and the next token is signed with a new
    /// one.
    Withdraw {
        /// Which; all that there are, if none is named.
        kids: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
enum Config {
    /// Show every setting as `serve` would read it, and where it came from, or all that is wrong. Secrets are not shown.
    Check,
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
        Ok(code) => code,
        Err(error) => {
            fail(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    if let Command::Doctor { json } = command {
        return Ok(actix_web::rt::System::new().block_on(diagnose(json)));
    }
    let (settings, list) = Settings::load()?;
    let users = settings.auth.mode.users();
    telemetry::start(&settings.log);
    actix_web::rt::System::new().block_on(async {
        match command {
            Command::Serve => serve::serve(settings).await?,
            Command::Config(Config::Check) => list.iter().for_each(|setting| say(&setting.to_string())),
            Command::Migrate(command) => {
                with_store(&settings, async |store| migrate(command, store, users).await).await?;
            }
            Command::Tasks(Tasks::Assign { user_id }) => {
                let count = with_store(&settings, async |store| schema::assign_tasks(store, &user_id).await).await?;
                say(&format!("{count} tasks assigned"));
            }
            Command::Keys(command) => {
                let lines = with_store(&settings, async |store| keys::run(command, &settings, store).await).await?;
                for line in lines {
                    say(&line);
                }
            }
            Command::Token(Token::Explain { token, file }) => {
                let pasted = match (token, file) {
                    (Some(token), _) => token,
                    (None, Some(file)) => fs::read_to_string(&file).with_context(|| file.display().to_string())?,
                    (None, None) => io::read_to_string(io::stdin()).context("standard input")?,
                };
                let explanation = explain::explain(explain::token_in(&pasted), &settings).await;
                say(&explanation.to_string());
                if !explanation.is_accepted() {
                    return Ok(ExitCode::FAILURE);
                }
            }
            // Above: it also looks at settings that are wrong.
            Command::Doctor { .. } => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn diagnose(json: bool) -> ExitCode {
    let report = doctor::examine(Draft::load()).await;
    say(&if json { report.json().to_string() } else { report.to_string() });
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Opens the store, does `work` with it, and closes it, so that SQLite leaves no `-wal` and `-shm` behind.
async fn with_store<T>(settings: &Settings, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let store = Store::open(&settings.database.store).await?;
    let result = work(&store).await;
    store.close().await;
    result
}

async fn migrate(command: Migrate, store: &Store, users: Users) -> anyhow::Result<()> {
    match command {
        Migrate::Up => schema::up(store, users).await?.iter().for_each(|step| say(&format!("applied {step}"))),
        Migrate::Down { steps } => {
            schema::down(store, users, steps).await?.iter().for_each(|step| say(&format!("took back {step}")));
        }
        Migrate::Status => {
            for step in schema::status(store, users).await? {
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
