//! The claims of a token (RFC 7519, section 4), read strictly and judged by the injected clock.

use std::time::Duration;

use taskbridge_domain::ports::Claims;
use taskbridge_domain::{Timestamp, UserId};

use super::header::{object, present};
use super::verifier::{Check, Rejection};

/// What the claims of an acceptable token must say.
#[derive(Debug, Clone)]
pub struct ExpectedClaims {
    /// `iss` must be exactly one of these.
    pub issuers: Vec<String>,
    /// `aud` must be one of these, or a list that holds one.
    pub audiences: Vec<String>,
    /// Whether a token must have `iss` and `aud` at all.
    pub are_required: bool,
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
    fn as_slice(&self) -> &[String] {
        match self {
            Self::One(only) => std::slice::from_ref(only),
            Self::Many(all) => all,
        }
    }
}

impl ExpectedClaims {
    /// Judges a decoded payload segment, whose signature has been verified. Each check that is passed is added.
    pub(super) fn check(&self, json: &[u8], now: Timestamp, passed: &mut Vec<Check>) -> Result<Claims, Rejection> {
        let Payload { sub, exp, nbf, iss, aud } = object(json).ok_or(Rejection::Malformed("claims"))?;
        let leeway = self.leeway.as_secs_f64();
        let now = seconds(now);
        passed.push(Check::Claims);
        if now >= exp.ok_or(Rejection::Missing("exp"))? + leeway {
            return Err(Rejection::Expired);
        }
        passed.push(Check::Expiry);
        if nbf.is_some_and(|nbf| now < nbf - leeway) {
            return Err(Rejection::NotYetValid);
        }
        passed.push(Check::NotBefore);
        match iss {
            Some(iss) if !self.issuers.contains(&iss) => return Err(Rejection::issuer(&iss, &self.issuers)),
            None if self.are_required => return Err(Rejection::Missing("iss")),
            _ => passed.push(Check::Issuer),
        }
        match aud.as_ref().map(Audience::as_slice) {
            Some(aud) if !aud.iter().any(|one| self.audiences.contains(one)) => {
                return Err(Rejection::audience(aud, &self.audiences));
            }
            None if self.are_required => return Err(Rejection::Missing("aud")),
            _ => passed.push(Check::Audience),
        }
        let subject = UserId::parse(sub.ok_or(Rejection::Missing("sub"))?).ok_or(Rejection::Missing("sub"))?;
        passed.push(Check::Subject);
        Ok(Claims { subject })
    }
}

/// Seconds since 1970 with their fraction, the way `NumericDate` counts.
#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in 53 bits for 285,000 years")]
fn seconds(moment: Timestamp) -> f64 {
    moment.datetime().timestamp_millis() as f64 / 1000.0
}
