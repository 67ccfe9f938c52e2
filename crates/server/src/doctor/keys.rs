//! Checks of the keys that verify tokens, and of the issuer's clock.

use std::time::Duration;

use anyhow::Context;
use taskbridge_adapters::database::OpenError;
use taskbridge_adapters::jwt::{JwksClient, JwksInspection, StoredKeyStatus};
use taskbridge_schema::AuthTable;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::report::{Finding, fail, millis, ok, skip, warn};
use crate::compose::{
    SystemClock, describe_key, is_missing, key_addresses, migrations, stored_keys, with_tables_to_read,
};
use crate::settings::{AuthMode, BridgeMode, Configuration};

const NAME: &str = "jwks";
const CLOCK: &str = "clock";
/// Timeout of a request for the keys that the app's Better Auth publishes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(configuration: &Configuration) -> Vec<Finding> {
    let jwt = &configuration.settings.jwt;
    let skip_both = |why| [NAME, CLOCK].map(|name| skip(name, why)).into();
    match &configuration.mode {
        _ if ["jwt.jwks", "auth.url"].iter().any(|prefix| configuration.has_error(prefix)) => {
            skip_both("the address of the keys is invalid")
        }
        None => skip_both("the settings of the auth mode are invalid"),
        Some(mode @ AuthMode::Server(_)) => {
            vec![table(configuration, mode).await, skip(CLOCK, "Taskbridge issues the tokens itself")]
        }
        Some(AuthMode::Bridge(mode)) if mode.jwks_urls.is_empty() => vec![
            ok(
                NAME,
                "no keys are fetched (JWKS_URL=off): only tokens signed with the shared secret (HS256) are accepted",
            ),
            skip(CLOCK, "no keys are fetched"),
        ],
        Some(AuthMode::Bridge(mode)) => {
            let fetches: Vec<_> = key_addresses(mode, jwt).map(|address| tokio::spawn(fetch(address))).collect();
            let (mut keys, mut clocks) = (Vec::new(), Vec::new());
            for fetch in fetches {
                let Ok((address, answer)) = fetch.await else { continue };
                clocks.push(clock(&address, answer.as_ref().ok(), jwt.leeway_seconds.get()));
                keys.push(published(&address, &answer, mode));
            }
            keys.into_iter().chain(clocks).collect()
        }
    }
}

/// Checks the keys in the table `jwks` of the database, which are used in server mode.
async fn table(configuration: &Configuration, mode: &AuthMode) -> Finding {
    if configuration.has_error("database.") {
        return skip(NAME, "the settings of the database are invalid");
    }
    let settings = &configuration.settings;
    let migrations = migrations(settings, mode.name().users());
    let keys = with_tables_to_read(&settings.database, &migrations, async |store| {
        let keys = stored_keys(mode, &settings.jwt, store).context("there are no keys")?;
        Ok(if store.has_table(AuthTable::Jwks).await? { Some(keys.table().list().await?) } else { None })
    });
    let keys = match keys.await {
        Ok(Some(keys)) => keys,
        Ok(None) => return ok(NAME, "there is no table jwks yet"),
        Err(error) if error.is::<Elapsed>() => return skip(NAME, "reading the table jwks timed out"),
        Err(error) if error.is::<OpenError>() && is_missing(&settings.database).await => {
            return ok(NAME, "there is no database yet");
        }
        Err(error) if error.is::<OpenError>() => return skip(NAME, "the database cannot be used"),
        // The checks of the database name the cause.
        Err(_) => return skip(NAME, "the table jwks cannot be read; see the checks of the database"),
    };
    let unreadable: Vec<_> =
        keys.iter().filter(|key| matches!(key.status, StoredKeyStatus::Undecryptable(_))).collect();
    match keys.iter().find(|key| key.status == StoredKeyStatus::Signs) {
        _ if !unreadable.is_empty() => warn(
            NAME,
            unreadable.into_iter().map(describe_key).collect::<Vec<_>>().join("; "),
            "set BETTER_AUTH_SECRET or BETTER_AUTH_SECRETS as in the Better Auth that created them; or, if no other \
             program uses this database, replace them: taskbridge keys rotate",
        ),
        Some(key) => ok(NAME, format!("the keys are in the table jwks; {} signs, with {}", key.id, key.algorithm)),
        None if settings.jwt.algorithm.is_none() => ok(
            NAME,
            format!("the shared secret signs tokens; {} keys in the table jwks also verify tokens", keys.len()),
        ),
        None => ok(NAME, "no key in the table jwks signs yet; the first token creates a key that does"),
    }
}

