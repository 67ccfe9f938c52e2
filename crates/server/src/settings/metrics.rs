//! The section `[metrics]`.

use std::net::SocketAddr;

use serde::Deserialize;

use super::value::listen_address;

/// The section `[metrics]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsSettings {
    #[serde(deserialize_with = "listen_address")]
    pub(crate) address: Option<SocketAddr>,
}
