//! The traits through which the services use databases, signing keys, the clock and random numbers.
//!
//! The documentation of each trait is a contract. The suites in `testing/contract` test whether an implementation
//! fulfills it.

mod auth;
mod clock;
mod identity;
mod ids;
mod owned;
mod passwords;
mod rate_limiter;
mod sessions;
mod store;
mod tasks;
mod user_admin;

pub use auth::{AuthError, AuthPort, Claims, PublicKey, RejectionKind, SigningError, TokenIssuer};
pub use clock::Clock;
pub use identity::{Credential, IdentityRepo, PasswordChange, RegisterError, Registration, RegistrationIds};
pub use ids::IdGenerator;
pub use owned::{CreateError, OwnedRepo};
pub use passwords::{HashError, PasswordHasher};
pub use rate_limiter::RateLimiter;
pub use sessions::SessionRepo;
pub use store::{StoreError, StoreProbe};
pub use tasks::TaskRepo;
pub use user_admin::{BanError, NewBan, PasswordReset, UserAdminRepo, UserTotals};

#[cfg(any(test, feature = "testing"))]
pub use {
    auth::{MockAuthPort, MockTokenIssuer},
    clock::MockClock,
    identity::MockIdentityRepo,
    ids::MockIdGenerator,
    owned::MockOwnedRepo,
    passwords::MockPasswordHasher,
    rate_limiter::MockRateLimiter,
    sessions::MockSessionRepo,
    store::MockStoreProbe,
    tasks::MockTaskRepo,
    user_admin::MockUserAdminRepo,
};
