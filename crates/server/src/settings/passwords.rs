//! The section `[passwords]`.

use serde::{Deserialize, Deserializer};
use taskbridge_domain::users::HashAlgorithm;

use super::value::{Number, Switch, one_of, or_cores};

/// The section `[passwords]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordSettings {
    #[serde(deserialize_with = "write")]
    pub(crate) write: HashAlgorithm,
    pub(crate) bcrypt_cost: Number<u32, 10, 16>,
    pub(crate) rehash: Switch,
    threads: Number<usize, 0, 64>,
    pub(crate) queue: Number<usize, 1, 10_000>,
}

impl PasswordSettings {
    /// Returns the number of threads that hash passwords.
    pub(crate) fn threads(&self) -> usize {
        or_cores(self.threads.get())
    }
}

fn write<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashAlgorithm, D::Error> {
    one_of(deserializer, [("bcrypt", HashAlgorithm::Bcrypt), ("scrypt", HashAlgorithm::Scrypt)])
}
