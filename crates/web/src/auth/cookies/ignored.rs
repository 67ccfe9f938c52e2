//! Session cookies that are ignored because of their name or their signature.
//!
//! A Better Auth with another `cookiePrefix`, `useSecureCookies` or secret sets them. Users who have only such a cookie are
//! not signed in, and see no error. Therefore, the log names the settings.

use std::sync::{Mutex, PoisonError};

use super::config::CookieConfig;

/// Maximum length of a name that is reported, in bytes.
const MAX_BYTES: usize = 100;

/// Maximum number of names of each kind (signed with the shared secret, or not) that are reported, because clients can
/// send any number of names. A client without a session can only send unsigned cookies. The name of this server's own
/// session cookie does not count.
const MAX_NAMES: usize = 8;

/// The names of ignored session cookies that have been reported since the process started.
#[derive(Default)]
pub(super) struct IgnoredCookies(Mutex<Vec<(String, bool)>>);

impl IgnoredCookies {
    /// Returns advice about an ignored session cookie, or `None` if its name has been reported. `is_signed` is `true` if
    /// the shared secret signed its value.
    pub(super) fn advice(&self, name: &[u8], is_signed: bool, config: &CookieConfig) -> Option<String> {
        // Other names than of visible ASCII characters are invalid (RFC 6265, section 4.1.1), and could mislead in a log.
        let name = str::from_utf8(name).ok().filter(|name| name.len() <= MAX_BYTES)?;
        let name = Some(name).filter(|name| name.bytes().all(|byte| byte.is_ascii_graphic()))?;
        let ours = config.session_cookie();
        let other = format!("ignored the session cookie {name}, because the name of this server's is {ours}");
        let advice = match (config.settings_for(name), is_signed) {
            (_, false) if name == ours => format!(
                "ignored the session cookie {name}, because BETTER_AUTH_SECRET did not sign it: if it is the cookie of this \
                 app, set the app's secret"
            ),
            (Some(settings), true) => {
                format!(
                    "{other}: BETTER_AUTH_SECRET signed it, so set {settings}, unless the app has stopped using this name"
                )
            }
            (Some(settings), false) => format!(
                "{other}: if it is the cookie of this app, set {settings}, and the app's secret as BETTER_AUTH_SECRET, \
                 which did not sign it"
            ),
            (None, true) => format!(
                "{other}: BETTER_AUTH_SECRET signed it, but no setting makes Taskbridge read it; remove \
                 advanced.cookies.session_token from the app's Better Auth"
            ),
            // The cookie of another program.
            (None, false) => return None,
        };
        self.insert(name, is_signed, &ours).then_some(advice)
    }

    /// Adds a name. Returns `false` if it is known, or if there are too many that are not `ours`.
    fn insert(&self, name: &str, is_signed: bool, ours: &str) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this_kind = || reported.iter().filter(|(_, signed)| *signed == is_signed);
        let others = of_this_kind().filter(|(known, _)| known != ours).count();
        let is_new = (name == ours || others < MAX_NAMES) && !of_this_kind().any(|(known, _)| known == name);
        if is_new {
            reported.push((name.to_owned(), is_signed));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config(prefix: &str, secure: bool) -> CookieConfig {
        let max_age = Duration::from_hours(24);
        CookieConfig { prefix: prefix.into(), domain: None, secure, max_age, accept_unsigned_bearer: true }
    }

    #[test]
    fn the_settings_for_a_name_make_it_the_name_of_the_session_cookie() {
        let (plain, secure) = (config("better-auth", false), config("my.app", true));
        for (config, name, settings) in [
            (&plain, "__Secure-better-auth.session_token", "session.secure_cookies to on"),
            (&plain, "my.app.session_token", "session.cookie_prefix to my.app"),
            (&plain, "__Secure-app.session_token", "session.cookie_prefix to app and session.secure_cookies to on"),
            (&secure, "my.app.session_token", "session.secure_cookies to off"),
            (&secure, "__Secure-better-auth.session_token", "session.cookie_prefix to better-auth"),
        ] {
            for is_signed in [true, false] {
                let advice = IgnoredCookies::default().advice(name.as_bytes(), is_signed, config).unwrap();
                assert!(advice.contains(&format!(" set {settings},")), "{advice}");
                assert!(advice.contains(name) && advice.contains(&config.session_cookie()), "{advice}");
            }
        }
    }

    #[test]
    fn a_cookie_of_the_right_name_that_another_secret_signed_is_reported() {
        let config = config("better-auth", true);
        let advice =
            |is_signed| IgnoredCookies::default().advice(config.session_cookie().as_bytes(), is_signed, &config);
        assert!(advice(false).unwrap().contains("set the app's secret"));
    }

    #[test]
    fn a_name_for_which_there_is_no_setting_is_reported_if_the_secret_signed_the_cookie() {
        for name in
            ["session_token", "app-session_token", "__Host-app.session_token", "a/b.session_token", ".session_token"]
        {
            let advice = |is_signed| IgnoredCookies::default().advice(name.as_bytes(), is_signed, &config("a", false));
            assert!(advice(true).unwrap().contains("advanced.cookies.session_token"), "{name}");
            assert_eq!(advice(false), None, "{name}");
        }
    }

    #[test]
    fn hostile_names_are_not_reported() {
        let long = format!("{}.session_token", "x".repeat(MAX_BYTES));
        for name in ["a b.session_token", "a\x1b[31m.session_token", "\u{e9}.session_token", &long] {
            assert_eq!(IgnoredCookies::default().advice(name.as_bytes(), true, &config("b", false)), None, "{name}");
        }
        assert_eq!(IgnoredCookies::default().advice(b"\xff.session_token", true, &config("b", false)), None);
    }

    #[test]
    fn each_name_is_reported_once_and_forged_names_do_not_displace_signed_ones() {
        let names = IgnoredCookies::default();
        let advice = |number: usize, is_signed| {
            names.advice(format!("app{number}.session_token").as_bytes(), is_signed, &config("better-auth", false))
        };
        for is_signed in [false, true] {
            let reported: Vec<_> = (0..2 * MAX_NAMES).filter_map(|number| advice(number, is_signed)).collect();
            assert_eq!(reported.len(), MAX_NAMES);
            assert!((0..2 * MAX_NAMES).all(|number| advice(number, is_signed).is_none()));
        }
    }

    #[test]
    fn other_names_do_not_displace_that_of_this_server() {
        let (names, config) = (IgnoredCookies::default(), config("better-auth", false));
        let advice = |name: &str| names.advice(name.as_bytes(), false, &config);
        let others =
            |from| (from..from + MAX_NAMES).filter(|number| advice(&format!("{number}.session_token")).is_some());
        assert_eq!(others(0).count(), MAX_NAMES);
        assert!(advice(&config.session_cookie()).is_some());
        assert_eq!(advice(&config.session_cookie()), None);
        assert_eq!(others(MAX_NAMES).count(), 0);
    }
}
