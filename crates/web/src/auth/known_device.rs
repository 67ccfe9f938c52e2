//! Devices on which an account has been signed in.
//!
//! Too many wrong passwords lock an account for a while. The cookie `known_device` exempts the devices on which the
//! user has signed in before. It contains an HMAC of the email address of each account, not the email address itself.
//! It is not a credential: a known device must still send the right password, and its wrong passwords are counted, too.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use taskbridge_domain::users::Email;

use super::cookies::SessionCookies;
use super::rate_limit::RateLimits;

const COOKIE: &str = "known_device";
/// Lifetime of the cookie: the maximum that browsers accept (RFC 6265bis, section 5.5).
const MAX_AGE: Duration = Duration::from_hours(400 * 24);
/// Maximum number of accounts in the cookie. The accounts with the latest sign-ins are kept.
const MAX_ACCOUNTS: usize = 5;
/// Maximum number of signatures verified for a request, which may have several cookies of this name.
const MAX_VERIFIED: usize = 4 * MAX_ACCOUNTS;
/// Separator between signatures. It cannot be part of a signature, because it is not in the base64url alphabet.
const SEPARATOR: &str = "~";

/// Returns `true` if the cookie of the request proves that this account has been signed in on the device.
pub(super) fn is_known_device(request: &HttpRequest, cookies: &SessionCookies, email: &Email) -> bool {
    signatures(request, cookies).iter().any(|signature| is_signature_of(signature, cookies, email))
}

/// Returns the `Set-Cookie` values that make the device known for this account, or none if rate limits are off.
pub(super) fn remember_device(request: &HttpRequest, cookies: &SessionCookies, email: &Email) -> Vec<String> {
    if request.app_data::<Data<RateLimits>>().is_none() {
        return Vec::new();
    }
    let mut known = vec![cookies.mac(&signed_text(email)).finalize().into_bytes().to_vec()];
    for signature in signatures(request, cookies) {
        if !known.contains(&signature) && known.len() < MAX_ACCOUNTS {
            known.push(signature);
        }
    }
    let value = known.iter().map(|signature| URL_SAFE_NO_PAD.encode(signature)).collect::<Vec<_>>().join(SEPARATOR);
    cookies.lines(COOKIE, &value, Some(MAX_AGE))
}

