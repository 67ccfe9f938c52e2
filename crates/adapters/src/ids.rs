//! Ids from the thread's cryptographically secure generator, which the operating system seeds.

use rand::RngExt;
use taskbridge_domain::ports::IdGenerator;
use taskbridge_domain::random_id::RandomId;

/// Draws ids with `rand`'s default generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SecureIds;

impl IdGenerator for SecureIds {
    fn generate(&self) -> RandomId {
        let mut rng = rand::rng();
        RandomId::draw(|bound| rng.random_range(..bound))
    }
}