async fn fetch(address: JwksClient) -> (String, Result<JwksInspection, String>) {
    let answer = match timeout(REQUEST_TIMEOUT, address.inspect(&SystemClock)).await {
        Ok(answer) => answer.map_err(|error| reason(&error.to_string()).to_owned()),
        Err(_elapsed) => Err(format!("no answer within {} seconds", REQUEST_TIMEOUT.as_secs())),
    };
    (address.to_string(), answer)
}

/// Returns the text of an error of the HTTP client without its prefix and the number of the system's error.
fn reason(error: &str) -> &str {
    let text = error.strip_prefix("io: ").unwrap_or(error);
    text.split(" (os error ").next().unwrap_or(text)
}

fn published(address: &str, answer: &Result<JwksInspection, String>, mode: &BridgeMode) -> Finding {
    let JwksInspection { status, latency, keys, .. } = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let authority = if address.starts_with("https:") {
                "; set jwt.jwks_ca_file if a private authority issued its certificate"
            } else {
                ""
            };
            let advice = format!(
                "check that the app is running and that this address is reachable from here; set JWKS_URL if the app has \
                 another address as seen from here, such as between containers{authority}"
            );
            return fail(NAME, format!("{address}: {error}"), advice);
        }
    };
    let found = format!("{address}: {status} in {}", millis(*latency));
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => {
            let advice = match status {
                200 => {
                    "the response is not a key set: set JWKS_URL to the address of the keys, $BETTER_AUTH_URL/api/auth/jwks \
                     unless Better Auth is mounted elsewhere"
                }
                300..=399 => "redirects are not followed: set JWKS_URL to their target",
                401 | 403 => "a proxy or middleware of the app requires credentials: allow this path without them",
                404 if mode.secret.is_some() => {
                    "add the plugin jwt() to Better Auth, or set JWKS_URL to the address at which it publishes its keys; or, \
                     if the app signs its tokens with BETTER_AUTH_SECRET, set JWKS_URL=off"
                }
                404 => {
                    "add the plugin jwt() to Better Auth, or set JWKS_URL to the address at which it publishes its keys"
                }
                _ => "see the log of the app",
            };
            return fail(NAME, format!("{found}: {error}"), advice);
        }
    };
    let list = |keys: &[String]| if keys.is_empty() { "none".into() } else { keys.join("; ") };
    let found = format!("{found}; usable keys: {}", list(&keys.usable));
    if keys.usable.is_empty() && keys.unusable.is_empty() {
        let found = if mode.secret.is_some() {
            format!("{found} (tokens signed with the shared secret are accepted)")
        } else {
            found
        };
        return warn(NAME, found, "request a token from /api/auth/token: Better Auth then creates its key");
    }
    if keys.unusable.is_empty() {
        return ok(NAME, found);
    }
    let found = format!("{found}; unusable keys: {}", list(&keys.unusable));
    let advice =
        "choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig: { alg: \"EdDSA\" } } })";
    if keys.usable.is_empty() { fail(NAME, found, advice) } else { warn(NAME, found, advice) }
}

/// Compares the clock of the issuer at `address` with the clock of this computer.
fn clock(address: &str, answer: Option<&JwksInspection>, leeway: Duration) -> Finding {
    let Some(ahead) = answer.and_then(|answer| answer.ahead_seconds) else {
        return skip(CLOCK, format!("{address} did not send its time"));
    };
    let distance = ahead.unsigned_abs();
    let found = match ahead {
        -1..=1 => format!("{address} has the same time"),
        2.. => format!("{address} is {distance} seconds ahead"),
        _ => format!("{address} is {distance} seconds behind"),
    };
    if distance <= leeway.as_secs().max(1) {
        ok(CLOCK, found)
    } else {
        let advice =
            format!("synchronise both clocks (NTP); jwt.leeway_seconds allows a difference of {}", leeway.as_secs());
        warn(CLOCK, format!("{found}, or the clock of this computer is wrong"), advice)
    }
}
