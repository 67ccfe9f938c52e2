//! `taskbridge token explain`: shows what a token contains, whether the server accepts it, and what to change.
//!
//! The server's code reads the header and verifies the token, so that both always agree. The advice only interprets the
//! unverified contents of the token.

mod advice;
mod pasted;
mod time;

use std::cmp::Ordering;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use taskbridge_adapters::jwt::{Rejection, VerificationReport, VerificationStep};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{AuthError, Clock};

use self::advice::Token;
use self::pasted::{Pasted, Refusal};
use self::time::{relative, seconds};
use crate::compose::{self, SystemClock};
use crate::settings::{AuthMode, Settings};

/// The result of explaining a pasted text.
pub(crate) struct Explanation {
    /// A description of the text that was pasted.
    input: &'static str,
    verdict: Verdict,
}

enum Verdict {
    /// The server does not verify the token of such a header. Holds the reason and advice.
    NotVerified(Refusal, String),
    Verified(Verification),
}

/// The contents of a token and the result of its verification.
struct Verification {
    header: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
    report: VerificationReport,
    now: Timestamp,
    /// Advice for the developer. Empty if the token is accepted.
    advice: String,
    /// `true` if the token is accepted, but the database of the auth server has no such user.
    is_unknown_user: bool,
    /// Path of the user's tasks, with the placeholder `{sub}` for the user id.
    tasks: String,
}

impl Explanation {
    /// Returns `true` if the server accepts the token.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&self.verdict, Verdict::Verified(verification) if verification.report.result.is_ok())
    }
}

/// Judges the pasted text as the server judges the headers of a request, and explains the result. The text is a token,
/// a header, or a request or command that contains a header.
///
/// # Errors
/// Returns an error if the pattern that finds headers is invalid.
pub(crate) async fn explain(text: &str, settings: &Settings, mode: &AuthMode) -> Result<Explanation, regex::Error> {
    let text = pasted::plain(text)?;
    let pasted = Pasted::parse(&text);
    let verdict = match pasted.token() {
        Ok(token) => Verdict::Verified(verify(&token, settings, mode).await),
        Err(refusal) => {
            let advice = pasted.advice(&refusal);
            Verdict::NotVerified(refusal, advice)
        }
    };
    Ok(Explanation { input: pasted.description(), verdict })
}

/// Verifies the token as the server does, and explains the result.
async fn verify(token: &str, settings: &Settings, mode: &AuthMode) -> Verification {
    // The verification of a token that is signed with the shared secret (HS256) does not need the keys in the database,
    // so they are not read.
    let is_hs256 = json(token, 0).is_some_and(|header| header.get("alg").is_some_and(|alg| alg == "HS256"));
    let requires_issuer = settings.jwt.requires_issuer(mode.name());
    let verifier = async |requires| compose::verifier_for_command(mode, settings, is_hs256, requires).await;
    let report = verifier(requires_issuer).await.explain(token).await;
    let needs_no_issuer =
        is_hs256 && report.result.is_err() && verifier(false).await.explain(token).await.result.is_ok();
    let [header, claims] = [0, 1].map(|segment| json(token, segment));
    let now = SystemClock.now();
    let advice_on = |report: &VerificationReport| {
        let (header, claims, keys) = (header.as_ref(), claims.as_ref(), report.keys.as_slice());
        let token = Token { text: token, header, claims, keys, mode, now, needs_no_issuer };
        report.result.as_ref().err().map_or_else(String::new, |error| token.advice(error))
    };
    let mut advice = advice_on(&report);
    if is_too_long(&report) {
        let unlimited = verifier(requires_issuer).await.with_max_bytes(usize::MAX).explain(token).await;
        let verdict = match &unlimited.result {
            Ok(_) => ", it would be accepted".to_owned(),
            Err(AuthError::Rejected(_, cause) | AuthError::Unavailable(cause)) => {
                format!(": {cause}; {}", advice_on(&unlimited))
            }
        };
        advice = format!("{advice}; without this limit{verdict}");
    }
    let is_unknown_user = match (&report.result, mode) {
        (Ok(claims), AuthMode::Server(_)) => compose::is_unknown_user(settings, &claims.subject).await,
        _ => false,
    };
    let tasks = format!("{}/{{sub}}/tasks", settings.tasks.prefix);
    Verification { header, claims, report, now, advice, is_unknown_user, tasks }
}

fn is_too_long(report: &VerificationReport) -> bool {
    let Err(AuthError::Rejected(_, cause)) = &report.result else { return false };
    matches!(cause.downcast_ref(), Some(Rejection::TooLong { .. }))
}

/// Decodes a segment of the token. Returns `None` if it is not a JSON object. This function is less strict than the
/// verifier, so that more of an invalid token can be shown.
fn json(token: &str, segment: usize) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(segment)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Input: {}", self.input)?;
        match &self.verdict {
            Verdict::Verified(verification) => verification.fmt(f),
            Verdict::NotVerified(refusal, advice) => {
                match refusal.status() {
                    Some(status) => write!(f, "Rejected ({status})")?,
                    None => write!(f, "Not judged")?,
                }
                write!(f, ": {refusal}\nAdvice: {advice}")
            }
        }
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "Header", self.header.as_ref(), |_, _| None)?;
        section(f, "Claims", self.claims.as_ref(), |name, value| meaning(name, value, self.now))?;
        writeln!(f, "Available keys")?;
        for key in &self.report.keys {
            writeln!(f, "  {key}")?;
        }
        writeln!(f, "Checks")?;
        let reached = self.report.passed.len();
        let is_absent = |claim: &str| self.claims.as_ref().is_some_and(|claims| !claims.contains_key(claim));
        for (place, check) in VerificationStep::ALL.into_iter().enumerate() {
            let (mark, text) = match place.cmp(&reached) {
                Ordering::Less => {
                    ("ok  ", absent(check, is_absent).map(|claim| format!("{claim} is absent and not required")))
                }
                Ordering::Equal => ("FAIL", absent(check, is_absent).map(|claim| format!("{claim} is absent"))),
                Ordering::Greater => ("-   ", None),
            };
            writeln!(f, "  {mark} {}", text.as_deref().unwrap_or(description(check)))?;
        }
        match &self.report.result {
            Ok(claims) => {
                write!(f, "Accepted: the user is {:?}, with tasks at {}", claims.subject.as_str(), self.tasks)?;
                if self.is_unknown_user {
                    write!(
                        f,
                        "\nNote: the database has no such user, so requests that create tasks are rejected (401)"
                    )?;
                }
                Ok(())
            }
            Err(AuthError::Rejected(_, cause)) => write!(f, "Rejected (401): {cause}\nAdvice: {}", self.advice),
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
        writeln!(f, "  {:<10} {}{meaning}", printable(name), printable(&value.to_string()))?;
    }
    Ok(())
}

/// Cuts a long text and escapes control characters, because the contents of a token can be those of an attacker.
fn printable(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let mut line = String::new();
    for character in text.chars().take(MAX_CHARS) {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    let length = text.chars().count();
    if length > MAX_CHARS { format!("{line}… ({length} characters)") } else { line }
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

/// Returns the claim that the check needs, if the token does not have it.
fn absent(check: VerificationStep, is_absent: impl Fn(&str) -> bool) -> Option<&'static str> {
    let claim = match check {
        VerificationStep::Expiry => "exp",
        VerificationStep::Issuer => "iss",
        VerificationStep::Audience => "aud",
        VerificationStep::Subject => "sub",
        _ => return None,
    };
    is_absent(claim).then_some(claim)
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
