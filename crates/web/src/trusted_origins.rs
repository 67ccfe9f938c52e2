//! Trusted origins: the origins whose pages may sign users in and use the API.

use thiserror::Error;
use url::{Host, Url};
use wildmatch::WildMatch;

/// The origins whose pages may sign users in and use the API: the origin of the auth server and those in the settings.
///
/// An entry in the settings has one of these forms, which Better Auth accepts as well:
/// - an origin such as `https://app.example.com`;
/// - a custom scheme of an app such as `myapp://`, with or without host and path;
/// - a pattern in which `*` matches any number of characters and `?` matches exactly one character; both also match
///   dots. A pattern that contains `://` is compared with the whole origin, any other pattern with the host and the
///   port. A pattern of an IPv4 address, such as `192.168.*`, matches only IPv4 addresses.
#[derive(Debug, Clone, Default)]
pub struct TrustedOrigins(Vec<Pattern>);

/// Errors from adding a trusted origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidOrigin {
    /// The text is neither an origin nor a pattern.
    #[error("is not an origin such as https://app.example.com, nor a pattern of origins")]
    NotAnOrigin,
    /// The pattern matches every origin, so it would trust every site.
    #[error("would trust every site")]
    Everything,
}

impl TrustedOrigins {
    /// Adds an origin or a pattern.
    ///
    /// # Errors
    /// Returns [`InvalidOrigin`] if the text is neither an origin nor a pattern, or if the pattern matches every
    /// origin.
    pub fn add(&mut self, text: &str) -> Result<(), InvalidOrigin> {
        let pattern = Pattern::parse(text).ok_or(InvalidOrigin::NotAnOrigin)?;
        // No site can have a name in `.invalid` (RFC 2606), so only a pattern for every origin matches these URLs.
        if ["https://nobody.invalid", "http://nobody.invalid:8000"].iter().any(|url| pattern.matches(url)) {
            return Err(InvalidOrigin::Everything);
        }
        self.0.push(pattern);
        Ok(())
    }

    /// Returns `true` if the origin of this URL is trusted.
    #[must_use]
    pub fn trust(&self, url: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(url))
    }

    /// Returns `true` if the text is a trusted origin. A text with a path or a trailing slash is not an origin.
    pub(crate) fn trust_origin(&self, origin: &str) -> bool {
        // In the common case, comparing the text is enough. This avoids parsing the URL, which takes most of the time.
        if self.0.iter().any(|pattern| matches!(pattern, Pattern::Origin(trusted) if trusted == origin)) {
            return true;
        }
        let is_origin = match Url::parse(origin) {
            Ok(url) if is_of_the_web(&url) => url.origin().ascii_serialization() == origin,
            // A URL with a custom scheme, such as `app://host`, counts as an origin if nothing follows the host.
            Ok(url) => url.path().is_empty() && url.query().is_none() && url.fragment().is_none(),
            Err(_) => false,
        };
        is_origin && self.trust(origin)
    }

    /// Returns `true` if a client may be redirected to `url`: a URL of a trusted origin, or a path of the same site.
    pub(crate) fn trust_target(&self, url: &str) -> bool {
        is_safe_path(url) || self.trust(url)
    }
}

#[derive(Debug, Clone)]
enum Pattern {
    /// An http or https origin, as the URL standard serializes it.
    Origin(String),
    /// A pattern with wildcards that is compared with http and https origins.
    Wildcard {
        pattern: WildMatch,
        /// Whether the pattern is compared with scheme, host and port. If not, it is compared with host and port only.
        has_scheme: bool,
        /// Whether the pattern only matches IPv4 addresses.
        is_address: bool,
    },
    /// A URL with a custom scheme. This URL and all URLs below its path are trusted.
    App(AppUrl),
    /// A pattern with wildcards that is compared with URLs that have a custom scheme.
    AppWildcard(WildMatch),
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        let has_wildcard = text.contains(['*', '?']);
        let is_web = scheme.is_none_or(|scheme| {
            scheme.contains(['*', '?']) || ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
        });
        match (is_web, has_wildcard) {
            (true, false) => {
                scheme?;
                let url = Url::parse(text).ok().filter(is_of_the_web)?;
                let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
                is_origin.then(|| Self::Origin(url.origin().ascii_serialization()))
            }
            (true, true) => {
                let host = rest.split(':').next().unwrap_or_default();
                let is_address = host.starts_with(|c: char| c.is_ascii_digit())
                    && host.chars().all(|c| c.is_ascii_digit() || ".*?".contains(c));
                let pattern = WildMatch::new(&text.to_ascii_lowercase());
                let is_authority = !rest.contains(|c: char| "/\\#@".contains(c) || c.is_whitespace() || c.is_control());
                is_authority.then_some(Self::Wildcard { pattern, has_scheme: scheme.is_some(), is_address })
            }
            (false, false) => AppUrl::parse(text).map(Self::App),
            (false, true) => {
                AppUrl::parse(text).map(|_| Self::AppWildcard(WildMatch::new(&with_lower_authority(text))))
            }
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Origin(origin) => web_url(text).is_some_and(|url| url.origin().ascii_serialization() == *origin),
            Self::Wildcard { pattern, has_scheme, is_address } => web_url(text).is_some_and(|url| {
                let origin = url.origin().ascii_serialization();
                let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
                pattern.matches(if *has_scheme { &origin } else { authority })
                    && (!is_address || matches!(url.host(), Some(Host::Ipv4(_))))
            }),
            Self::App(app) => AppUrl::parse(text).is_some_and(|url| app.is_prefix_of(&url)),
            Self::AppWildcard(pattern) => AppUrl::parse(text).is_some() && pattern.matches(&with_lower_authority(text)),
        }
    }
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(is_of_the_web)
}

