//! The claims of a token (RFC 7519, section 4), read strictly and judged by the injected clock.

use std::time::Duration;

use taskbridge_domain::ports::Claims;
use taskbridge_domain::{Timestamp, UserId};

use super::header::{object, present};
use super::verifier::Rejection;

/// What the claims of an acceptable token must say.
#[derive(Debug, Clone)]
pub struct ExpectedClaims {
    /// `iss` must be exactly this.
    pub issuer: String,
    /// `aud` must be this, or a list that holds it.
    pub audience: String,
    /// How far the clocks of issuer and verifier may be apart.
    pub leeway: Duration,
}

/// The claims as they stand in the token. `iat` is not looked at: it says nothing about validity, and a clock that
/// runs ahead at the issuer is no attack.
#[derive(serde::Deserialize)]
struct Payload {
    #[serde(default, deserialize_with = "present")]
    sub: Option<String>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Audience>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn holds(&self, audience: &str) -> bool {
        match self {
            Self::One(only) => only == audience,
            Self::Many(all) => all.iter().any(|one| one == audience),
        }
    }
}

impl ExpectedClaims {
    /// Judges a decoded payload segment, whose signature has been verified.
    pub(super) fn check(&self, json: &[u8], now: Timestamp) -> Result<Claims, Rejection> {
        let Payload { sub, exp, nbf, iss, aud } = object(json).ok_or(Rejection::Malformed("claims"))?;
        let leeway = self.leeway.as_secs_f64();
        let now = seconds(now);
        if now >= exp.ok_or(Rejection::Missing("exp"))? + leeway {
            return Err(Rejection::Expired);
        }
        if nbf.is_some_and(|nbf| now < nbf - leeway) {
            return Err(Rejection::NotYetValid);
        }
        if iss.ok_or(Rejection::Missing("iss"))? != self.issuer {
            return Err(Rejection::Issuer);
        }
        if !aud.ok_or(Rejection::Missing("aud"))?.holds(&self.audience) {
            return Err(Rejection::Audience);
        }
        let subject = UserId::parse(sub.ok_or(Rejection::Missing("sub"))?).ok_or(Rejection::Missing("sub"))?;
        Ok(Claims { subject })
    }
}

/// Seconds since 1970 with their fraction, the way `NumericDate` counts.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in 53 bits for 285,000 years")]
fn seconds(moment: Timestamp) -> f64 {
    moment.datetime().timestamp_millis() as f64 / 1000.0
}
