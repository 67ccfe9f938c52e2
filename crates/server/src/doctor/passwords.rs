//! Checks how long it takes to hash a password.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::PasswordHasher;
use taskbridge_domain::users::Password;

use super::report::{Finding, fail, millis, ok, skip, warn};
use crate::compose::hasher;
use crate::settings::{AuthModeName, Configuration};

const NAME: &str = "hash";
/// Expected duration of a sign-in. If a sign-in takes less time, guessing passwords is cheap. If it takes more time,
/// users have to wait, and a core is kept busy.
const EXPECTED: RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

/// Measures how long a sign-in with a wrong password takes.
pub(super) async fn check(configuration: &Configuration) -> Finding {
    if configuration.mode_name == Some(AuthModeName::Bridge) {
        return skip(NAME, "the app's Better Auth checks passwords");
    }
    if configuration.has_error("passwords.") {
        return skip(NAME, "the settings are invalid");
    }
    let settings = &configuration.settings.passwords;
    let Ok(hasher) = hasher(settings) else {
        return fail(NAME, "the system cannot start more threads", "raise the limit of threads for the server");
    };
    let mut took = Duration::MAX;
    // A slow measurement is repeated, because other programs can have caused it.
    for _ in 0..2 {
        let Ok(password) = Password::parse("how long does it take") else { break };
        let started = Instant::now();
        if hasher.verify(ClientNetwork::UNKNOWN, password, None).await.is_err() {
            return fail(NAME, "a password could not be hashed", "see the log");
        }
        took = took.min(started.elapsed());
        if took <= *EXPECTED.end() {
            break;
        }
    }
    judge(took, settings.bcrypt_cost.get())
}

fn judge(took: Duration, cost: u32) -> Finding {
    let found = format!("a failed sign-in takes {} (bcrypt, cost {cost}, and scrypt)", millis(took));
    if took < *EXPECTED.start() {
        warn(NAME, found, "raise passwords.bcrypt_cost: each step doubles the time of a guess")
    } else if took > *EXPECTED.end() {
        warn(NAME, found, "lower passwords.bcrypt_cost: each step halves the time of a sign-in")
    } else {
        ok(NAME, found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Outcome;
    use super::*;

    #[test]
    fn a_hash_is_neither_too_fast_nor_too_slow() {
        for (millis, outcome) in [
            (49, Outcome::Warning),
            (50, Outcome::Ok),
            (350, Outcome::Ok),
            (1000, Outcome::Ok),
            (1001, Outcome::Warning),
        ] {
            assert_eq!(judge(Duration::from_millis(millis), 12).outcome, outcome, "{millis}");
        }
    }
}