fn is_of_the_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// A URL with a custom scheme: `myapp://host/path`.
#[derive(Debug, Clone)]
struct AppUrl {
    /// The scheme, in lower case.
    scheme: String,
    /// The authority, in lower case. If a trusted URL has neither authority nor path, all URLs of its scheme match.
    authority: String,
    /// The path, without dot segments and without trailing slash.
    path: String,
}

impl AppUrl {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !is_scheme || text.contains(|c: char| c.is_ascii_control() || c == '\\') {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        // Joins the path to an http URL only to resolve its dot segments as the URL standard does.
        let url = Url::parse("http://app.invalid").ok()?.join(rest).ok()?;
        let scheme = scheme.to_ascii_lowercase();
        let is_app = !matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "ftp" | "file");
        let path = url.path().trim_end_matches('/').to_owned();
        is_app.then(|| Self { scheme, authority: authority.to_ascii_lowercase(), path })
    }

    fn is_prefix_of(&self, url: &Self) -> bool {
        let Self { scheme, authority, path } = self;
        let is_any = authority.is_empty() && path.is_empty();
        let path_follows =
            url.path.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        *scheme == url.scheme && (is_any || *authority == url.authority && path_follows)
    }
}

/// Returns the URL with scheme and authority in lower case.
fn with_lower_authority(url: &str) -> String {
    let authority = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |path| authority + path);
    format!("{}{}", url[..end].to_ascii_lowercase(), &url[end..])
}

/// Returns `true` if the text is a path that browsers resolve to the same site.
fn is_safe_path(text: &str) -> bool {
    if !text.starts_with('/') || text.starts_with("//") || text.contains(|c: char| c.is_control() || c == '\\') {
        return false;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    if path.contains("%2f") || path.contains("%5c") {
        return false;
    }
    let site = Url::parse("http://site.invalid");
    site.is_ok_and(|site| site.join(text).is_ok_and(|url| url.origin() == site.origin()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../../tests/vectors/trusted-origins.json");

    fn trusting(pattern: &str) -> TrustedOrigins {
        let mut origins = TrustedOrigins::default();
        origins.add(pattern).unwrap();
        origins
    }

    #[test]
    fn patterns_match_as_in_better_auth() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 132);
        for case in cases {
            let origins = trusting(case["pattern"].as_str().unwrap());
            let url = case["url"].as_str().unwrap();
            let is_target = case["allowRelativePaths"].as_bool().unwrap();
            let trusted = if is_target { origins.trust_target(url) } else { origins.trust(url) };
            assert_eq!(Some(trusted), case["match"].as_bool(), "{case}");
        }
    }

    #[test]
    fn similar_origins_are_not_trusted() {
        let origins = trusting("https://app.example.com");
        for url in [
            "https://app.example.com.evil.test",
            "https://evil.test/https://app.example.com",
            "https://evil-app.example.com",
            "https://app.example.co",
            "https://app.example.com:8443",
            "http://app.example.com",
            "https://app.example.com@evil.test",
            "https://xn--pp-lja.example.com",
            "https://\u{430}pp.example.com",
            "javascript://app.example.com/%0aalert(1)",
            "data:text/html,https://app.example.com",
            "null",
            "",
        ] {
            assert!(!origins.trust(url) && !origins.trust_target(url) && !origins.trust_origin(url), "{url}");
        }
    }

    #[test]
    fn an_origin_must_be_exact() {
        let mut origins = trusting("https://*.example.com");
        origins.add("capacitor://localhost").unwrap();
        assert!(origins.trust_origin("https://a.example.com") && origins.trust_origin("capacitor://localhost"));
        for url in [
            "https://a.example.com/",
            "https://A.example.com",
            "https://a.example.com:443",
            "https://user@a.example.com",
            "https://a.example.com/path",
            "capacitor://localhost/path",
            "capacitor://localhost?query",
        ] {
            assert!(origins.trust(url) && !origins.trust_origin(url), "{url}");
        }
    }

    #[test]
    fn invalid_origins_and_patterns_for_every_origin_are_rejected() {
        for text in [
            "",
            "example.com",
            "localhost:3000",
            "https://",
            "https://a.example/path",
            "https://*.a.example/x",
            "//a",
            "null",
        ] {
            assert_eq!(TrustedOrigins::default().add(text), Err(InvalidOrigin::NotAnOrigin), "{text}");
        }
        for text in ["*", "https://*", "http*://*", "*://*:*", "*.*", "http?://*"] {
            assert_eq!(TrustedOrigins::default().add(text), Err(InvalidOrigin::Everything), "{text}");
        }
    }
}
