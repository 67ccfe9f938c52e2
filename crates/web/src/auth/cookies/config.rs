//! Names and attributes of the session cookies.

use std::time::Duration;

/// Prefix of the names of cookies with the attribute `Secure`. Browsers accept such names only with this attribute (RFC
/// 6265bis, section 4.1.3.1).
const SECURE: &str = "__Secure-";

/// Name of the session cookie, after the prefixes.
const SESSION_TOKEN: &str = "session_token";

/// Names and attributes of session cookies.
#[derive(Debug, Clone)]
pub struct CookieConfig {
    /// Prefix of the names. Better Auth's default is `better-auth`.
    pub prefix: String,
    /// Value of the attribute `Domain`. Without it, browsers send the cookies only to the host that set them.
    pub domain: Option<String>,
    /// Whether the cookies have the attribute `Secure`. If so, their names begin with `__Secure-`.
    pub secure: bool,
    /// Lifetime of the session cookie, unless the user asked not to be remembered.
    pub max_age: Duration,
    /// Whether a bearer token may be a session token without a signature.
    pub accept_unsigned_bearer: bool,
}

impl CookieConfig {
    /// Returns the name of the session cookie.
    #[must_use]
    pub fn session_cookie(&self) -> String {
        self.name(SESSION_TOKEN)
    }

    pub(super) fn name(&self, cookie: &str) -> String {
        let secure = if self.secure { SECURE } else { "" };
        format!("{secure}{}.{cookie}", self.prefix)
    }

    /// Returns the settings with which `name` would be the name of the session cookie, or `None` if there are none.
    pub(super) fn settings_for(&self, name: &str) -> Option<String> {
        let bare = name.strip_prefix(SECURE);
        let prefix = bare.unwrap_or(name).strip_suffix(SESSION_TOKEN)?.strip_suffix('.')?;
        let is_name = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let prefix = (is_name && !prefix.starts_with("__")).then_some(prefix)?;
        let named = (prefix != self.prefix).then(|| format!("session.cookie_prefix to {prefix}"));
        let secured = (bare.is_some() != self.secure).then(|| {
            let state = if bare.is_some() { "on" } else { "off" };
            format!("session.secure_cookies to {state}")
        });
        Some(named.into_iter().chain(secured).collect::<Vec<_>>().join(" and "))
    }
}

/// Returns `true` if `name` looks like the name of a session cookie of any Better Auth.
pub(super) fn is_session_cookie(name: &[u8]) -> bool {
    name.ends_with(SESSION_TOKEN.as_bytes())
}
