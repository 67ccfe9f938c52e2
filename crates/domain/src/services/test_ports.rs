//! Mocked ports for the tests of the services for accounts.

use std::sync::Arc;

use super::{AccountContext, AccountPolicy};
use crate::ports::{
    Credential, MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockRateLimiter, MockSessionRepo,
};
use crate::sessions::SessionPolicy;
use crate::testing::fixtures::{clock_at, counting_ids, identity_repo, moment, session_repo, user};
use crate::time::Timestamp;
use crate::users::PasswordHash;

pub(super) const POLICY: AccountPolicy = AccountPolicy {
    allow_sign_up: true,
    allow_deletion: true,
    require_email_verification: false,
    rehash: false,
    sessions: SessionPolicy::DEFAULT,
};

/// Returns the user `ann` with this stored hash.
pub(super) fn credential(stored: &str) -> Credential {
    Credential { user: user("ann"), password: Some(PasswordHash::new(stored.into())) }
}

/// The mocked ports of one test. A call that the test does not expect panics.
pub(super) struct Ports {
    pub(super) identity: MockIdentityRepo,
    pub(super) sessions: MockSessionRepo,
    pub(super) hasher: MockPasswordHasher,
    pub(super) limiter: Option<MockRateLimiter>,
    ids: MockIdGenerator,
    clock: MockClock,
}

impl Ports {
    pub(super) fn new() -> Self {
        Self::at(moment())
    }

    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            identity: identity_repo(),
            sessions: session_repo(),
            hasher: MockPasswordHasher::new(),
            limiter: None,
            ids: counting_ids(),
            clock: clock_at(now),
        }
    }

    pub(super) fn context(self, policy: AccountPolicy) -> AccountContext {
        let Self { identity, sessions, hasher, limiter, ids, clock } = self;
        AccountContext {
            identity: Arc::new(identity),
            sessions: Arc::new(sessions),
            hasher: Arc::new(hasher),
            limiter: limiter.map(|limiter| Arc::new(limiter) as _),
            ids: Arc::new(ids),
            clock: Arc::new(clock),
            policy,
        }
    }
}
