//! `taskbridge token explain`: shows what a token contains, whether the server accepts it, and what to change.
//!
//! The same verifier as in the server decides whether the token is accepted. The advice only interprets the unverified
//! contents of the token.

mod advice;
mod time;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use taskbridge_adapters::jwt::{VerificationReport, VerificationStep};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{AuthError, Clock};

use self::advice::Token;
use self::time::{relative, seconds};
use crate::compose::{self, SystemClock};
use crate::settings::{AuthMode, Settings};

/// The contents of a token and the result of its verification.
pub(crate) struct Explanation {
    header: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
    report: VerificationReport,
    now: Timestamp,
    /// Advice for the developer. Empty if the token is accepted.
    advice: String,
    /// Path of the user's tasks, with the placeholder `{sub}` for the user id.
    tasks: String,
}

impl Explanation {
    /// Returns `true` if the server accepts the token.
    pub(crate) fn is_accepted(&self) -> bool {
        self.report.result.is_ok()
    }
}

/// Removes surrounding white space and the prefix `Authorization: Bearer`, or either part of it, from a pasted token.
pub(crate) fn strip_prefixes(pasted: &str) -> &str {
    let mut text = pasted.trim();
    for prefix in ["authorization:", "bearer "] {
        if text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            text = text[prefix.len()..].trim_start();
        }
    }
    text
}

/// Verifies the token as the server does, and explains the result.
pub(crate) async fn explain(token: &str, settings: &Settings, mode: &AuthMode) -> Explanation {
    // The verification of a token that is signed with the shared secret (HS256) does not need the keys in the database,
    // so they are not read.
    let is_hs256 = json(token, 0).is_some_and(|header| header.get("alg").is_some_and(|alg| alg == "HS256"));
    let requires_issuer = settings.jwt.requires_issuer(mode.name());
    let verifier = async |requires| compose::verifier_for_command(mode, settings, !is_hs256, requires).await;
    let report = verifier(requires_issuer).await.explain(token).await;
    let needs_no_issuer =
        is_hs256 && report.result.is_err() && verifier(false).await.explain(token).await.result.is_ok();
    let now = SystemClock.now();
    let [header, claims] = [0, 1].map(|segment| json(token, segment));
    let (header_ref, claims_ref) = (header.as_ref(), claims.as_ref());
    let keys = &report.keys;
    let read = Token { text: token, header: header_ref, claims: claims_ref, keys, mode, now, needs_no_issuer };
    let advice = report.result.as_ref().err().map_or_else(String::new, |error| read.advice(error));
    let tasks = format!("{}/{{sub}}/tasks", settings.tasks.prefix);
    Explanation { header, claims, report, now, advice, tasks }
}

/// Decodes a segment of the token. Returns `None` if it is not a JSON object. This function is less strict than the
/// verifier, so that more of an invalid token can be shown.
fn json(token: &str, segment: usize) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(segment)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "Header", self.header.as_ref(), |_, _| None)?;
        section(f, "Claims", self.claims.as_ref(), |name, value| meaning(name, value, self.now))?;
        writeln!(f, "Available keys")?;
        for key in &self.report.keys {
            writeln!(f, "  {key}")?;
        }
        writeln!(f, "Checks")?;
        let reached = self.report.passed.len();
        for (place, check) in VerificationStep::ALL.into_iter().enumerate() {
            let mark = match place {
                _ if place < reached => "ok  ",
                _ if place == reached => "FAIL",
                _ => "-   ",
            };
            writeln!(f, "  {mark} {}", description(check))?;
        }
        match &self.report.result {
            Ok(claims) => {
                write!(f, "Accepted: the user is {:?}, with tasks at {}", claims.subject.as_str(), self.tasks)
            }
            Err(AuthError::Rejected(cause)) => write!(f, "Rejected (401): {cause}\nAdvice: {}", self.advice),
            Err(AuthError::Unavailable(cause)) => {
                write!(f, "Cannot be verified now (503): {cause}\nAdvice: {}", self.advice)
            }
        }
    }
}

fn section(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    members: Option<&Map<String, Value>>,
    meaning: impl Fn(&str, &Value) -> Option<String>,
) -> fmt::Result {
    let Some(members) = members else { return writeln!(f, "{title}: cannot be read") };
    writeln!(f, "{title}")?;
    for (name, value) in members {
        let meaning = meaning(name, value).map_or_else(String::new, |meaning| format!(" ({meaning})"));
        writeln!(f, "  {name:<10} {value}{meaning}")?;
    }
    Ok(())
}

/// Returns the meaning of the claim `name` with this value, or `None` if Taskbridge does not interpret this claim.
fn meaning(name: &str, value: &Value, now: Timestamp) -> Option<String> {
    match name {
        "sub" => Some("the user".into()),
        "iss" => Some("the issuer".into()),
        "aud" => Some("the audience".into()),
        "exp" | "nbf" | "iat" => {
            let seconds = seconds(value)?;
            // As seconds since 1970, this limit is in the year 5138; as milliseconds, it is in 1973. A larger number is
            // therefore probably in milliseconds.
            if seconds > 100_000_000_000 {
                return Some("far in the future, perhaps in milliseconds; the unit must be seconds".into());
            }
            let moment = Timestamp::from_unix_seconds(seconds)?;
            Some(format!("{moment}, {}", relative(now, seconds)))
        }
        _ => None,
    }
}

fn description(check: VerificationStep) -> &'static str {
    match check {
        VerificationStep::Format => "the token has three segments, separated by dots, and is not too long",
        VerificationStep::Header => "the header is a JSON object with supported parameters",
        VerificationStep::Algorithm => "the algorithm is enabled",
        VerificationStep::Key => "there is a trusted key for the token",
        VerificationStep::Signature => "the key verifies the signature",
        VerificationStep::Claims => "the claims are a JSON object with values of the right types",
        VerificationStep::Expiry => "exp exists and has not passed",
        VerificationStep::NotBefore => "nbf has passed or does not exist",
        VerificationStep::Issuer => "iss is a trusted issuer",
        VerificationStep::Audience => "aud includes this API",
        VerificationStep::Subject => "sub identifies a user",
    }
}
