//! The section `[passwords]`.

use serde::{Deserialize, Deserializer};
use taskbridge_domain::users::HashAlgorithm;

use super::value::{Number, Switch, Threads, one_of};

/// The section `[passwords]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordSettings {
    #[serde(deserialize_with = "write")]
    pub(crate) write: HashAlgorithm,
    pub(crate) bcrypt_cost: Number<u32, 10, 16>,
    pub(crate) rehash: Switch,
    /// Number of threads that hash passwords.
    pub(crate) threads: Threads<64>,
    pub(crate) queue: Number<usize, 1, 10_000>,
    pub(crate) queue_per_network: Number<usize, 1, 10_000>,
}

fn write<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashAlgorithm, D::Error> {
    one_of(deserializer, [("bcrypt", HashAlgorithm::Bcrypt), ("scrypt", HashAlgorithm::Scrypt)])
}
