//! `taskbridge token explain`: what is in a token, what the server says of it, and what to change.
//!
//! The verdict is the server's own: the same verifier, from the same settings. What is added here is only said to the
//! person who asks; nothing of it lets anybody in.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::jwt::{
    InvalidJwks, JwksUnavailable, JwtVerifier, KeySource, Rejection, UnavailableKeys, UnexpectedStatus,
    VerificationReport, VerificationStep, diagnose_secret_mismatch,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{AuthError, Clock};

use crate::settings::{AuthMode, AuthSettings, BridgeMode, DatabaseSettings, Settings};
use crate::{compose, doctor};

/// Everything there is to say about a token.
pub(crate) struct Explanation {
    header: Option<Map<String, Value>>,
    claims: Option<Map<String, Value>>,
    report: VerificationReport,
    now: Timestamp,
    /// What to change; empty when the token is accepted.
    advice: String,
    /// Where the tasks of its user are.
    tasks: String,
}

impl Explanation {
    /// Whether the server accepts the token.
    pub(crate) fn is_accepted(&self) -> bool {
        self.report.result.is_ok()
    }
}

/// The token in what somebody pasted: without the name of the header, the word Bearer and blanks around it.
pub(crate) fn token_in(pasted: &str) -> &str {
    let mut text = pasted.trim();
    for prefix in ["authorization:", "bearer "] {
        if text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            text = text[prefix.len()..].trim_start();
        }
    }
    text
}

/// The server's verifier. The database is looked at for tokens that are not signed with the secret alone.
async fn verifier(token: &str, auth: &AuthSettings, database: &DatabaseSettings, port: u16) -> JwtVerifier {
    let of_secret = json(token, 0).is_some_and(|header| header.get("alg").is_some_and(|alg| alg == "HS256"));
    let table: Option<Arc<dyn KeySource>> = match &auth.mode {
        AuthMode::Server(_) if !of_secret => match doctor::opened(&database.store).await {
            Ok(store) => compose::key_ring(&auth.mode, &store).map(|ring| ring as _),
            Err(error) => Some(Arc::new(UnavailableKeys(format!("the table jwks cannot be read: {error}")))),
        },
        _ => None,
    };
    compose::verifier(auth, &auth.mode.origin(port), table)
}

/// Asks the server's verifier, and explains what it says.
pub(crate) async fn explain(token: &str, settings: &Settings) -> Explanation {
    let Settings { server, tasks, auth, database, .. } = settings;
    let report = verifier(token, auth, database, server.port).await.explain(token).await;
    let now = SystemClock.now();
    let [header, claims] = [0, 1].map(|segment| json(token, segment));
    let seen = Seen { token, header: header.as_ref(), claims: claims.as_ref(), keys: &report.keys, auth, now };
    let advice = report.result.as_ref().err().map_or_else(String::new, |error| seen.advice(error));
    Explanation { header, claims, report, now, advice, tasks: format!("{}/{{sub}}/tasks", tasks.mount.prefix) }
}

/// A segment of the token, if it is a JSON object. Looser than the verifier, which has spoken before.
fn json(token: &str, segment: usize) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(segment)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, "Header", self.header.as_ref(), |_, _| None)?;
        section(f, "Claims", self.claims.as_ref(), |name, value| meaning(name, value, self.now))?;
        writeln!(f, "Keys that were there")?;
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
            writeln!(f, "  {mark} {}", words(check))?;
        }
        match &self.report.result {
            Ok(claims) => {
                let sub = claims.subject.as_str();
                write!(f, "Accepted: it speaks for {sub:?}, whose tasks are at {}", self.tasks)
            }
            Err(AuthError::Rejected(cause)) => write!(f, "Refused (401): {cause}\nTo do: {}", self.advice),
            Err(AuthError::Unavailable(cause)) => write!(f, "Cannot tell (503): {cause}\nTo do: {}", self.advice),
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
        match meaning(name, value) {
            Some(meaning) => writeln!(f, "  {name:<10} {value} ({meaning})")?,
            None => writeln!(f, "  {name:<10} {value}")?,
        }
    }
    Ok(())
}

