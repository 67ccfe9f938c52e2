//! The section `[session]`.

use serde::{Deserialize, Deserializer};
use url::Url;

use super::error::Errors;
use super::value::{AutoSwitch, Seconds, Switch, parse};

/// Maximum of the lifetimes and ages of sessions: 400 days, in seconds. Browsers keep no cookie for longer (RFC
/// 6265bis, section 5.5).
const MAX_AGE: u64 = 400 * 86_400;

/// The section `[session]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionSettings {
    pub(crate) lifetime_seconds: Seconds<1, MAX_AGE>,
    pub(crate) unremembered_lifetime_seconds: Seconds<1, MAX_AGE>,
    pub(crate) update_age_seconds: Seconds<0, MAX_AGE>,
    pub(crate) fresh_age_seconds: Seconds<0, MAX_AGE>,
    pub(crate) accept_unsigned_bearer: Switch,
    #[serde(deserialize_with = "cookie_prefix")]
    pub(crate) cookie_prefix: String,
    /// Whether cookies have the attribute `Secure`. If `auto`, they have it if the auth server is on https.
    pub(crate) secure_cookies: AutoSwitch,
    #[serde(deserialize_with = "cookie_domain")]
    pub(crate) cookie_domain: Option<String>,
    pub(crate) purge_seconds: Seconds<0, 86_400>,
}

impl SessionSettings {
    /// Checks that `cookie_domain` is the host of `url`, the URL of the auth server, or a domain above it. Otherwise,
    /// browsers would reject the cookies.
    pub(super) fn validate(&self, url: &Url, errors: &mut Errors<'_>) {
        let Some(domain) = &self.cookie_domain else { return };
        let is_within = |host: &str| host == domain || host.ends_with(&format!(".{domain}"));
        if !url.host_str().is_some_and(is_within) {
            errors.add("session.cookie_domain", "must be the host of BETTER_AUTH_URL, or a domain above it");
        }
    }
}

/// Parses the prefix of cookie names. RFC 6265, section 4.1.1, allows more characters, but servers and browsers do not
/// all treat the others alike. Names that begin with `__Secure-` or `__Host-` have a meaning of their own for browsers.
fn cookie_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const FORM: &str = "must be letters, digits, '-', '_' and '.', without '__' at the beginning";
    parse(deserializer, |text| {
        let begins_with =
            |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if begins_with("__Secure-") {
            return Err("must not begin with __Secure-, which session.secure_cookies adds");
        }
        if begins_with("__Host-") {
            return Err(
                "must not begin with __Host-, because Better Auth has no such cookies, and browsers reject them with \
                        session.cookie_domain",
            );
        }
        let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if is_name && !text.starts_with("__") { Ok(text.to_owned()) } else { Err(FORM) }
    })
}

fn cookie_domain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    parse(deserializer, |text| {
        let url = Url::parse(&format!("https://{text}")).ok();
        match url.as_ref().and_then(Url::domain) {
            _ if text.is_empty() => Ok(None),
            Some(domain) if domain == text && domain.contains('.') => Ok(Some(text.to_owned())),
            _ => Err("must be a domain in lower case, such as example.com"),
        }
    })
}
