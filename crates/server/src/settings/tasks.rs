//! The section `[tasks]`.

use serde::{Deserialize, Deserializer};
use taskbridge_adapters::database::StoreConfig;

use super::value::{Number, Switch, cores, parse};

/// The section `[tasks]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksSettings {
    #[serde(deserialize_with = "prefix")]
    pub(crate) prefix: String,
    pub(crate) without_user_id: Switch,
    pub(crate) list_envelope: Switch,
    pub(crate) is_completed: Switch,
    pub(crate) delete_message: Switch,
    concurrent_per_user: Number<usize, 0, 1000>,
    concurrent_searches: Number<usize, 0, 1000>,
    pub(crate) requests_per_minute: Number<u32, 0, 1_000_000>,
    pub(crate) max_per_user: Number<u32, 0, 100_000_000>,
}

impl TasksSettings {
    /// Returns the maximum number of statements at the same time for each user. `None` means no limit.
    pub(crate) fn concurrent_per_user(&self) -> Option<usize> {
        Some(self.concurrent_per_user.get()).filter(|max| *max > 0)
    }

    /// Returns the maximum number of searches at the same time. By default, half of the cores are left to everything
    /// else if the database runs in this process, and otherwise half of the connections that a search can use.
    pub(crate) fn concurrent_searches(&self, database: &StoreConfig) -> usize {
        match self.concurrent_searches.get() {
            0 if database.url.is_in_process() => (cores() / 2).max(1),
            0 => (database.exclusive_task_connections() as usize / 2).max(1),
            searches => searches,
        }
    }
}

/// Parses the prefix of the task routes and removes the slash at its end. Rejects characters that the router would
/// treat as a pattern, and prefixes that would collide with the routes of the auth server.
fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let is_plain = |segment: &str| {
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-_~.".contains(c);
        !segment.is_empty() && segment.chars().all(unreserved) && segment.chars().any(|c| c != '.')
    };
    parse(deserializer, |text| {
        let prefix = text.strip_suffix('/').unwrap_or(text);
        let segments = prefix.strip_prefix('/').map(|segments| segments.split('/').all(is_plain));
        let is_auth = prefix == "/api/auth" || prefix.starts_with("/api/auth/");
        if (prefix.is_empty() || segments == Some(true)) && !is_auth {
            Ok(prefix.to_owned())
        } else {
            Err("must be a path such as /api, made of letters, digits and -_~. and not below /api/auth")
        }
    })
}
