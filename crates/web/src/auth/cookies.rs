//! Signed session cookies and bearer tokens.
//!
//! A bearer token is the text `<value>.<signature>`. The value of a cookie is the same text, percent-encoded as by
//! JavaScript's `encodeURIComponent`. The signature is the HMAC-SHA-256 of the value with the shared secret as the key,
//! in standard base64 with padding.

mod config;
mod ignored;

use std::time::Duration;

use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponseBuilder};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::sessions::SessionToken;

pub use self::config::CookieConfig;
use self::config::is_session_cookie;
use self::ignored::IgnoredCookies;

/// The characters that `encodeURIComponent` encodes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Length of a signature in base64, including the padding.
const SIGNATURE_DIGITS: usize = 44;

/// Creates and verifies Better Auth's session cookies.
///
/// `actix_web::cookie` is not used: it writes the attributes in a different order than Better Auth, and it rejects all
/// cookies of a request if one of them is malformed.
pub struct SessionCookies {
    secret: SharedSecret,
    config: CookieConfig,
    ignored: IgnoredCookies,
}

impl SessionCookies {
    /// Maximum number of session cookies read from a request.
    const MAX_SESSIONS: usize = 4;

    /// Returns a `SessionCookies` that signs and verifies cookies with `secret`.
    #[must_use]
    pub fn new(secret: SharedSecret, config: CookieConfig) -> Self {
        Self { secret, config, ignored: IgnoredCookies::default() }
    }

    /// Returns the `Set-Cookie` values for a new or renewed session. If `remember` is `false`, the session cookie has
    /// no `Max-Age`, and a second cookie, `dont_remember`, records the choice.
    pub(super) fn set(&self, token: &SessionToken, remember: bool) -> Vec<String> {
        let max_age = remember.then_some(self.config.max_age);
        let mut lines = self.lines("session_token", &self.cookie_value(token.expose()), max_age);
        if !remember {
            lines.extend(self.lines("dont_remember", &self.cookie_value("true"), None));
        }
        lines
    }

    /// Returns the `Set-Cookie` values that remove every cookie of a session.
    pub(super) fn clear(&self) -> Vec<String> {
        ["session_token", "session_data", "dont_remember"].iter().flat_map(|cookie| self.removals(cookie)).collect()
    }

    /// Returns the `Set-Cookie` values that remove Better Auth's cookie cache, if the request has it.
    pub(super) fn clear_cache(&self, request: &HttpRequest) -> Vec<String> {
        self.removals_if_sent(request, "session_data")
    }

    /// Returns the `Set-Cookie` values that remove the cookie `dont_remember`, if the request has it.
    pub(super) fn clear_dont_remember(&self, request: &HttpRequest) -> Vec<String> {
        self.removals_if_sent(request, "dont_remember")
    }

    /// Returns `true` if the user of this browser asked not to be remembered.
    pub(super) fn is_unremembered(&self, request: &HttpRequest) -> bool {
        self.sent(request, "dont_remember").filter_map(|value| self.verify(&value)).any(|value| value == "true")
    }

    /// Returns the session token as a signed bearer token, for clients without cookies.
    pub(super) fn bearer_form(&self, token: &SessionToken) -> String {
        self.sign(token.expose())
    }

    /// Returns the tokens of session cookies with a valid signature, at most [`Self::MAX_SESSIONS`].
    ///
    /// Several cookies are read, because browsers send several of the same name, the oldest first, after the configured
    /// cookie domain has changed.
    pub(super) fn read(&self, request: &HttpRequest) -> Vec<SessionToken> {
        let signed = self.sent(request, "session_token").filter_map(|value| self.verify(&value));
        let mut tokens: Vec<_> = Vec::new();
        for token in signed.map(SessionToken::new) {
            if !tokens.contains(&token) && tokens.len() < Self::MAX_SESSIONS {
                tokens.push(token);
            }
        }
        tokens
    }

    /// Returns the session token in a bearer token: `<token>.<signature>` or, if the settings accept it, the session
    /// token alone, which has no dot. Returns `None` for anything else, such as a JWT.
    pub(super) fn read_bearer(&self, credential: &str) -> Option<SessionToken> {
        if credential.contains('.') {
            self.verify(credential).map(SessionToken::new)
        } else {
            let is_accepted = self.config.accept_unsigned_bearer && !credential.is_empty();
            is_accepted.then(|| SessionToken::new(credential.to_owned()))
        }
    }

