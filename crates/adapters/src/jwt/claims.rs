//! Checks the claims of a token (RFC 7519, section 4), such as its expiry, issuer and audience.

use std::time::Duration;

use taskbridge_domain::ports::Claims;
use taskbridge_domain::{Timestamp, UserId};

use super::json::{object, present};
use super::rejection::{Rejection, quoted};
use super::report::VerificationStep;

/// The values that the claims of a token are compared with.
#[derive(Debug, Clone)]
pub struct ExpectedClaims {
    /// Accepted values of the claim `iss`.
    pub issuers: Vec<String>,
    /// Accepted values of the claim `aud`. If the claim is a list, one accepted entry is enough.
    pub audiences: Vec<String>,
    /// `true` if a token must have both `iss` and `aud`. If `false`, a token may lack them, but one with a wrong value
    /// is still rejected.
    pub require_issuer: bool,
    /// Tolerated difference between the clocks of issuer and verifier.
    pub leeway: Duration,
}

/// The claims of a token that are checked. `iat`, the time of issue, is not: it does not affect validity, and lies in
/// the future if the issuer's clock is ahead.
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
    /// Checks the claims in `json`, the decoded payload of a token whose signature has been verified. Appends each
    /// successful step to `passed`.
    pub(super) fn validate(
        &self,
        json: &[u8],
        now: Timestamp,
        passed: &mut Vec<VerificationStep>,
    ) -> Result<Claims, Rejection> {
        let Payload { sub, exp, nbf, iss, aud } = object(json).ok_or(Rejection::Malformed("claims"))?;
        let leeway = self.leeway.as_secs_f64();
        let now = numeric_date(now);
        passed.push(VerificationStep::Claims);
        if now >= exp.ok_or(Rejection::Missing("exp"))? + leeway {
            return Err(Rejection::Expired);
        }
        passed.push(VerificationStep::Expiry);
        if nbf.is_some_and(|nbf| now < nbf - leeway) {
            return Err(Rejection::NotYetValid);
        }
        passed.push(VerificationStep::NotBefore);
        match iss {
            Some(iss) if !self.issuers.contains(&iss) => {
                return Err(Rejection::Issuer { found: quoted(&[iss]), accepted: quoted(&self.issuers) });
            }
            None if self.require_issuer => return Err(Rejection::Missing("iss")),
            _ => passed.push(VerificationStep::Issuer),
        }
        match aud.as_ref().map(Audience::as_slice) {
            Some(aud) if !aud.iter().any(|one| self.audiences.contains(one)) => {
                return Err(Rejection::Audience { found: quoted(aud), accepted: quoted(&self.audiences) });
            }
            None if self.require_issuer => return Err(Rejection::Missing("aud")),
            _ => passed.push(VerificationStep::Audience),
        }
        let subject = UserId::parse(sub.ok_or(Rejection::Missing("sub"))?).ok_or(Rejection::Missing("sub"))?;
        passed.push(VerificationStep::Subject);
        Ok(Claims { subject })
    }
}

/// Converts `moment` to seconds since 1970 with a fraction, the form of times in claims (`NumericDate` in RFC 7519).
#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in 53 bits for 285,000 years")]
fn numeric_date(moment: Timestamp) -> f64 {
    moment.datetime().timestamp_millis() as f64 / 1000.0
}
