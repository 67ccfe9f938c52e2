//! Verification of tokens.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::ports::{AuthError, AuthPort, Claims, Clock};

use super::claims::ExpectedClaims;
use super::compact::CompactToken;
use super::header::Header;
use super::keys::verifying_key::VerifyingKey;
use super::rejection::Rejection;
use super::report::{VerificationReport, VerificationStep};
use super::sources::KeySource;

/// Default maximum length of a token, in bytes. Better Auth's own tokens have about 500.
const MAX_TOKEN_BYTES: usize = 8192;

/// An issuer whose tokens are accepted.
pub struct TrustedIssuer {
    /// The issuer's keys.
    pub keys: Arc<dyn KeySource>,
    /// The values that the claims of this issuer's tokens are compared with.
    pub expected: ExpectedClaims,
}

/// Verifies the tokens of trusted issuers.
pub struct JwtVerifier {
    issuers: Vec<TrustedIssuer>,
    clock: Arc<dyn Clock>,
    max_bytes: usize,
}

impl JwtVerifier {
    /// Creates a verifier. A token is verified against the first of `issuers` that has a key for it, and against no
    /// other.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, clock, max_bytes: MAX_TOKEN_BYTES }
    }

    /// Sets the maximum length of a token, in bytes. Longer tokens are rejected before any part of them is decoded.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Verifies a token as [`verify`](AuthPort::verify) does, and reports each step.
    pub async fn explain(&self, token: &str) -> VerificationReport {
        let mut passed = Vec::new();
        let result = self.verify_steps(token, &mut passed).await;
        let keys = self.issuers.iter().flat_map(|issuer| issuer.keys.describe()).collect();
        VerificationReport { keys, passed, result }
    }

    async fn verify_steps(&self, token: &str, passed: &mut Vec<VerificationStep>) -> Result<Claims, AuthError> {
        let token = CompactToken::parse(token, self.max_bytes)?;
        passed.push(VerificationStep::Format);
        let header = Header::parse(&token.header()?)?;
        passed.push(VerificationStep::Header);
        let has_algorithm = |issuer: &&TrustedIssuer| issuer.keys.algorithms().contains(&header.alg.as_str());
        let mut issuers = self.issuers.iter().filter(has_algorithm).peekable();
        if issuers.peek().is_none() {
            let found = header.alg.chars().take(16).collect();
            let enabled: Vec<_> = self.issuers.iter().flat_map(|issuer| issuer.keys.algorithms()).copied().collect();
            return Err(Rejection::Algorithm { found, enabled: enabled.join(", ") }.into());
        }
        passed.push(VerificationStep::Algorithm);
        for issuer in issuers {
            let verifies = |key: &VerifyingKey| key.verifies(&token);
            let key = issuer.keys.find_key(&header, &verifies).await.map_err(AuthError::Unavailable)?;
            let Some(key) = key else { continue };
            passed.push(VerificationStep::Key);
            if !key.verifies(&token) {
                return Err(Rejection::Signature.into());
            }
            passed.push(VerificationStep::Signature);
            return Ok(issuer.expected.validate(&token.claims()?, self.clock.now(), passed)?);
        }
        Err(Rejection::NoKey.into())
    }
}

#[async_trait]
impl AuthPort for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        self.verify_steps(token, &mut Vec::new()).await
    }
}
