//! Hashing and verifying a password, in both formats.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::time::Duration;

use criterion::{Criterion, SamplingMode};
use taskbridge_adapters::passwords::{ThreadedPasswordHasher, ThreadedPasswordHasherConfig};
use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::PasswordHasher;
use taskbridge_domain::users::{HashAlgorithm, NewPassword, Password};
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("password");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(4));
    for (name, write) in [("bcrypt 12", HashAlgorithm::Bcrypt), ("scrypt", HashAlgorithm::Scrypt)] {
        let config =
            ThreadedPasswordHasherConfig { write, bcrypt_cost: 12, threads: 1, queue: 1, queue_per_network: 1 };
        let hasher = ThreadedPasswordHasher::new(config).unwrap();
        let new = || NewPassword::parse(PASSWORD, write).unwrap();
        let stored = runtime.block_on(hasher.hash(ClientNetwork::UNKNOWN, new())).unwrap();
        group.bench_function(format!("{name}, hashed"), |bencher| {
            bencher.iter(|| runtime.block_on(hasher.hash(ClientNetwork::UNKNOWN, new())).unwrap());
        });
        group.bench_function(format!("{name}, compared"), |bencher| {
            bencher.iter(|| {
                let typed = Password::parse(PASSWORD).unwrap();
                let verified = hasher.verify(ClientNetwork::UNKNOWN, typed, Some(stored.clone()));
                assert!(runtime.block_on(verified).unwrap());
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
