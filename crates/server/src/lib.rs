//! The server and the commands of Taskbridge, built from the other crates.
//!
//! `cli` has a file for each command. `settings` reads the configuration, `compose` builds adapters and services from
//! it, and `http_server` serves the API.
//!
//! The program `taskbridge` is [`run`] without further resources. Another program can add its own [`Resource`]s: they are
//! served in addition to the tasks, with the same users, databases, limits and commands.

mod cleanup;
mod cli;
mod compose;
mod connection;
mod connection_table;
mod doctor;
mod explain;
mod http_server;
mod http_service;
mod metrics;
mod refusals;
mod resources;
mod settings;
mod side_server;
mod signals;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod workers;

use std::process::ExitCode;

pub use resources::{Repositories, Resource};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the command that the command line names, with the resources of the program in addition to the tasks. Called once.
#[must_use]
pub fn run(further: &'static [Resource]) -> ExitCode {
    resources::set(further);
    cli::run()
}
