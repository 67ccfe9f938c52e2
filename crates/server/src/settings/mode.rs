//! The auth mode, which is read from several sections of the settings.

use taskbridge_adapters::jwt::VersionedSecrets;
use taskbridge_domain::secret::SharedSecret;
use url::Url;

use super::Settings;
use super::auth::AuthModeName;
use super::error::Errors;

/// The program that signs users in, with the settings that verify its access tokens.
#[derive(Debug)]
pub(crate) enum AuthMode {
    /// Server mode: Taskbridge signs users in.
    Server(ServerMode),
    /// Bridge mode: the Better Auth of an app signs users in.
    Bridge(BridgeMode),
}

/// The settings of server mode, in which Taskbridge signs users in.
#[derive(Debug)]
pub(crate) struct ServerMode {
    /// The origin of `BETTER_AUTH_URL`. If this URL is not set, it is `None`, and the origin `http://localhost:<port>`
    /// is used.
    pub(crate) origin: Option<String>,
    pub(crate) secrets: VersionedSecrets,
}

/// The settings of bridge mode, in which the Better Auth of an app signs users in.
#[derive(Debug)]
pub(crate) struct BridgeMode {
    pub(crate) origin: String,
    pub(crate) secret: Option<SharedSecret>,
    pub(crate) jwks_urls: Vec<Url>,
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
}

impl AuthMode {
    /// Checks the settings of the mode `name` and returns the mode. Returns `None` if a setting that this mode requires
    /// is missing or invalid.
    pub(super) fn resolve(name: AuthModeName, settings: &Settings, errors: &mut Errors<'_>) -> Option<Self> {
        let Settings { auth, jwt, session, .. } = settings;
        match name {
            AuthModeName::Server => {
                jwt.validate_for_server(errors);
                if let Some(url) = &auth.url {
                    session.validate(url, errors);
                }
                let origin = auth.url.as_ref().map(origin_of);
                Some(Self::Server(ServerMode { origin, secrets: auth.required_secrets(errors)? }))
            }
            AuthModeName::Bridge => {
                jwt.validate_for_bridge(errors);
                let secret = auth.optional_secret(errors);
                let Some(url) = &auth.url else {
                    errors.add("auth.url", "is missing; AUTH_MODE=bridge requires the BETTER_AUTH_URL of the app");
                    return None;
                };
                let origin = origin_of(url);
                let or_origin = |texts: &[String]| if texts.is_empty() { vec![origin.clone()] } else { texts.to_vec() };
                Some(Self::Bridge(BridgeMode {
                    secret,
                    jwks_urls: jwt.jwks_urls(url, auth.has_secret(errors), errors),
                    issuers: or_origin(&jwt.issuer),
                    audiences: or_origin(&jwt.audience),
                    origin,
                }))
            }
        }
    }

    /// Returns the origin of the auth server. In server mode without `BETTER_AUTH_URL`, it is
    /// `http://localhost:<port>`.
    pub(crate) fn origin(&self, port: u16) -> String {
        match self {
            Self::Server(ServerMode { origin: Some(origin), .. }) | Self::Bridge(BridgeMode { origin, .. }) => {
                origin.clone()
            }
            Self::Server(ServerMode { origin: None, .. }) => format!("http://localhost:{port}"),
        }
    }

    pub(crate) fn name(&self) -> AuthModeName {
        match self {
            Self::Server(_) => AuthModeName::Server,
            Self::Bridge(_) => AuthModeName::Bridge,
        }
    }
}

pub(super) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}
