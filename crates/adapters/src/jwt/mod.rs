//! Verifies JSON Web Tokens (RFC 7519) with the keys of trusted issuers, and issues them.
//!
//! A token names the key that signed it, but never chooses how it is verified. The verifier parses the header, gets the
//! key from a [`KeySource`], which binds each key to one algorithm, checks the signature, and then checks the claims.
//!
//! There are three sources of keys: the secret shared with Better Auth ([`SharedSecretKey`]), the keys that Better Auth
//! publishes ([`RemoteJwks`]), and the keys in the table `jwks`, if Taskbridge and Better Auth use the same database
//! ([`StoredKeys`]).
//!
//! # To trust another source of keys
//!
//! Implement [`KeySource`] and pass it to a [`TrustedIssuer`]; nothing else changes.

mod claims;
mod compact;
mod encryption;
mod header;
mod issuer;
mod json;
mod keys;
mod rejection;
mod report;
mod secret_mismatch;
mod sources;
mod verifier;
mod versioned_secrets;

pub use claims::ExpectedClaims;
pub use encryption::DecryptionError;
pub use header::Header;
pub use issuer::{JwtIssuer, JwtIssuerConfig};
pub use keys::algorithm::SigningAlgorithm;
pub use keys::jwk_set::InvalidJwks;
pub use keys::stored_key::{SigningKeyRepo, StoredKey, StoredPrivateKey};
pub use keys::table::{KeyTable, KeyTableConfig, NoSigningKey, StoredKeyInfo, StoredKeyStatus};
pub use keys::verifying_key::{SignatureCheck, VerifyingKey};
pub use rejection::Rejection;
pub use report::{KeyDescription, VerificationReport, VerificationStep};
pub use secret_mismatch::diagnose_secret_mismatch;
pub use sources::KeySource;
pub use sources::fixed::{SharedSecretKey, UnavailableKeys};
pub use sources::inspection::{JwksInspection, JwksKeys};
pub use sources::jwks_client::{
    CertificateAuthorities, CertificateAuthoritiesError, FetchJwks, JwksClient, UnexpectedStatus,
};
pub use sources::remote_jwks::{JwksUnavailable, RemoteJwks, RemoteJwksConfig};
pub use sources::stored_keys::StoredKeys;
pub use verifier::{JwtVerifier, TrustedIssuer};
pub use versioned_secrets::{InvalidSecrets, VersionedSecrets};
