//! The section `[database]`.

use serde::{Deserialize, Deserializer};
use taskbridge_adapters::database::{DatabaseUrl, Pooler};

use super::value::{Number, Seconds, Switch, cores, one_of, parse};

/// The section `[database]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseSettings {
    #[serde(deserialize_with = "url")]
    url: DatabaseUrl,
    #[serde(deserialize_with = "pooled")]
    pooled: Option<Pooler>,
    max_connections: Number<u32, 0, 1000>,
    pub(crate) acquire_seconds: Seconds<1, 60>,
    pub(crate) connect_seconds: Seconds<1, 60>,
    pub(crate) statement_seconds: Seconds<1, 600>,
    pub(crate) share_connections: Switch,
    pub(crate) start_seconds: Seconds<0, 600>,
    pub(crate) migrate: Switch,
}

impl DatabaseSettings {
    /// Returns the URL of the database. If the setting `pooled` is on or off, it overrides what the URL says about a
    /// pooler.
    pub(crate) fn url(&self) -> DatabaseUrl {
        self.pooled.map_or_else(|| self.url.clone(), |pooler| self.url.clone().with_pooler(pooler))
    }

    /// Returns the maximum number of connections. The default is four for each core, within limits, because more
    /// connections would only wait for each other.
    pub(crate) fn max_connections(&self) -> u32 {
        match self.max_connections.get() {
            0 => u32::try_from(4 * cores()).unwrap_or(u32::MAX).clamp(8, 32),
            connections => connections,
        }
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DatabaseUrl, D::Error> {
    parse(deserializer, str::parse)
}

fn pooled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pooler>, D::Error> {
    one_of(deserializer, [("auto", None), ("on", Some(Pooler::Present)), ("off", Some(Pooler::Absent))])
}
