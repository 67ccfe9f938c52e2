//! Random ids.

use rand::RngExt;
use taskbridge_domain::ports::IdGenerator;
use taskbridge_domain::random_id::RandomId;

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
