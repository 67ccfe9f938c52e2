//! Checks that only need the settings.

use url::Url;

use super::report::{Finding, ok, skip, warn};
use crate::compose::cookie_config;
use crate::settings::{AuthMode, AuthModeName, Configuration, ServerMode, ServerSettings, is_loopback};

pub(super) fn summary(configuration: &Configuration) -> Finding {
    let mode = configuration.mode_name.map_or("unknown", AuthModeName::as_str);
    let sources = &configuration.sources;
    ok("settings", format!("mode {mode}; {} of {} settings are set", sources.count_set(), sources.keys().count()))
}

/// Returns a warning for each problem of the `.env` files.
pub(super) fn dot_env(configuration: &Configuration) -> impl Iterator<Item = Finding> {
    configuration.warnings().iter().map(|warning| {
        let (found, advice) = warning.split_once("; ").unwrap_or((warning, "fix the file"));
        warn("dot_env", found, advice)
    })
}

pub(super) fn secret(configuration: &Configuration) -> Finding {
    let sources = &configuration.sources;
    let found = match (sources.length("auth.secrets"), sources.length("auth.secret")) {
        (Some(_), _) => format!("set, with versions, from {}", sources.name("auth.secrets")),
        (None, Some(length)) => format!("{length}, from {}", sources.name("auth.secret")),
        (None, None) => "not set and not required: only tokens signed with published keys are accepted".into(),
    };
    ok("secret", found)
}

pub(super) fn cors(configuration: &Configuration) -> Finding {
    const NAME: &str = "cors";
    let trusted = &configuration.settings.auth.trusted_origins;
    let mode = configuration.mode.as_ref();
    let own = mode.map(|mode| mode.origin(configuration.settings.server.port.get()));
    let others = trusted.iter().filter(|origin| Some(*origin) != own.as_ref());
    let origins: Vec<_> = own.iter().chain(others).map(String::as_str).collect();
    let found = format!("pages of {} may call the API", origins.join(", "));
    let insecure: Vec<_> = origins.iter().filter(|origin| is_insecure(origin)).copied().collect();
    let is_alone = trusted.is_empty() && matches!(mode, Some(AuthMode::Server(ServerMode { origin: None, .. })));
    if origins.is_empty() {
        skip(NAME, "the origin of the auth server is not known, and no other origin is trusted")
    } else if !insecure.is_empty() {
        let advice = format!(
            "serve {} over https: an attacker on the network path can replace pages that are sent over http",
            insecure.join(", ")
        );
        warn(NAME, found, advice)
    } else if is_alone {
        ok(NAME, format!("{found}; BETTER_AUTH_TRUSTED_ORIGINS would allow other origins"))
    } else {
        ok(NAME, found)
    }
}

/// Returns `true` if an attacker on the network path could serve a page of this origin, because it is http on another
/// computer.
fn is_insecure(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    url.scheme() == "http" && !is_loopback(&url)
}

/// Reports the name of the session cookie. Which cookies browsers have can only be seen in the log of the server.
pub(super) fn cookies(configuration: &Configuration) -> Finding {
    const NAME: &str = "cookies";
    let settings = &configuration.settings;
    let origin = match &configuration.mode {
        None if configuration.mode_name.is_some() => return skip(NAME, "the settings of the auth mode are invalid"),
        None => return skip(NAME, "the auth mode is not known"),
        Some(AuthMode::Bridge(_)) => return skip(NAME, "the app's Better Auth sets the cookies"),
        Some(mode) => mode.origin(settings.server.port.get()),
    };
    let config = cookie_config(&settings.session, &origin);
    let found = format!("the session cookie of {origin} is {}", config.session_cookie());
    if config.secure && is_insecure(&origin) {
        let advice = "set session.secure_cookies = \"auto\", or serve the app over https: browsers ignore Secure cookies of \
                      http pages";
        warn(NAME, found, advice)
    } else if !config.secure && origin.starts_with("https:") {
        let advice = "set session.secure_cookies = \"auto\", unless the app's Better Auth has useSecureCookies: false: browsers \
                      also send these cookies over http, where an attacker on the network path can read them";
        warn(NAME, found, advice)
    } else {
        ok(NAME, format!("{found}; if users of the app have one of another name, the log names the setting"))
    }
}

pub(super) fn proxy(configuration: &Configuration) -> Finding {
    let ServerSettings { host, port, trusted_proxies, forwarded_header, .. } = &configuration.settings.server;
    let (port, header) = (port.get(), forwarded_header.title());
    let client = if trusted_proxies.is_empty() {
        format!("{header} is ignored: the client address is the address of the connection")
    } else {
        let proxies: Vec<_> = trusted_proxies.iter().map(ToString::to_string).collect();
        format!("{header} is trusted from {}", proxies.join(", "))
    };
    ok("proxy", format!("listens on {host}:{port}; {client}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_insecure_over_plain_http_unless_it_is_this_computer() {
        for (origin, expected) in [
            ("https://app.test", false),
            ("http://app.test", true),
            ("http://10.0.0.1:3000", true),
            ("http://localhost:3000", false),
            ("http://app.localhost", false),
            ("http://127.0.0.1:3000", false),
            ("http://[::1]", false),
            ("http://localhost.test", true),
        ] {
            assert_eq!(is_insecure(origin), expected, "{origin}");
        }
    }
}
