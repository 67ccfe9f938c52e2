//! The section `[health]`.

use std::net::SocketAddr;

use serde::Deserialize;

use super::value::listen_address;

/// The section `[health]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthSettings {
    #[serde(deserialize_with = "listen_address")]
    pub(crate) address: Option<SocketAddr>,
}