/// What a claim says, in words.
fn meaning(name: &str, value: &Value, now: Timestamp) -> Option<String> {
    match name {
        "sub" => Some("the user".into()),
        "iss" => Some("who issued it".into()),
        "aud" => Some("whom it is for".into()),
        "exp" | "nbf" | "iat" => {
            let seconds = seconds(value)?;
            // In seconds since 1970 this is the year 5138; in milliseconds it is 1973.
            if seconds > 100_000_000_000 {
                return Some("far in the future: are these milliseconds? It must be seconds".into());
            }
            let moment = Timestamp::from_unix_seconds(seconds)?;
            Some(format!("{moment}, {}", from(now, seconds)))
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds will do")]
fn seconds(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| seconds as i64)
}

/// How far a moment is from now.
fn from(now: Timestamp, seconds: i64) -> String {
    let distance = seconds.saturating_sub(now.unix_seconds());
    let (amount, unit) = match distance.unsigned_abs() {
        seconds @ 0..120 => (seconds, "seconds"),
        seconds @ 120..7200 => (seconds / 60, "minutes"),
        seconds @ 7200..172_800 => (seconds / 3600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    if distance < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}

fn words(check: VerificationStep) -> &'static str {
    match check {
        VerificationStep::Format => "three segments with dots between them, not too long",
        VerificationStep::Header => "the header is a JSON object that may be looked at",
        VerificationStep::Algorithm => "its algorithm is enabled",
        VerificationStep::Key => "there is a trusted key for it",
        VerificationStep::Signature => "it was signed with that key",
        VerificationStep::Claims => "the claims are a JSON object of the right types",
        VerificationStep::Expiry => "exp is there and has not passed",
        VerificationStep::NotBefore => "nbf has passed, if there is one",
        VerificationStep::Issuer => "iss is the issuer that is trusted",
        VerificationStep::Audience => "aud is this API",
        VerificationStep::Subject => "sub names a user",
    }
}

/// A token as far as it can be read, and what the server expects.
struct Seen<'a> {
    token: &'a str,
    header: Option<&'a Map<String, Value>>,
    claims: Option<&'a Map<String, Value>>,
    /// A line for each key there was.
    keys: &'a [String],
    auth: &'a AuthSettings,
    now: Timestamp,
}

const GET_A_JWT: &str = "get a JWT with authClient.token() (jwtClient) or from /api/auth/token, and send that as `Authorization: Bearer <JWT>`";

impl Seen<'_> {
    /// The one thing to change.
    fn advice(&self, error: &AuthError) -> String {
        let cause = match error {
            AuthError::Rejected(cause) => cause,
            AuthError::Unavailable(cause) => return unavailable(cause.downcast_ref()),
        };
        match cause.downcast_ref::<Rejection>() {
            Some(Rejection::TooLong { .. }) => {
                "put less into the token (definePayload of the JWT plugin), or raise jwt.max_bytes".into()
            }
            Some(Rejection::Malformed("claims")) => self.malformed_claims(),
            Some(Rejection::Malformed("header")) => self.malformed_header(),
            Some(Rejection::Malformed(_)) => self.malformed(),
            Some(Rejection::CriticalHeader) => "sign without the header crit: nothing here knows its extensions".into(),
            Some(Rejection::SessionCache) => {
                format!("this is the cookie in which Better Auth caches a session, not an API token; {GET_A_JWT}")
            }
            Some(Rejection::Algorithm { found, .. }) => self.algorithm(found),
            Some(Rejection::NoKey) => self.no_key(),
            Some(Rejection::Signature) => self.signature(),
            Some(Rejection::Missing(claim)) => self.missing(claim),
            Some(Rejection::Expired) => self.expired(),
            Some(Rejection::NotYetValid) => {
                "the clocks of issuer and server differ: set them right, or raise jwt.leeway_seconds".into()
            }
            Some(Rejection::Issuer { accepted, .. }) => {
                self.other_url("iss", accepted, "jwt.issuer", ".setIssuer(baseURL)")
            }
            Some(Rejection::Audience { accepted, .. }) => {
                self.other_url("aud", accepted, "jwt.audience", ".setAudience(baseURL)")
            }
            None => "see the log of the server".into(),
        }
    }

    /// What was sent with it that is no part of it.
    fn wrapping(&self) -> Option<&'static str> {
        let token = self.token;
        if token.starts_with(['{', '[']) {
            Some("this is JSON: send the text in its field `token` alone")
        } else if token.contains(['"', '\'', '`']) {
            Some("quotation marks were sent with it: take the text out of the JSON with response.json() or JSON.parse")
        } else if token.contains(char::is_whitespace) {
            Some("there is white space in it: it was wrapped or put together; send it in one piece")
        } else if token.contains('%') {
            Some("it is percent-encoded, as cookies are: decode it, or rather do not send the value of a cookie")
        } else {
            None
        }
    }

    /// It is no token at all; what is it?
    fn malformed(&self) -> String {
        let token = self.token;
        let is_opaque = |text: &str| text.len() == 32 && text.chars().all(|c| c.is_ascii_alphanumeric());
        match token {
            "" => return "nothing was sent: await the call that gets the token, and see that it gave one".into(),
            "undefined" | "null" | "NaN" | "[object Object]" | "[object Promise]" => {
                return format!(
                    "the client sent the word {token:?}: await the call that gets the token, and take the text out of its answer"
                );
            }
            _ => {}
        }
        if let Some(advice) = self.wrapping() {
            return advice.into();
        }
        let dots = token.matches('.').count();
        if is_opaque(token) {
            return format!(
                "this looks like a session token of Better Auth, which names a session and no user; {GET_A_JWT}"
            );
        }
        if dots == 1 && token.split('.').next().is_some_and(is_opaque) {
            return format!("this looks like the value of a session cookie; {GET_A_JWT}");
        }
        if dots == 4 {
            return format!("it is encrypted (JWE), as Better Auth's cookie cache can be; {GET_A_JWT}");
        }
        format!("a JWT has three segments and two dots, this has {dots}: it was cut, or is something else; {GET_A_JWT}")
    }

    fn malformed_header(&self) -> String {
        let first = self.token.split('.').next().unwrap_or_default();
        if let Some(advice) = self.wrapping() {
            advice.into()
        } else if first.contains(['+', '/', '=']) {
            "it is in base64, not in base64url without padding (RFC 7515, section 2): sign it with a JWT library".into()
        } else if self.header.is_some_and(|header| !header.get("alg").is_some_and(Value::is_string)) {
            "the header has no alg of text: sign it with a JWT library".into()
        } else {
            "the first segment is no JSON object in base64url: it was cut or changed, or is no JWT".into()
        }
    }

    fn malformed_claims(&self) -> String {
        let Some(claims) = self.claims else {
            return "the second segment is no JSON object in base64url: sign it with a JWT library".into();
        };
        let is_audience =
            |value: &Value| value.is_string() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let wrong = claims.iter().find_map(|(name, value)| match name.as_str() {
            "exp" | "nbf" if !value.is_number() => Some((name, value, "a number of seconds")),
            "sub" | "iss" if !value.is_string() => Some((name, value, "text")),
            "aud" if !is_audience(value) => Some((name, value, "text, or a list of texts")),
            _ => None,
        });
        match wrong {
            Some((name, value, right)) => format!("{name} is {value}; it must be {right}"),
            None => "a claim is there twice or is no valid text: sign it with a JWT library".into(),
        }
    }

    fn algorithm(&self, found: &str) -> String {
        match found {
            "HS256" if matches!(self.auth.mode, AuthMode::Server(_)) => {
                "this server signs with keys and accepts their tokens alone: sign in again for a new token, or set \
                jwt.accept_hs256"
                    .into()
            }
            "HS256" => "set BETTER_AUTH_SECRET here to the secret it was signed with".into(),
            "none" | "None" | "NONE" => "it is not signed at all: let Better Auth's JWT plugin make it".into(),
            "EdDSA" | "Ed25519" | "ES256" | "RS256" | "PS256" => {
                "leave JWKS_URL=off away, so that the keys that Better Auth publishes are asked for".into()
            }
            "HS384" | "HS512" => "sign it with HS256: .setProtectedHeader({ alg: \"HS256\" })".into(),
            _ => "choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig: { alg: \"EdDSA\" } } })"
                .into(),
        }
    }

    fn no_key(&self) -> String {
        let kid = self.header.and_then(|header| header.get("kid")).and_then(Value::as_str);
        if self.keys.iter().all(|key| key.starts_with("no key")) {
            return "the issuer publishes no key that can be used: choose EdDSA, ES256, RS256 or PS256 in the JWT plugin of \
                the app, and see that JWKS_URL, if it is given, is that app"
                .into();
        }
        let known = kid.and_then(|kid| self.keys.iter().find(|key| key.contains(&format!(", kid {kid:?},"))));
        if let Some(key) = known {
            return format!(
                "the key of that kid is another: {key}. The header of the token was changed, or it was made by hand: send \
                the one that Better Auth gave out, as it is"
            );
        }
        if let AuthMode::Bridge(BridgeMode { issuers, .. }) = &self.auth.mode
            && let Some(iss) = self.claims.and_then(|claims| claims.get("iss")).and_then(Value::as_str)
            && !issuers.iter().any(|issuer| issuer == iss)
        {
            return format!(
                "the token says that it is of {iss:?}, and {} is trusted here: send a token of that app, or set \
                BETTER_AUTH_URL to the one it came from",
                issuers.join(", ")
            );
        }
        let Some(kid) = kid else {
            return "the token names no kid, and no single key of its algorithm verifies it: the key was replaced, or the token \
                was changed; sign in again"
                .into();
        };
        let kid = format!("of kid {kid:?}");
        if let AuthMode::Server(_) = self.auth.mode {
            return format!(
                "there is no key {kid} in the table jwks of this database: if the Better Auth of an app made it, set \
                AUTH_MODE=bridge and BETTER_AUTH_URL to that app; if it was withdrawn, sign in again"
            );
        }
        format!(
            "the issuer publishes no key {kid}: the token is of another Better Auth (another database or environment), or \
            its key was withdrawn; sign in again, and see that JWKS_URL, if it is given, is the app it came from"
        )
    }

    fn signature(&self) -> String {
        if let Some(advice) = self.wrapping() {
            return advice.into();
        }
        let secret = match &self.auth.mode {
            AuthMode::Server(mode) => Some(mode.secrets.current()),
            AuthMode::Bridge(mode) => mode.secret.as_ref(),
        };
        let alg = self.header.and_then(|header| header.get("alg")).and_then(Value::as_str);
        match (alg, secret.and_then(|secret| diagnose_secret_mismatch(self.token, secret))) {
            (Some("HS256"), Some(how)) => format!(
                "it was signed with {how}: BETTER_AUTH_SECRET must be the same text on both sides, to the character"
            ),
            (Some("HS256"), None) => {
                "it was signed with another secret, or changed afterwards: BETTER_AUTH_SECRET must be the same text on both \
                sides"
                    .into()
            }
            _ => "the published key of its kid did not sign it: it was changed afterwards, or is of another Better Auth whose \
                key has the same kid"
                .into(),
        }
    }

    fn missing(&self, claim: &str) -> String {
        let has = |name: &str| self.claims.is_some_and(|claims| claims.contains_key(name));
        if claim == "sub" {
            if has("session") && has("user") {
                return format!(
                    "this is the cookie in which Better Auth caches a session, not an API token; {GET_A_JWT}"
                );
            }
            let other = ["id", "user_id", "userId", "uid", "email"].into_iter().find(|name| has(name));
            return match other {
                Some(other) => {
                    format!("the user is in {other:?}, but identity is `sub`: sign with .setSubject(user.id)")
                }
                None => "sign with .setSubject(user.id); in the JWT plugin see getSubject".into(),
            };
        }
        if has("session") && has("user") {
            return format!("this is the cookie in which Better Auth caches a session, not an API token; {GET_A_JWT}");
        }
        match claim {
            "exp" => "sign with an end: .setExpirationTime(\"15m\")".into(),
            "iss" => "sign with .setIssuer(baseURL); in bridge mode HS256 tokens may do without if jwt.require_issuer is off".into(),
            _ => "sign with .setAudience(baseURL); in bridge mode HS256 tokens may do without if jwt.require_issuer is off".into(),
        }
    }

    fn expired(&self) -> String {
        let time = |name: &str| self.claims.and_then(|claims| claims.get(name)).and_then(seconds);
        let ago = time("exp").map_or_else(String::new, |exp| format!(" {}", from(self.now, exp)));
        if time("iat").is_some_and(|iat| iat > self.now.unix_seconds()) {
            return format!("it expired{ago}, yet was issued in the future: set the clock of this computer right");
        }
        format!("it expired{ago}: get a new one before `exp` (Better Auth's live 15 minutes), and again on a 401")
    }

    /// `iss` or `aud` is another URL than the one expected; often it is meant to be the same.
    fn other_url(&self, claim: &str, accepted: &str, setting: &str, sign_with: &str) -> String {
        let found = self.claims.and_then(|claims| claims.get(claim));
        let texts: Vec<&str> = match found {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(one) => one.as_str().into_iter().collect(),
            None => Vec::new(),
        };
        let hint = match texts.first().copied().unwrap_or_default() {
            text if text.ends_with('/') => " (the slash at its end counts)",
            text if accepted.contains(&text.replacen("http:", "https:", 1))
                || accepted.contains(&text.replacen("https:", "http:", 1)) =>
            {
                " (http and https are two origins)"
            }
            text if text.contains("127.0.0.1") || text.contains("localhost") => {
                " (localhost and 127.0.0.1 are two names, and each port is another)"
            }
            _ => "",
        };
        let is_published = self.header.and_then(|header| header.get("alg")).is_some_and(|alg| alg != "HS256");
        if is_published {
            return format!(
                "BETTER_AUTH_URL must be the same on both sides{hint}: set it here as it is in the app; if the app's JWT \
                plugin is given another {claim} on purpose, set {setting} here to that"
            );
        }
        format!(
            "BETTER_AUTH_URL must be the same on both sides{hint}: set it here to the baseURL that signed, or in bridge mode \
            accept this one in {setting}; who signs by hand writes {sign_with}"
        )
    }
}

