//! Builds the verifier of access tokens, and the stored keys of server mode.

use std::sync::Arc;

use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::database::{SeaSigningKeyRepo, Store};
use taskbridge_adapters::jwt::{
    ExpectedClaims, FetchJwks, JwksClient, JwtVerifier, KeySource, KeyTable, KeyTableConfig, RemoteJwks,
    RemoteJwksConfig, SharedSecretKey, StoredKeyInfo, StoredKeyStatus, StoredKeys, TrustedIssuer, UnavailableKeys,
};

use super::store::{migrations, open_tables_to_read};
use crate::settings::{AuthMode, BridgeMode, JwtSettings, ServerMode, Settings};

/// Returns the key pairs in Better Auth's table `jwks`, or `None` in bridge mode. They verify access tokens. If a
/// key-pair algorithm is configured, one of them also signs new access tokens; otherwise, the shared secret does.
pub(crate) fn stored_keys(mode: &AuthMode, settings: &JwtSettings, store: &Store) -> Option<Arc<StoredKeys>> {
    let AuthMode::Server(ServerMode { secrets, .. }) = mode else { return None };
    let repo = Arc::new(SeaSigningKeyRepo(store.clone()));
    let config = KeyTableConfig { algorithm: settings.algorithm, grace: settings.key_grace_seconds.get() };
    let table = KeyTable { repo, clock: Arc::new(SystemClock), secrets: secrets.clone(), config };
    Some(Arc::new(StoredKeys::new(table)))
}

/// Returns the verifier of access tokens. `origin` is the origin of the auth server. `table` contains the stored keys,
/// and is used only in server mode. `requires_issuer` is `true` if tokens that are signed with the shared secret must
/// have the claims `iss` and `aud`; other tokens must always have them.
///
/// Must be called within a tokio runtime, because in bridge mode it starts tasks that fetch published keys.
pub(crate) fn verifier(
    mode: &AuthMode,
    settings: &JwtSettings,
    origin: &str,
    table: Option<Arc<dyn KeySource>>,
    requires_issuer: bool,
) -> JwtVerifier {
    let (issuers, audiences) = match mode {
        AuthMode::Server(_) => (vec![origin.to_owned()], vec![origin.to_owned()]),
        AuthMode::Bridge(mode) => (mode.issuers.clone(), mode.audiences.clone()),
    };
    let leeway = settings.leeway_seconds.get();
    let trusted = |keys, require_issuer| TrustedIssuer {
        keys,
        expected: ExpectedClaims { issuers: issuers.clone(), audiences: audiences.clone(), require_issuer, leeway },
    };
    let (secret, pairs) = match mode {
        AuthMode::Server(mode) => (accepts_secret(settings).then(|| mode.secrets.current()), table),
        AuthMode::Bridge(mode) => (mode.secret.as_ref(), published_keys(mode, settings)),
    };
    let secret = secret.map(|secret| trusted(Arc::new(SharedSecretKey::new(secret)), requires_issuer));
    let pairs = pairs.map(|keys| trusted(keys, true));
    JwtVerifier::new(secret.into_iter().chain(pairs).collect(), Arc::new(SystemClock))
        .with_max_bytes(settings.max_bytes.get())
}

/// Returns `true` if tokens that are signed with the shared secret are accepted in server mode. If key pairs sign, they
/// are accepted only if `jwt.accept_hs256` is on.
fn accepts_secret(settings: &JwtSettings) -> bool {
    settings.algorithm.is_none() || settings.accept_hs256.is_on()
}

/// Returns the verifier for a command other than `serve`. In server mode, the keys in the database are not read if
/// `is_hs256` is `true` and the shared secret verifies such tokens. `requires_issuer` is as in [`verifier`].
pub(crate) async fn verifier_for_command(
    mode: &AuthMode,
    settings: &Settings,
    is_hs256: bool,
    requires_issuer: bool,
) -> JwtVerifier {
    let table: Option<Arc<dyn KeySource>> = match mode {
        AuthMode::Server(_) if !is_hs256 || !accepts_secret(&settings.jwt) => {
            let migrations = migrations(settings, mode.name().users());
            match open_tables_to_read(&settings.database, &migrations).await {
                Ok(store) => stored_keys(mode, &settings.jwt, &store).map(|keys| keys as _),
                Err(error) => Some(Arc::new(UnavailableKeys(format!("the table jwks cannot be read: {error:#}")))),
            }
        }
        _ => None,
    };
    verifier(mode, &settings.jwt, &mode.origin(settings.server.port.get()), table, requires_issuer)
}

/// Starts to fetch the keys that the app's Better Auth publishes. Returns `None` if no URL of keys is configured,
/// because `jwt.jwks_url` is off.
fn published_keys(mode: &BridgeMode, settings: &JwtSettings) -> Option<Arc<dyn KeySource>> {
    let config = RemoteJwksConfig {
        refresh: settings.jwks_refresh_seconds.get(),
        cool_down: settings.jwks_cooldown_seconds.get(),
        timeout: settings.jwks_timeout_seconds.get(),
    };
    let addresses: Vec<_> =
        key_addresses(mode, settings).map(|address| -> Box<dyn FetchJwks> { Box::new(address) }).collect();
    if addresses.is_empty() { None } else { Some(Arc::new(RemoteJwks::start(addresses, config))) }
}

/// Returns a client for each URL at which the app's Better Auth publishes its keys.
pub(crate) fn key_addresses(mode: &BridgeMode, settings: &JwtSettings) -> impl Iterator<Item = JwksClient> {
    let timeout = settings.jwks_timeout_seconds.get();
    mode.jwks_urls.iter().map(move |url| JwksClient::new(url.clone(), timeout, &settings.jwks_ca_file))
}

/// Describes a key of the table `jwks` in one line.
pub(crate) fn describe_key(key: &StoredKeyInfo) -> String {
    let StoredKeyInfo { id, algorithm, created_at, status } = key;
    let status = match status {
        StoredKeyStatus::Signs => "signs".into(),
        StoredKeyStatus::Verifies => "verifies older tokens".into(),
        StoredKeyStatus::Undecryptable(why) => format!("cannot sign: {why}"),
        StoredKeyStatus::Unused => "no longer used".into(),
    };
    format!("{id}  {algorithm:<5}  created {created_at}  {status}")
}
