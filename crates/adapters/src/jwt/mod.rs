//! JSON Web Tokens (RFC 7519): verified against the keys of trusted issuers, and issued.
//!
//! A token says which key it was made with; it never chooses how it is verified. The path is
//! the header → a [`KeySource`], which holds the one algorithm of each key → the signature → the claims.
//!
//! # To trust another source of keys
//!
//! Implement [`KeySource`] and hand it to a [`TrustedIssuer`]; nothing else changes.

mod claims;
mod header;
mod issuer;
mod keys;
mod verifier;

pub use claims::ExpectedClaims;
pub use issuer::{JwtIssuer, JwtIssuerConfig};
pub use keys::{KeySource, SecretKey, VerifyingKey};
pub use verifier::{JwtVerifier, Rejection, TrustedIssuer};
