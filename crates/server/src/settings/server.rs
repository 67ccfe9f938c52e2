//! The section `[server]`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use taskbridge_web::ForwardedHeader;

use super::value::{Number, Seconds, Threads, one_of, parse, split};

/// Lower bound of `unsent_bytes`, in bytes. The largest response, a list of 1,000 tasks, is smaller.
const MIN_UNSENT: u64 = 16 * 1024 * 1024;
/// Upper bound of `unsent_bytes`, in bytes.
const MAX_UNSENT: u64 = 1024 * 1024 * 1024 * 1024;

/// The section `[server]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    #[serde(deserialize_with = "host")]
    pub(crate) host: IpAddr,
    pub(crate) port: Number<u16, 0, 65_535>,
    /// Number of worker threads.
    pub(crate) workers: Threads<512>,
    pub(crate) body_limit: Number<usize, 1024, { 16 * 1024 * 1024 }>,
    pub(crate) request_seconds: Seconds<1, 600>,
    pub(crate) unread_seconds: Seconds<1, 600>,
    pub(crate) unsent_bytes: Number<usize, MIN_UNSENT, MAX_UNSENT>,
    pub(crate) unsent_bytes_per_network: Number<usize, 0, MAX_UNSENT>,
    pub(crate) keep_alive_seconds: Seconds<0, 600>,
    pub(crate) max_connections: Number<usize, 1, 1_000_000>,
    max_connections_per_network: Number<usize, 0, 1_000_000>,
    pub(crate) drain_seconds: Seconds<0, 600>,
    pub(crate) shutdown_seconds: Seconds<0, 600>,
    #[serde(deserialize_with = "trusted_proxies")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "forwarded_header")]
    pub(crate) forwarded_header: ForwardedHeader,
}

impl ServerSettings {
    /// Returns the maximum number of connections of one client network if `total` connections may be open. The default
    /// is a quarter of them.
    pub(crate) fn max_connections_per_network(&self, total: usize) -> usize {
        match self.max_connections_per_network.get() {
            0 => (total / 4).max(1),
            connections => connections,
        }
    }
}

fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    const FORM: &str = "must be an IP address to listen on, such as 127.0.0.1 or 0.0.0.0";
    parse(deserializer, |text| text.parse().ok().ok_or(FORM))
}

fn trusted_proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: &str| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    parse(deserializer, |text| match split(text).map(network).collect::<Option<Vec<_>>>() {
        None => Err("must be addresses or networks, separated by commas, such as 10.0.0.0/8"),
        Some(networks) if networks.iter().any(|network| network.prefix_len() == 0) => {
            Err("must not include a network of all addresses: any client could then set its own address")
        }
        Some(networks) => Ok(networks),
    })
}

fn forwarded_header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ForwardedHeader, D::Error> {
    let choices = [("x-forwarded-for", ForwardedHeader::XForwardedFor), ("forwarded", ForwardedHeader::Forwarded)];
    one_of(deserializer, choices)
}
