//! Implementations of the domain's ports, one module per technology.
//!
//! | port | adapter |
//! | --- | --- |
//! | `AuthPort` | [`jwt::JwtVerifier`] |
//! | `TokenIssuer` | [`jwt::JwtIssuer`] |
//! | `TaskRepo` | [`database::SeaTaskRepo`], [`memory::InMemoryTaskRepo`] |
//! | `IdentityRepo` | [`database::SeaIdentityRepo`] |
//! | `SessionRepo` | [`database::SeaSessionRepo`] |
//! | `StoreProbe` | [`database::Store`] |
//! | `RateLimiter` | [`limiter::InMemoryRateLimiter`], [`database::SeaRateLimiter`] |
//! | `PasswordHasher` | [`passwords::Hasher`] |
//! | `Clock` | [`clock::SystemClock`] |
//! | `IdGenerator` | [`ids::SecureIds`] |
//!
//! This crate knows no HTTP handler and reads no setting: each adapter takes a small plain value of its own. What
//! belongs to one technology (rows, drivers, key types) never shows outside of its module.
//!
//! # To add an adapter
//!
//! 1. A module that implements the port; [`memory`] is the worked example.
//! 2. Three lines in `tests/contract/main.rs`, which run the port's contract suite on it.
//! 3. One arm in the server's `compose.rs`.

pub mod clock;
pub mod database;
mod hashing;
mod hex;
pub mod ids;
pub mod jwt;
pub mod limiter;
pub mod memory;
pub mod passwords;

pub use hashing::HashingLoad;
