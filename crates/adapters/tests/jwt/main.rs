//! Tests of verifying and issuing access tokens.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod claims;
mod hs256;
mod key_sets;
mod remote_jwks;
mod stored_keys;
mod support;
