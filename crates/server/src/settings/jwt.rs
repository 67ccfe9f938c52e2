//! The section `[jwt]`.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use taskbridge_adapters::jwt::{CertificateAuthorities, SigningAlgorithm};
use url::Url;

use super::auth::{AuthModeName, is_loopback, web_url};
use super::error::Errors;
use super::value::{AutoSwitch, Number, Seconds, Switch, one_of, parse, split, texts};

/// The section `[jwt]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JwtSettings {
    pub(crate) lifetime_seconds: Seconds<1, 86_400>,
    /// The algorithm of the key pairs that sign tokens, or `None` if the shared secret signs them.
    #[serde(deserialize_with = "algorithm")]
    pub(crate) algorithm: Option<SigningAlgorithm>,
    pub(crate) accept_hs256: Switch,
    pub(crate) key_grace_seconds: Seconds<0, { 400 * 86_400 }>,
    pub(crate) leeway_seconds: Seconds<0, 300>,
    pub(crate) max_bytes: Number<usize, 1024, 65_536>,
    /// The configured URLs at which the app's Better Auth publishes its keys. If the list is empty, the URL is derived
    /// from `auth.url`. `None` means that no keys are fetched.
    #[serde(deserialize_with = "jwks_url")]
    jwks_url: Option<Vec<Url>>,
    #[serde(deserialize_with = "texts")]
    jwks_http_hosts: Vec<String>,
    #[serde(deserialize_with = "jwks_ca_file")]
    pub(crate) jwks_ca_file: CertificateAuthorities,
    pub(crate) jwks_refresh_seconds: Seconds<1, 86_400>,
    pub(crate) jwks_cooldown_seconds: Seconds<1, 3600>,
    pub(crate) jwks_timeout_seconds: Seconds<1, 60>,
    #[serde(deserialize_with = "texts")]
    pub(super) issuer: Vec<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) audience: Vec<String>,
    require_issuer: AutoSwitch,
}

impl JwtSettings {
    /// Checks this section for server mode. Each setting that is only for bridge mode is an error.
    pub(super) fn validate_for_server(&self, errors: &mut Errors<'_>) {
        const FOR_BRIDGE: &str = "is for AUTH_MODE=bridge; in server mode Taskbridge accepts only its own tokens";
        let is_set = [
            ("jwt.jwks_url", self.jwks_url.as_ref().is_none_or(|urls| !urls.is_empty())),
            ("jwt.issuer", !self.issuer.is_empty()),
            ("jwt.audience", !self.audience.is_empty()),
        ];
        for (key, _) in is_set.into_iter().filter(|(_, is_set)| *is_set) {
            errors.add(key, FOR_BRIDGE);
        }
        if self.key_grace_seconds.get() < self.lifetime_seconds.get() + Duration::from_mins(1) {
            errors.add("jwt.key_grace_seconds", "must be at least 60 seconds longer than jwt.lifetime_seconds");
        }
    }

    /// Checks this section for bridge mode. Each setting that is only for server mode is an error.
    pub(super) fn validate_for_bridge(&self, errors: &mut Errors<'_>) {
        if self.algorithm.is_some() {
            errors.add("jwt.algorithm", "is for AUTH_MODE=server; in bridge mode the app's Better Auth signs");
        }
        if self.accept_hs256.is_on() {
            let message = "is for AUTH_MODE=server; in bridge mode set BETTER_AUTH_SECRET to accept HS256";
            errors.add("jwt.accept_hs256", message);
        }
    }

    /// Returns `true` if tokens that are signed with the shared secret must have the claims `iss` and `aud`.
    pub(crate) fn requires_issuer(&self, mode: AuthModeName) -> bool {
        self.require_issuer.or(mode == AuthModeName::Server)
    }

    /// Returns the URLs from which keys are fetched in bridge mode: the configured URLs or, by default, the URL at
    /// which the Better Auth at `auth_url` publishes its keys.
    pub(super) fn jwks_urls(&self, auth_url: &Url, has_secret: bool, errors: &mut Errors<'_>) -> Vec<Url> {
        const KEY: &str = "jwt.jwks_url";
        let Some(urls) = self.jwks_url.clone() else {
            if !has_secret {
                errors.add(KEY, "off leaves no key that could verify a token; set BETTER_AUTH_SECRET as well");
            }
            return Vec::new();
        };
        let (key, urls) = if urls.is_empty() { ("auth.url", vec![default_jwks_url(auth_url)]) } else { (KEY, urls) };
        // Keys may be fetched over http only from this computer and from the configured hosts, because an attacker on
        // the network path could replace them.
        let is_safe = |url: &Url| {
            let is_allowed = self.jwks_http_hosts.iter().any(|host| url.host_str() == Some(host));
            url.scheme() == "https" || is_loopback(url) || is_allowed
        };
        if !urls.iter().all(is_safe) {
            let message =
                "the address of the keys must be https, unless its host is this computer or one of jwt.jwks_http_hosts";
            errors.add(key, message);
        }
        urls
    }
}

/// Returns the address at which the Better Auth at `auth_url` publishes its keys. If the URL has a path, Better Auth
/// serves its endpoints below that path; otherwise, it serves them below `/api/auth`.
fn default_jwks_url(auth_url: &Url) -> Url {
    let mut url = auth_url.clone();
    let path = match url.path().trim_end_matches('/') {
        "" => "/api/auth/jwks".to_owned(),
        mounted => format!("{mounted}/jwks"),
    };
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    url
}

fn algorithm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SigningAlgorithm>, D::Error> {
    let [eddsa, es256] = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256].map(|pair| (pair.name(), Some(pair)));
    one_of(deserializer, [("HS256", None), eddsa, es256])
}

fn jwks_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Url>>, D::Error> {
    const FORM: &str = "must be http or https URLs without user and password, separated by commas";
    parse(deserializer, |text| match text.trim() {
        "off" => Ok(None),
        urls => split(urls).map(web_url).collect::<Option<_>>().map(Some).ok_or(FORM),
    })
}

fn jwks_ca_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CertificateAuthorities, D::Error> {
    parse(deserializer, |path| {
        if path.is_empty() {
            Ok(CertificateAuthorities::public())
        } else {
            let authorities = CertificateAuthorities::from_file(Path::new(path));
            authorities.map_err(|error| format!("must be the path of a PEM file with certificates; {error}"))
        }
    })
}
