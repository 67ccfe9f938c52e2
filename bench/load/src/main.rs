//! A load generator for HTTP/1.1 with one thread. It sends prepared requests and counts answers.
//!
//! Closed loop: each connection sends its next request after the last answer. Open loop, with `--rate`: requests are
//! sent at fixed times, and the time until a connection is free is part of the latency.
//!
//! It prints one JSON object. Latencies are in microseconds, for requests sent after the warm-up.

mod answer;
mod client;
mod report;
mod requests;

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tokio::task::LocalSet;

/// Loads a server on this computer.
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// A file of requests, each after a line with its length in bytes.
    #[arg(long)]
    requests: String,
    /// The number of connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Duration of the measurement, in seconds.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Duration of the warm-up, in seconds.
    #[arg(long, default_value_t = 0.0)]
    warm: f64,
    /// Requests per second over all connections; 0 is a closed loop.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// The expected status; 0 accepts 200 to 299.
    #[arg(long, default_value_t = 0)]
    status: u16,
    /// A latency in milliseconds; the share of faster requests is reported.
    #[arg(long, default_value_t = 500.0)]
    within: f64,
    /// Timeout of an answer, in seconds.
    #[arg(long, default_value_t = 60.0)]
    patience: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let requests = requests::read(&arguments.requests).with_context(|| format!("reading {}", arguments.requests))?;
    ensure!(!requests.is_empty(), "{} holds no request", arguments.requests);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begin = Instant::now();
    let measured = begin + Duration::from_secs_f64(arguments.warm);
    let run = Rc::new(client::Run::new(client::Plan {
        address: ([127, 0, 0, 1], arguments.port).into(),
        requests,
        begin,
        measured,
        end: measured + Duration::from_secs_f64(arguments.seconds),
        rate: arguments.rate,
        status: arguments.status,
        patience: Duration::from_secs_f64(arguments.patience),
    }));
    LocalSet::new().block_on(&runtime, async {
        let clients: Vec<_> =
            (0..arguments.connections).map(|_| tokio::task::spawn_local(client::client(Rc::clone(&run)))).collect();
        for client in clients {
            client.await?;
        }
        anyhow::Ok(())
    })?;
    println!("{}", report::report(&run.tally.borrow(), arguments.seconds, arguments.within));
    Ok(())
}
