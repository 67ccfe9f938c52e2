//! Advice about a token that is rejected.

use serde_json::{Map, Value};
use taskbridge_adapters::jwt::{
    InvalidJwks, JwksUnavailable, KeyDescription, Rejection, UnexpectedStatus, diagnose_secret_mismatch,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::AuthError;
use taskbridge_domain::secret::SharedSecret;

use super::time::{relative, seconds};
use crate::settings::{AuthMode, BridgeMode};

const GET_A_JWT: &str = "get a JWT with authClient.token() (jwtClient) or from /api/auth/token, and send it as `Authorization: Bearer <JWT>`";
const SEE_THE_LOG: &str = "see the log of the server";
const SIGN_WITH_A_LIBRARY: &str = "sign it with a JWT library";

/// The readable parts of a rejected token, with the keys and the auth mode of the verifier.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) header: Option<&'a Map<String, Value>>,
    pub(super) claims: Option<&'a Map<String, Value>>,
    /// Descriptions of the keys that the verifier has.
    pub(super) keys: &'a [KeyDescription],
    pub(super) mode: &'a AuthMode,
    pub(super) now: Timestamp,
    /// `true` if the verifier would accept the token if `jwt.require_issuer` were off.
    pub(super) needs_no_issuer: bool,
}

impl Token<'_> {
    /// Returns the most likely remedy for `error`, the reason why the token was not accepted.
    pub(super) fn advice(&self, error: &AuthError) -> String {
        let cause = match error {
            AuthError::Rejected(_, cause) => cause,
            AuthError::Unavailable(cause) => return self.unavailable(cause.downcast_ref()),
        };
        let Some(rejection) = cause.downcast_ref() else { return SEE_THE_LOG.into() };
        match rejection {
            Rejection::TooLong { .. } => self.too_long(),
            Rejection::Malformed("claims") => self.malformed_claims(),
            Rejection::Malformed("header") => self.malformed_header(),
            Rejection::Malformed(_) => self.malformed(),
            Rejection::CriticalHeader => {
                "sign the token without the header crit: Taskbridge supports no extensions of JWS".into()
            }
            Rejection::SessionCache => session_cache(),
            Rejection::Algorithm { found, .. } => self.algorithm(found).into(),
            Rejection::NoKey => self.no_key(),
            Rejection::Signature => self.signature(),
            Rejection::Missing(claim) => self.missing(claim),
            Rejection::Expired => self.expired(),
            Rejection::NotYetValid => {
                "the clocks of issuer and server differ: synchronise them, or raise jwt.leeway_seconds".into()
            }
            Rejection::Issuer { accepted, .. } => self.other_url("iss", accepted),
            Rejection::Audience { accepted, .. } => self.other_url("aud", accepted),
        }
    }

    fn first_segment(&self) -> &str {
        self.text.split('.').next().unwrap_or_default()
    }

    fn header_text(&self, name: &str) -> Option<&str> {
        self.header?.get(name)?.as_str()
    }

    fn claim(&self, name: &str) -> Option<&Value> {
        self.claims?.get(name)
    }

    /// Returns the secret shared with Better Auth, if there is one.
    fn secret(&self) -> Option<&SharedSecret> {
        match self.mode {
            AuthMode::Server(mode) => Some(mode.secrets.current()),
            AuthMode::Bridge(mode) => mode.secret.as_ref(),
        }
    }

    fn too_long(&self) -> String {
        let length = self.text.len();
        let sizes = self.claims.into_iter().flatten().map(|(name, value)| (value.to_string().len(), name));
        let largest = sizes.max().map_or_else(String::new, |(size, name)| format!(", of which {name:?} has {size}"));
        format!(
            "the token has {length} bytes{largest}: make it smaller (definePayload of the JWT plugin), or raise \
             jwt.max_bytes to {length} or more"
        )
    }

    /// Returns advice about characters that are sent with the token but do not belong to it, or `None` if there are
    /// none.
    fn extra_characters(&self) -> Option<&'static str> {
        let text = self.text;
        if text.starts_with(['{', '[']) {
            Some("this is JSON: send only the text of its field `token`")
        } else if text.contains(['"', '\'', '`']) {
            Some("the token contains quotation marks: take the text out of the JSON with response.json() or JSON.parse")
        } else if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
            Some("the word Bearer is sent twice: the client adds it to a text that already has it")
        } else if text.ends_with([',', ';']) {
            Some("the token ends with a comma or semicolon, which does not belong to it")
        } else if text.contains(',') {
            Some("these are several tokens: send one")
        } else if text.contains(char::is_whitespace) {
            Some("the token contains white space: it was wrapped or joined; send it in one piece")
        } else if text.contains('%') {
            Some("the token is percent-encoded, as cookies are: decode it, or do not send the value of a cookie")
        } else if text.starts_with('<') {
            Some("the token is in angle brackets: remove them")
        } else if text.starts_with('$') {
            Some(
                "the client sent the name of a variable: in JavaScript, ${token} needs backticks; in a shell, $TOKEN \
                 needs double quotes",
            )
        } else {
            None
        }
    }

    /// Returns advice about a text that is not a JWT, such as a session token.
    fn malformed(&self) -> String {
        let text = self.text;
        if text.is_empty() {
            return "the token is empty: await the call that gets the token, and check that it returned one".into();
        }
        if ["undefined", "null", "NaN", "[object Object]", "[object Promise]"].contains(&text) {
            return format!(
                "the client sent the word {text:?}: await the call that gets the token, and use the text in its result"
            );
        }
        if let Some(advice) = self.extra_characters() {
            return advice.into();
        }
        let starts_opaque =
            self.first_segment().len() == 32 && self.first_segment().chars().all(|c| c.is_ascii_alphanumeric());
        let found = match text.matches('.').count() {
            0 if starts_opaque => {
                "this looks like a session token of Better Auth, which identifies a session, not a user".into()
            }
            1 if starts_opaque => "this looks like the value of a session cookie".into(),
            4 => "this token is encrypted (JWE), as Better Auth's cookie cache can be".into(),
            dots => {
                format!("a JWT has three segments and two dots, this text has {dots}: it was cut off or is not a JWT")
            }
        };
        format!("{found}; {GET_A_JWT}")
    }

    fn malformed_header(&self) -> String {
        if let Some(advice) = self.extra_characters() {
            advice.into()
        } else if self.first_segment().contains(['+', '/', '=']) {
            format!(
                "the token is base64 instead of base64url without padding (RFC 7515, section 2): {SIGN_WITH_A_LIBRARY}"
            )
        } else if self.header.is_some() && self.header_text("alg").is_none() {
            format!("the header has no alg that is a string: {SIGN_WITH_A_LIBRARY}")
        } else {
            "the first segment is not a JSON object in base64url: it was cut off or changed, or this is not a JWT"
                .into()
        }
    }

    fn malformed_claims(&self) -> String {
        let Some(claims) = self.claims else {
            return format!("the second segment is not a JSON object in base64url: {SIGN_WITH_A_LIBRARY}");
        };
        let is_audience =
            |value: &Value| value.is_string() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        let wrong = claims.iter().find_map(|(name, value)| match name.as_str() {
            "exp" | "nbf" if !value.is_number() => Some((name, value, "a number of seconds")),
            "sub" | "iss" if !value.is_string() => Some((name, value, "a string")),
            "aud" if !is_audience(value) => Some((name, value, "a string or a list of strings")),
            _ => None,
        });
        match wrong {
            Some((name, value, right)) => format!("{name} is {value}; it must be {right}"),
            None => format!("a claim occurs twice or is not valid text: {SIGN_WITH_A_LIBRARY}"),
        }
    }

    fn algorithm(&self, found: &str) -> &'static str {
        match found {
            "HS256" if matches!(self.mode, AuthMode::Server(_)) => {
                "this server signs with key pairs and accepts only their tokens: sign in again for a new token, or set \
                 jwt.accept_hs256"
            }
            "HS256" => "set BETTER_AUTH_SECRET of this server to the secret that signed the token",
            "none" | "None" | "NONE" => "the token is not signed: get it from Better Auth's JWT plugin",
            "EdDSA" | "Ed25519" | "ES256" | "RS256" | "PS256" => {
                "remove JWKS_URL=off, so that the keys that Better Auth publishes are fetched"
            }
            "HS384" | "HS512" => "sign it with HS256: .setProtectedHeader({ alg: \"HS256\" })",
            _ => {
                "choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig: { alg: \"EdDSA\" } } })"
            }
        }
    }

    fn no_key(&self) -> String {
        if self.keys.iter().all(|key| matches!(key, KeyDescription::NoKey(_))) {
            return "the issuer publishes no usable key: choose EdDSA, ES256, RS256 or PS256 in the JWT plugin of the app, and \
                    check that JWKS_URL, if it is set, is an address of that app"
                .into();
        }
        let kid = self.header_text("kid");
        let known = self.keys.iter().find(|key| kid.is_some_and(|kid| key.kid() == Some(kid)));
        if let Some(key) = known {
            return format!(
                "the key with this kid is for another algorithm: {key}. The header of the token was changed, or the token was \
                 not made by Better Auth: send the token that Better Auth issued, unchanged"
            );
        }
        if let AuthMode::Bridge(BridgeMode { issuers, .. }) = self.mode
            && let Some(iss) = self.claim("iss").and_then(Value::as_str)
            && !issuers.iter().any(|issuer| issuer == iss)
        {
            return format!(
                "the issuer of the token is {iss:?}, and this server trusts {}: send a token of that app, or set \
                 BETTER_AUTH_URL to the issuer",
                issuers.join(", ")
            );
        }
        let Some(kid) = kid else {
            return "the token has no kid, and no key of its algorithm verifies it: the key was replaced, or the token was \
                    changed; sign in again"
                .into();
        };
        if let AuthMode::Server(_) = self.mode {
            return format!(
                "the table jwks of this database has no key with the kid {kid:?}: if the Better Auth of an app issued the \
                 token, set AUTH_MODE=bridge and BETTER_AUTH_URL to that app; if the key was withdrawn, sign in again"
            );
        }
        let issuer = if self.claim("iss").is_none() { ", and the token names no issuer (iss)" } else { "" };
        format!(
            "the issuer publishes no key with the kid {kid:?}{issuer}: another Better Auth (another database or environment) \
             issued the token, or its key was withdrawn; sign in again, and check that JWKS_URL, if it is set, is an address \
             of the app that issued the token"
        )
    }

    fn signature(&self) -> String {
        if let Some(advice) = self.extra_characters() {
            return advice.into();
        }
        if self.header_text("alg") != Some("HS256") {
            return "the published key with the kid of the token did not sign it: the token was changed, or another \
                    Better Auth has a key with the same kid"
                .into();
        }
        match self.secret().and_then(|secret| diagnose_secret_mismatch(self.text, secret)) {
            Some(variant) => {
                format!(
                    "the token was signed with {variant}: BETTER_AUTH_SECRET must be exactly the same in Taskbridge \
                     and in the app"
                )
            }
            None => {
                "the token was signed with another secret, or changed afterwards: BETTER_AUTH_SECRET must be the same \
                 in Taskbridge and in the app"
                    .into()
            }
        }
    }

    fn missing(&self, claim: &str) -> String {
        let has = |name: &str| self.claim(name).is_some();
        let other_subject = ["id", "user_id", "userId", "uid", "email"].into_iter().find(|name| has(name));
        match (claim, other_subject) {
            ("sub" | "iss" | "aud" | "exp", _) if has("session") && has("user") => session_cache(),
            ("sub", Some(other)) => {
                format!("the user is in {other:?}, but must be in `sub`: sign with .setSubject(user.id)")
            }
            ("sub", None) => "sign with .setSubject(user.id); in the JWT plugin, see getSubject".into(),
            ("exp", _) => "sign with an expiry: .setExpirationTime(\"15m\")".into(),
            _ if self.needs_no_issuer => "sign with .setIssuer(baseURL) and .setAudience(baseURL), or set \
                 jwt.require_issuer = \"off\" to accept tokens of the app without iss and aud"
                .into(),
            (claim, _) => {
                let (_, setter) = setting_and_setter(claim);
                format!("sign with {setter}")
            }
        }
    }

    fn expired(&self) -> String {
        let time = |name: &str| self.claim(name).and_then(seconds);
        let ago = time("exp").map_or_else(String::new, |exp| format!(" {}", relative(self.now, exp)));
        if time("iat").is_some_and(|iat| iat > self.now.unix_seconds()) {
            return format!("it expired{ago}, but was issued in the future: correct the clock of this computer");
        }
        format!("it expired{ago}: get a new token before `exp` (Better Auth's expire after 15 minutes) and after a 401")
    }

    /// Returns advice about a claim `iss` or `aud` whose value is not accepted. Often, the value is another spelling of
    /// the accepted URL.
    fn other_url(&self, claim: &str, accepted: &str) -> String {
        let (setting, setter) = setting_and_setter(claim);
        let first = match self.claim(claim) {
            Some(Value::Array(all)) => all.iter().find_map(Value::as_str),
            one => one.and_then(Value::as_str),
        };
        let as_https = |urls: &str| urls.replace("http:", "https:");
        let hint = match first.unwrap_or_default() {
            text if text.ends_with('/') => " (the slash at its end counts)",
            text if as_https(accepted).contains(&as_https(text)) => " (http and https are different origins)",
            text if text.contains("127.0.0.1") || text.contains("localhost") => {
                " (localhost and 127.0.0.1 are different origins, and so are different ports)"
            }
            _ => "",
        };
        let same = format!("BETTER_AUTH_URL must be the same in Taskbridge and in the app{hint}");
        if self.header_text("alg").is_some_and(|alg| alg != "HS256") {
            return format!(
                "{same}: set it here to its value in the app; if the app's JWT plugin has another {claim} on purpose, set \
                 {setting} here to that"
            );
        }
        format!(
            "{same}: set it here to the baseURL of the app that signed, or in bridge mode add this value to {setting}; \
             an app that signs its own tokens uses {setter}"
        )
    }

    /// Returns advice about the first address from which no keys could be fetched.
    fn unavailable(&self, cause: Option<&JwksUnavailable>) -> String {
        let Some((address, why)) = cause.and_then(|JwksUnavailable(addresses)| addresses.first()) else {
            return SEE_THE_LOG.into();
        };
        if why.downcast_ref::<InvalidJwks>().is_some() {
            return format!(
                "the response of {address} is not a key set, perhaps a page: allow the path in the app's proxy.ts, or set \
                 JWKS_URL to the address of the keys"
            );
        }
        match why.downcast_ref() {
            Some(UnexpectedStatus(300..=399)) => format!("{address} redirects: set JWKS_URL to the target"),
            Some(UnexpectedStatus(404)) => {
                let without_plugin = if self.secret().is_some() {
                    "; or, if the app has no JWT plugin and signs its tokens with BETTER_AUTH_SECRET, set JWKS_URL=off"
                } else {
                    ""
                };
                format!(
                    "there are no keys at {address}: add jwt() to the plugins of the app's Better Auth, or set JWKS_URL to the \
                     address of the keys{without_plugin}"
                )
            }
            Some(UnexpectedStatus(500..)) => format!(
                "the app fails at {address}: see its log; if its table jwks is missing, run `npx auth@latest migrate` there"
            ),
            Some(UnexpectedStatus(_)) => {
                format!("{address} requires credentials: allow the path without them in the app or its proxy")
            }
            None => format!(
                "{address} cannot be reached: start the app, or set JWKS_URL to its address as seen from here, such as \
                 between containers"
            ),
        }
    }
}

/// Returns the setting that lists the accepted values of the claim `iss` or `aud`, and the method of the JavaScript
/// library jose that sets the claim.
fn setting_and_setter(claim: &str) -> (&'static str, &'static str) {
    if claim == "iss" { ("jwt.issuer", ".setIssuer(baseURL)") } else { ("jwt.audience", ".setAudience(baseURL)") }
}

fn session_cache() -> String {
    format!("this is the cookie in which Better Auth caches a session, not an access token; {GET_A_JWT}")
}
