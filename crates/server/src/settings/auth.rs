//! The section `[auth]`.

use serde::{Deserialize, Deserializer};
use taskbridge_adapters::jwt::VersionedSecrets;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_migrations::Users;
use taskbridge_schema::Overrides;
use taskbridge_web::{InvalidOrigin, TrustedOrigins};
use url::{Host, Url};

use super::error::Errors;
use super::names::{ColumnNames, TableNames, overrides};
use super::value::{Hidden, Switch, parse, split};

/// The default secret of Better Auth. It is public, so it must not be used.
const PUBLIC_SECRET: &str = "better-auth-secret-12345678901234567890";
const MAKE_A_SECRET: &str = "set BETTER_AUTH_SECRET to a random text, the same as in Better Auth, for example the output of: openssl rand -base64 32";
const MODES: &str = "AUTH_MODE must be server (Taskbridge signs users in) or bridge (the app's Better Auth does)";

/// The section `[auth]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthSettings {
    #[serde(deserialize_with = "mode")]
    mode: Option<AuthModeName>,
    #[serde(deserialize_with = "url")]
    pub(super) url: Option<Url>,
    /// The configured trusted origins, in the form that browsers send, and patterns of origins.
    #[serde(deserialize_with = "trusted_origins")]
    pub(crate) trusted_origins: Vec<String>,
    secret: Hidden,
    secrets: Hidden,
    pub(crate) sign_up: Switch,
    pub(crate) require_email_verification: Switch,
    pub(crate) delete_user: Switch,
    #[serde(default)]
    tables: TableNames,
    #[serde(default)]
    columns: ColumnNames,
}

/// The name of an auth mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthModeName {
    Server,
    Bridge,
}

impl AuthModeName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Bridge => "bridge",
        }
    }

    /// Returns the location of the users: `Here` if Taskbridge signs them in, `Elsewhere` if the app's Better Auth
    /// does.
    pub(crate) fn users(self) -> Users {
        match self {
            Self::Server => Users::Here,
            Self::Bridge => Users::Elsewhere,
        }
    }
}

impl AuthSettings {
    /// Returns the auth mode; the default is server mode. If `auth.url` is set, there is no default, because the URL
    /// does not tell which program signs users in there.
    pub(super) fn mode(&self, errors: &mut Errors<'_>) -> Option<AuthModeName> {
        match self.mode {
            _ if errors.has("auth.mode") => None,
            None if self.url.is_some() || errors.has("auth.url") => {
                errors.add("auth.mode", format!("BETTER_AUTH_URL is set, so {MODES}"));
                None
            }
            mode => Some(mode.unwrap_or(AuthModeName::Server)),
        }
    }

    /// Returns the secrets for server mode. If no secret is set, this is an error, because server mode requires one.
    pub(super) fn required_secrets(&self, errors: &mut Errors<'_>) -> Option<VersionedSecrets> {
        if !self.has_secret(errors) {
            errors.add("auth.secret", format!("is missing; {MAKE_A_SECRET}"));
        }
        match self.secrets.get() {
            Some(_) => self.versioned_secrets(errors),
            None => self.unversioned_secret(errors).map(VersionedSecrets::single),
        }
    }

    /// Returns the shared secret with which an app signs its own tokens (HS256), or `None` if no valid secret is set.
    /// Bridge mode does not require one.
    pub(super) fn optional_secret(&self, errors: &mut Errors<'_>) -> Option<SharedSecret> {
        let versioned = self.versioned_secrets(errors);
        self.unversioned_secret(errors).or_else(|| versioned.map(|secrets| secrets.current().clone()))
    }

    /// Returns the configured names of Better Auth's tables and columns.
    pub(crate) fn overrides(&self) -> Overrides {
        overrides(&self.tables, &self.columns)
    }

    /// Returns `true` if a secret is set, even if it is invalid, or is in a file that cannot be read.
    pub(super) fn has_secret(&self, errors: &Errors<'_>) -> bool {
        self.secret.get().or(self.secrets.get()).is_some() || errors.has("auth.secret") || errors.has("auth.secrets")
    }

    fn versioned_secrets(&self, errors: &mut Errors<'_>) -> Option<VersionedSecrets> {
        // As in Better Auth, the public default secret does not decrypt keys: a key that is encrypted with it is not
        // secret.
        let oldest = self.secret.get().filter(|text| *text != PUBLIC_SECRET).map(SharedSecret::unchecked);
        let parsed = VersionedSecrets::parse(self.secrets.get()?, oldest);
        parsed.map_err(|invalid| errors.add("auth.secrets", invalid.to_string())).ok()
    }

    fn unversioned_secret(&self, errors: &mut Errors<'_>) -> Option<SharedSecret> {
        let parsed = SharedSecret::parse(self.secret.get()?);
        parsed.map_err(|invalid| errors.add("auth.secret", format!("{invalid}; {MAKE_A_SECRET}"))).ok()
    }
}

fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<AuthModeName>, D::Error> {
    parse(deserializer, |text| match text {
        "" => Ok(None),
        "server" => Ok(Some(AuthModeName::Server)),
        "bridge" => Ok(Some(AuthModeName::Bridge)),
        _ => Err(MODES),
    })
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    parse(deserializer, |text| match (text, web_url(text)) {
        ("", _) => Ok(None),
        (_, Some(url)) => Ok(Some(url)),
        (_, None) => Err("must be the http or https URL of the auth server, as browsers see it"),
    })
}

fn trusted_origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    const FORM: &str = "must be origins, separated by commas, such as https://app.example.com (http or https, a host, an optional port, no path), https://*.example.com or myapp://";
    let origin = |text: &str| {
        let origin = trusted_origin(text).ok_or_else(|| FORM.to_owned())?;
        match TrustedOrigins::default().add(&origin) {
            Err(InvalidOrigin::Everything) => Err(format!("{origin} would trust every site")),
            _ => Ok(origin),
        }
    };
    parse(deserializer, |text| split(text).map(origin).collect::<Result<_, _>>())
}

/// Parses an absolute http or https URL without credentials. Returns `None` for any other text.
pub(super) fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_web && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Normalizes the origin of a web page to the form that browsers send. One trailing slash is allowed. Returns `None` if
/// `text` is not an origin.
fn web_origin(text: &str) -> Option<String> {
    let (_, host) = text.strip_suffix('/').unwrap_or(text).split_once("://")?;
    // Rejects patterns and URLs that contain more than an origin. Also rejects invisible characters, because the URL
    // parser would remove them without an error.
    let is_bare = !host.contains(|c: char| "/\\?#@*".contains(c) || c.is_whitespace() || c.is_control());
    let url = web_url(text).filter(|_| is_bare)?;
    Some(url.origin().ascii_serialization())
}

/// Normalizes the origin of a web page. A pattern, or the origin of an app with a custom scheme, is returned unchanged.
/// Returns `None` for any other text.
fn trusted_origin(text: &str) -> Option<String> {
    let is_web = text
        .split_once("://")
        .is_some_and(|(scheme, _)| ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)));
    if is_web && !text.contains(['*', '?']) {
        return web_origin(text);
    }
    let added = TrustedOrigins::default().add(text);
    (added != Err(InvalidOrigin::NotAnOrigin)).then(|| text.to_owned())
}

/// Returns `true` if the host of `url` is this computer.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