/// Returns the possible signatures in the cookie: the decoded values that have the length of a signature.
fn signatures(request: &HttpRequest, cookies: &SessionCookies) -> Vec<Vec<u8>> {
    let values: Vec<_> = cookies.sent(request, COOKIE).collect();
    let decoded =
        values.iter().flat_map(|value| value.split(SEPARATOR)).filter_map(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.filter(|signature| signature.len() == 32).take(MAX_VERIFIED).collect()
}

/// Returns `true` if `signature` is valid for the account with this email address. Compares in constant time.
fn is_signature_of(signature: &[u8], cookies: &SessionCookies, email: &Email) -> bool {
    cookies.mac(&signed_text(email)).verify_slice(signature).is_ok()
}

/// Returns the text that is signed for an account. It contains a space, so that it differs from every session token,
/// because session tokens are signed with the same secret.
fn signed_text(email: &Email) -> String {
    format!("{COOKIE} {}", email.as_str().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::http::header::COOKIE as COOKIE_HEADER;
    use actix_web::test::TestRequest;
    use taskbridge_domain::ports::MockRateLimiter;
    use taskbridge_domain::secret::SharedSecret;
    use taskbridge_domain::sessions::SessionToken;
    use taskbridge_domain::testing::fixtures::{clock_at, moment, user};

    use super::*;
    use crate::CookieConfig;

    fn cookies(secret: &str, domain: Option<&str>) -> SessionCookies {
        let config = CookieConfig {
            prefix: "better-auth".into(),
            domain: domain.map(str::to_owned),
            secure: false,
            max_age: Duration::from_hours(24),
            accept_unsigned_bearer: true,
        };
        SessionCookies::new(SharedSecret::parse(secret).unwrap(), config)
    }

    fn ours() -> SessionCookies {
        cookies("cookie-secret-not-for-production-0123456789", None)
    }

    /// Returns a request with this cookie to an app that has rate limits.
    fn browser(cookie: &str) -> HttpRequest {
        let limits =
            RateLimits::new(Arc::new(MockRateLimiter::new()), Arc::new(clock_at(moment())), RateLimits::DEFAULT);
        let request = TestRequest::default().app_data(Data::new(limits));
        request.insert_header((COOKIE_HEADER, cookie)).to_http_request()
    }

    /// Returns the cookie that a browser with `cookie` stores after a sign-in of the user `id`.
    fn sign_in(cookie: &str, id: &str) -> String {
        let [line] = <[_; 1]>::try_from(remember_device(&browser(cookie), &ours(), &user(id).email)).unwrap();
        line.split_once(';').unwrap().0.to_owned()
    }

    fn is_known(cookie: &str, id: &str) -> bool {
        is_known_device(&browser(cookie), &ours(), &user(id).email)
    }

    #[test]
    fn a_device_is_known_for_the_accounts_that_signed_in_on_it() {
        let first = sign_in("", "ann");
        assert!(is_known(&first, "ann") && !is_known(&first, "bob"));
        let both = sign_in(&first, "bob");
        assert!(is_known(&both, "ann") && is_known(&both, "bob") && !is_known(&both, "eve"));
        let again = sign_in(&both, "ann");
        assert_eq!(again.len(), both.len());
        assert!(!again.contains("example"), "{again}");
    }

    #[test]
    fn only_the_latest_accounts_of_a_device_are_kept() {
        let names = ["u1", "u2", "u3", "u4", "u5", "u6"];
        let cookie = names.iter().fold(String::new(), |cookie, id| sign_in(&cookie, id));
        assert!(!is_known(&cookie, "u1"));
        assert!(names[1..].iter().all(|id| is_known(&cookie, id)));
        assert!(cookie.len() < 250, "{}", cookie.len());
    }

    #[test]
    fn a_cookie_with_an_invalid_signature_is_ignored() {
        let cookie = sign_in("", "ann");
        let other = cookies("another-secret-not-for-production-0123456789", None);
        assert!(!is_known_device(&browser(&cookie), &other, &user("ann").email));
        let (name, value) = cookie.split_once('=').unwrap();
        let flipped = if value.starts_with('A') { value.replacen('A', "B", 1) } else { format!("A{}", &value[1..]) };
        for changed in [
            format!("{name}={flipped}"),
            format!("{name}={}", &value[1..]),
            format!("{name}={value}="),
            format!("{name}="),
            format!("x{cookie}"),
        ] {
            assert!(!is_known(&changed, "ann"), "{changed}");
        }
    }

    /// A request may have several cookies of this name, because another host of the same domain may have set one, too.
    #[test]
    fn other_cookies_before_it_do_not_hide_it() {
        let junk = [URL_SAFE_NO_PAD.encode([7; 32]).as_str()].repeat(MAX_ACCOUNTS).join(SEPARATOR);
        let junk = format!("better-auth.known_device={junk}; better-auth.known_device=x~y");
        assert!(is_known(&format!("{junk}; {}", sign_in("", "ann")), "ann"));
    }

    /// The session cookie and the cookie `known_device` are signed with the same secret, but neither is accepted as the
    /// other.
    #[test]
    fn a_known_device_is_not_a_session_and_vice_versa() {
        let cookies = ours();
        let value = sign_in("", "ann").split_once('=').unwrap().1.to_owned();
        assert!(cookies.read(&browser(&format!("better-auth.session_token={value}"))).is_empty());
        let email = user("ann").email;
        let session = cookies.bearer_form(&SessionToken::new(email.as_str().to_owned()));
        assert!(!is_known(&format!("better-auth.known_device={session}"), "ann"));
    }

    #[test]
    fn without_rate_limits_no_device_is_remembered() {
        let request = TestRequest::default().to_http_request();
        assert!(remember_device(&request, &ours(), &user("ann").email).is_empty());
    }

    #[test]
    fn with_a_domain_the_host_only_cookie_is_removed() {
        let cookies = cookies("cookie-secret-not-for-production-0123456789", Some("example.test"));
        let lines = remember_device(&browser(""), &cookies, &user("ann").email);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("better-auth.known_device=; Max-Age=0; Path=/;"), "{lines:?}");
        assert!(lines[1].contains("; Domain=example.test;"), "{lines:?}");
    }
}
