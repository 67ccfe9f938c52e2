//! `taskbridge health`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use ureq::Agent;

use super::output::print;
use crate::settings::{Configuration, Settings};

/// Maximum time until the response has arrived.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// Check only that the process runs, and not that the database responds.
    #[arg(long)]
    live: bool,
}

/// Sends a health check to the server with these settings.
///
/// Only the settings that contain its address must be valid: the command also works without the server's secret.
pub(super) fn run(args: &HealthArgs, configuration: &Configuration) -> anyhow::Result<()> {
    let address = address(configuration)?;
    let (path, state) = if args.live { ("/health/live", "live") } else { ("/health/ready", "ready") };
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent("taskbridge health");
    // The request blocks the thread, which has nothing else to do.
    let response = Agent::from(config.build()).get(format!("http://{address}{path}")).call();
    let response = response.map_err(reason).with_context(|| format!("no answer from {address}"))?;
    match response.status().as_u16() {
        200 => Ok(print(&format!("{state} at {address}"))?),
        503 => bail!("not {state} at {address}: the server is shutting down, or its database does not respond"),
        status => bail!("not {state} at {address}: status {status}"),
    }
}

/// Returns the address of the listener for health checks or, if there is none, of the API.
fn address(configuration: &Configuration) -> anyhow::Result<SocketAddr> {
    let error = ["health.address", "server.host", "server.port"].into_iter().find_map(|key| configuration.error(key));
    if let Some(error) = error {
        bail!("{error}");
    }
    let Settings { health, server, .. } = &configuration.settings;
    let listener = health.address.unwrap_or(SocketAddr::new(server.host, server.port.get()));
    ensure!(listener.port() != 0, "the system chooses the port of the server; set PORT to the port that its log names");
    Ok(SocketAddr::new(reachable(listener.ip()), listener.port()))
}

/// Returns the address at which a listener can be reached from the same machine: a listener at 0.0.0.0 or `[::]` has all
/// addresses of the machine.
fn reachable(listener: IpAddr) -> IpAddr {
    match listener {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

fn reason(error: ureq::Error) -> anyhow::Error {
    match error {
        ureq::Error::Io(error) => error.into(),
        ureq::Error::Timeout(_) => anyhow!("timed out after {} seconds", TIMEOUT.as_secs()),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_at_all_addresses_is_reached_at_the_loopback_address() {
        for (listener, expected) in
            [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2"), ("10.0.0.1", "10.0.0.1")]
        {
            assert_eq!(reachable(listener.parse().unwrap()).to_string(), expected);
        }
    }
}
