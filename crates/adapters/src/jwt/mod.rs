//! JSON Web Tokens (RFC 7519): verified against the keys of trusted issuers, and issued.
//!
//! A token says which key it was made with; it never chooses how it is verified. The path is
//! the header → a [`KeySource`], which holds the one algorithm of each key → the signature → the claims.
//!
//! Keys are the secret shared with Better Auth ([`SecretKey`]), those that it publishes ([`PublishedKeys`]), or those in
//! its table ([`KeyRing`]), which it shares with Taskbridge.
//!
//! # To trust another source of keys
//!
//! Implement [`KeySource`] and hand it to a [`TrustedIssuer`]; nothing else changes.

mod algorithms;
mod claims;
mod fetch;
mod header;
mod inspection;
mod issuer;
mod jwk;
mod key_pair;
mod key_ring;
mod keys;
mod published;
mod sealing;
mod secrets;
mod seen;
mod stored_key;
mod verifier;
mod versioned_secrets;

pub use claims::ExpectedClaims;
pub use fetch::{Authorities, AuthoritiesError, BadStatus, FetchKeys, HttpKeys};
pub use header::Header;
pub use inspection::{KeyInspection, KeySetInspection};
pub use issuer::{JwtIssuer, JwtIssuerConfig, SigningKeys};
pub use jwk::NotAKeySet;
pub use key_pair::SigningAlgorithm;
pub use key_ring::{KeyInfo, KeyRing, KeyRingConfig, KeyUse, NoSigner};
pub use keys::{Fits, KeySource, SecretKey, Unreadable, VerifyingKey};
pub use published::{CannotFetch, Failure, PublishedKeys, PublishedKeysConfig};
pub use sealing::CannotOpen;
pub use secrets::signed_with_a_variant;
pub use stored_key::{SigningKeyRepo, StoredKey, StoredPrivateKey};
pub use verifier::{Check, JwtVerifier, Rejection, Trail, TrustedIssuer};
pub use versioned_secrets::{InvalidSecrets, VersionedSecrets};
