//! The program `taskbridge`. It builds the server and the commands from the other crates.
//!
//! `cli` has a file for each command. `settings` reads the configuration, `compose` builds adapters and services from
//! it, and `http_server` serves the API.

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
mod settings;
mod side_server;
mod signals;
mod telemetry;
mod workers;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