/// The one thing to change about the first address that gives no keys.
fn unavailable(cause: Option<&JwksUnavailable>) -> String {
    let Some((address, why)) = cause.and_then(|JwksUnavailable(addresses)| addresses.first()) else {
        return "see the log of the server".into();
    };
    if why.downcast_ref::<InvalidJwks>().is_some() {
        return format!(
            "{address} answers with something else than keys, perhaps a page: let it through in the app's proxy.ts, or set \
            JWKS_URL to the address of the keys"
        );
    }
    match why.downcast_ref() {
        Some(UnexpectedStatus(300..=399)) => format!("{address} leads elsewhere: set JWKS_URL to where it leads"),
        Some(UnexpectedStatus(404)) => format!(
            "there are no keys at {address}: put jwt() among the plugins of the app's Better Auth, or set JWKS_URL to where \
            they are"
        ),
        Some(UnexpectedStatus(500..)) => format!(
            "the app fails at {address}: see its log; if the table jwks is missing there, `npx auth@latest migrate` makes it"
        ),
        Some(UnexpectedStatus(_)) => {
            format!("{address} is not open to everybody: let it through in the app or before it")
        }
        None => format!(
            "nobody answers at {address}: start the app, or set JWKS_URL to where it is reached from here, as containers \
            need"
        ),
    }
}
