//! Random ids.

use rand::RngExt;
use taskbridge_domain::ports::IdGenerator;
use taskbridge_domain::random_id::RandomId;
use uuid::Builder;

/// Generates ids with `rand`'s thread-local generator, which is cryptographically secure and seeded by the operating
/// system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SecureIds;

impl IdGenerator for SecureIds {
    fn generate(&self) -> RandomId {
        let mut rng = rand::rng();
        RandomId::draw(|bound| rng.random_range(..bound))
    }
}

/// Returns a new UUID of version 4 (RFC 9562, section 5.4) in lower case, from the same generator.
pub(crate) fn new_uuid() -> String {
    Builder::from_random_bytes(rand::rng().random()).into_uuid().hyphenated().to_string()
}
