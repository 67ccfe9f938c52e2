//! The program `taskbridge`, which composes all other crates.
//!
//! `settings` reads the configuration, `compose` builds adapters and services from it, and `serve` runs the HTTP server.
//! `cli` has a file for each command.

mod cleanup;
mod cli;
mod compose;
mod connection;
mod doctor;
mod explain;
mod http_server;
mod metrics;
mod serve;
mod settings;
mod shutdown;
mod telemetry;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
