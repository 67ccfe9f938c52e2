//! The section `[metrics]`.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

use super::value::parse;

/// The section `[metrics]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsSettings {
    #[serde(deserialize_with = "address")]
    pub(crate) address: Option<SocketAddr>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    parse(deserializer, |text| match (text, text.parse()) {
        ("", _) => Ok(None),
        (_, Ok(address)) => Ok(Some(address)),
        (_, Err(_)) => Err("must be an IP address and a port, such as 127.0.0.1:9464"),
    })
}