    /// Logs why the session cookies of a request are ignored, with the settings to change. Session cookies of other names
    /// are only considered if there is none of the configured name. Each name is logged once.
    pub(super) fn warn_of_ignored(&self, request: &HttpRequest) {
        let own = self.session_cookie();
        let has_own = pairs(request).any(|(name, _)| name == own.as_bytes());
        let ignored = pairs(request).filter(|(name, _)| !has_own || *name == own.as_bytes());
        for (name, value) in ignored.filter(|(name, _)| is_session_cookie(name)).take(Self::MAX_SESSIONS) {
            let is_signed = self.verify(&String::from_utf8_lossy(value)).is_some();
            if let Some(advice) = self.ignored.advice(name, is_signed, &self.config) {
                tracing::warn!("{advice}");
            }
        }
    }

    /// Returns the values of all cookies of this name, in their order in the request and without decoding them.
    pub(super) fn sent(&self, request: &HttpRequest, cookie: &str) -> impl Iterator<Item = String> {
        let own = self.config.name(cookie);
        pairs(request)
            .filter(move |(name, _)| *name == own.as_bytes())
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// Returns the name of the session cookie.
    pub(crate) fn session_cookie(&self) -> String {
        self.config.session_cookie()
    }

    fn removals_if_sent(&self, request: &HttpRequest, cookie: &str) -> Vec<String> {
        let is_sent = self.sent(request, cookie).next().is_some();
        if is_sent { self.removals(cookie) } else { Vec::new() }
    }

    /// Returns the `Set-Cookie` values that remove a cookie.
    fn removals(&self, cookie: &str) -> Vec<String> {
        self.lines(cookie, "", Some(Duration::ZERO))
    }

    /// Returns the `Set-Cookie` values that set a cookie. If the cookie has a domain, the first value removes the
    /// host-only cookie of the same name. A browser may still have that cookie from before a domain was configured, and
    /// would send it first.
    pub(super) fn lines(&self, cookie: &str, value: &str, max_age: Option<Duration>) -> Vec<String> {
        let domain = self.config.domain.as_deref();
        let twin = domain.map(|_| self.line(cookie, "", Some(Duration::ZERO), None));
        twin.into_iter().chain([self.line(cookie, value, max_age, domain)]).collect()
    }

    fn line(&self, cookie: &str, value: &str, max_age: Option<Duration>, domain: Option<&str>) -> String {
        let name = self.config.name(cookie);
        let max_age = max_age.map(|age| format!(" Max-Age={};", age.as_secs())).unwrap_or_default();
        let domain = domain.map(|domain| format!(" Domain={domain};")).unwrap_or_default();
        let secure = if self.config.secure { " Secure;" } else { "" };
        format!("{name}={value};{max_age}{domain} Path=/; HttpOnly;{secure} SameSite=Lax")
    }

    fn cookie_value(&self, value: &str) -> String {
        utf8_percent_encode(&self.sign(value), ENCODED).to_string()
    }

    fn sign(&self, value: &str) -> String {
        let signature = STANDARD.encode(self.mac(value).finalize().into_bytes());
        format!("{value}.{signature}")
    }

    /// Returns the value in `signed`, which is `<value>.<signature>`, if the signature is valid. The text may be
    /// percent-encoded or in quotes.
    fn verify(&self, signed: &str) -> Option<String> {
        let decoded = percent_decode_str(signed).decode_utf8().ok()?;
        let bare = decoded.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&decoded);
        let (value, signature) = bare.rsplit_once('.')?;
        if value.is_empty() || signature.len() != SIGNATURE_DIGITS {
            return None;
        }
        let signature = STANDARD.decode(signature).ok()?;
        // `verify_slice` compares in constant time, so that an attacker cannot find a signature by measuring the time.
        self.mac(value).verify_slice(&signature).ok()?;
        Some(value.to_owned())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(super) fn mac(&self, value: &str) -> Hmac<Sha256> {
        Hmac::new_from_slice(self.secret.expose()).expect("a key of any length").chain_update(value)
    }
}

/// Returns the names and values of all cookies of a request, as bytes, because cookies that other programs have set may
/// not be valid text.
fn pairs(request: &HttpRequest) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = request.headers().get_all(COOKIE).flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    })
}

/// Adds `Set-Cookie` headers with the values `lines` to a response.
pub(super) fn set_cookies(response: &mut HttpResponseBuilder, lines: &[String]) {
    for line in lines {
        response.append_header((SET_COOKIE, line.as_str()));
    }
}

#[cfg(test)]
mod tests;
