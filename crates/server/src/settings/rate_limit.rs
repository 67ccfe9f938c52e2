//! The section `[rate_limit]`.

use serde::{Deserialize, Deserializer};

use super::value::{Number, Seconds, Switch, one_of};

/// The section `[rate_limit]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimitSettings {
    pub(crate) enabled: Switch,
    pub(crate) window_seconds: Seconds<1, 600>,
    pub(crate) max: Number<u32, 1, 1_000_000>,
    #[serde(deserialize_with = "storage")]
    pub(crate) storage: RateLimitStorage,
}

/// Storage of the rate limiters' counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateLimitStorage {
    Memory,
    Database,
}

fn storage<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RateLimitStorage, D::Error> {
    one_of(deserializer, [("memory", RateLimitStorage::Memory), ("database", RateLimitStorage::Database)])
}
