//! Devices on which an account has been signed in.
//!
//! Guesses of strangers lock an account for a while. A cookie exempts the devices that its user has signed in on before:
//! it has a random id for each account, signed together with the address of the account, which it does not contain.
//! The cookie is not a credential: a known device must still send the right password, and its guesses are counted, too.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use taskbridge_domain::services::KnownDevice;
use taskbridge_domain::session::SessionToken;
use taskbridge_domain::user::Email;

use super::cookies::SessionCookies;
use super::limits::RateLimits;

const COOKIE: &str = "known_device";
/// The longest that browsers keep a cookie (RFC 6265bis, section 5.5).
const MAX_AGE: Duration = Duration::from_hours(400 * 24);
/// Maximum number of accounts of one device, the latest sign-ins.
const MAX_ACCOUNTS: usize = 5;
/// Between the entries of the cookie, and between id and signature of an entry: not digits of base64url.
const SEPARATOR: char = '~';
const DOT: char = '.';
const ID_BYTES: usize = 16;

/// Returns the device that sent the request, if its cookie proves that this account has been signed in on it.
pub(super) fn known_device(request: &HttpRequest, cookies: &SessionCookies, email: &Email) -> Option<KnownDevice> {
    let sent: Vec<_> = cookies.sent(request, COOKIE).collect();
    let known = entries(&sent).find(|entry| is_signed(entry, cookies, email));
    known.and_then(|entry| entry.split_once(DOT)).map(|(id, _)| KnownDevice(id.to_owned()))
}

/// Returns the `Set-Cookie` line that makes the device known for this account; none where guesses are not limited.
pub(super) fn remember_device(
    request: &HttpRequest,
    cookies: &SessionCookies,
    email: &Email,
    token: &SessionToken,
) -> Option<String> {
    request.app_data::<Data<RateLimits>>()?;
    let sent: Vec<_> = cookies.sent(request, COOKIE).collect();
    let (own, others): (Vec<_>, Vec<_>) = entries(&sent).partition(|entry| is_signed(entry, cookies, email));
    let own = own.first().map_or_else(|| new_entry(cookies, email, token), |entry| (*entry).to_owned());
    let entries = [own.as_str()].into_iter().chain(others).take(MAX_ACCOUNTS).collect::<Vec<_>>();
    Some(cookies.line(COOKIE, &entries.join(&SEPARATOR.to_string()), Some(MAX_AGE)))
}

/// Returns what may be entries: of that form, no more than a cookie of ours has.
fn entries(sent: &[String]) -> impl Iterator<Item = &str> {
    let is_of_form = |entry: &&str| {
        let digits =
            |text: &str, bytes: usize| URL_SAFE_NO_PAD.decode(text).is_ok_and(|decoded| decoded.len() == bytes);
        entry.split_once(DOT).is_some_and(|(id, signature)| digits(id, ID_BYTES) && digits(signature, 32))
    };
    sent.iter().flat_map(|value| value.split(SEPARATOR)).filter(is_of_form).take(MAX_ACCOUNTS)
}

/// The id is random because the token of the new session is.
fn new_entry(cookies: &SessionCookies, email: &Email, token: &SessionToken) -> String {
    let random = cookies.mac(&format!("{COOKIE} id {}", token.expose())).finalize().into_bytes();
    let id = URL_SAFE_NO_PAD.encode(&random[..ID_BYTES]);
    let signature = URL_SAFE_NO_PAD.encode(cookies.mac(&signed(&id, email)).finalize().into_bytes());
    format!("{id}{DOT}{signature}")
}

fn is_signed(entry: &str, cookies: &SessionCookies, email: &Email) -> bool {
    let Some((id, signature)) = entry.split_once(DOT) else { return false };
    // In constant time.
    URL_SAFE_NO_PAD
        .decode(signature)
        .is_ok_and(|signature| cookies.mac(&signed(id, email)).verify_slice(&signature).is_ok())
}

/// Returns the text that is signed. No session token is one: it has spaces.
fn signed(id: &str, email: &Email) -> String {
    format!("{COOKIE} {id} {}", email.as_str().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::COOKIE as COOKIE_HEADER;
    use actix_web::test::TestRequest;
    use taskbridge_domain::secret::SharedSecret;
    use taskbridge_domain::testing::fixtures::{moment, user};

    use super::*;
    use crate::CookieConfig;

    fn cookies(secret: &str) -> SessionCookies {
        let config = CookieConfig {
            prefix: "better-auth".into(),
            domain: None,
            secure: false,
            max_age: Duration::from_hours(24),
            accept_unsigned_bearer: true,
        };
        SessionCookies::new(SharedSecret::parse(secret).unwrap(), config)
    }

    fn ours() -> SessionCookies {
        cookies("cookie-secret-not-for-production-0123456789")
    }

    /// A browser that sends this cookie to a server that limits guesses.
    fn browser(cookie: &str) -> HttpRequest {
        let limiter = std::sync::Arc::new(taskbridge_domain::ports::MockRateLimiter::new());
        let clock = std::sync::Arc::new(taskbridge_domain::testing::fixtures::clock_at(moment()));
        let limits = RateLimits::new(limiter, clock, RateLimits::DEFAULT);
        let request = TestRequest::default().app_data(Data::new(limits));
        request.insert_header((COOKIE_HEADER, cookie)).to_http_request()
    }

    /// Returns the cookie that the browser stores after a sign-in of this user.
    fn sign_in(cookie: &str, id: &str) -> String {
        let token = SessionToken::new(format!("token of {id} after {cookie}"));
        let line = remember_device(&browser(cookie), &ours(), &user(id).email, &token).unwrap();
        line.split_once(';').unwrap().0.to_owned()
    }

    fn known(cookie: &str, id: &str) -> Option<String> {
        known_device(&browser(cookie), &ours(), &user(id).email).map(|KnownDevice(device)| device)
    }

    #[test]
    fn a_device_is_known_for_the_accounts_that_signed_in_on_it() {
        let first = sign_in("", "ann");
        let device = known(&first, "ann").unwrap();
        assert_eq!(known(&first, "bob"), None);
        let both = sign_in(&first, "bob");
        assert_eq!(known(&both, "ann").as_ref(), Some(&device));
        assert!(known(&both, "bob").is_some_and(|bobs| bobs != device));
        let again = sign_in(&both, "ann");
        assert_eq!(known(&again, "ann"), Some(device));
        assert_eq!(again.len(), both.len());
        assert!(!again.contains("example"), "{again}");
    }

    #[test]
    fn only_the_latest_accounts_of_a_device_are_kept() {
        let names = ["u1", "u2", "u3", "u4", "u5", "u6"];
        let cookie = names.iter().fold(String::new(), |cookie, id| sign_in(&cookie, id));
        assert_eq!(known(&cookie, "u1"), None);
        assert!(names[1..].iter().all(|id| known(&cookie, id).is_some()));
        assert!(cookie.len() < 400, "{}", cookie.len());
    }

    #[test]
    fn what_was_signed_with_another_secret_or_changed_is_not_known() {
        let cookie = sign_in("", "ann");
        let other = cookies("another-secret-not-for-production-0123456789");
        assert_eq!(known_device(&browser(&cookie), &other, &user("ann").email), None);
        let (name, value) = cookie.split_once('=').unwrap();
        let (id, signature) = value.split_once('.').unwrap();
        let flipped = if id.starts_with('A') { id.replacen('A', "B", 1) } else { format!("A{}", &id[1..]) };
        for changed in [
            format!("{name}={flipped}.{signature}"),
            format!("{name}={id}."),
            format!("{name}={id}.{}", &signature[1..]),
            format!("{name}={id}"),
            format!("{name}="),
            format!("x{cookie}"),
        ] {
            assert_eq!(known(&changed, "ann"), None, "{changed}");
        }
    }

    /// A signed value of one kind is not accepted as the other.
    #[test]
    fn the_cookie_is_no_session_and_a_session_is_no_known_device() {
        let cookies = ours();
        let value = sign_in("", "ann").split_once('=').unwrap().1.to_owned();
        let request = browser(&format!("better-auth.session_token={value}"));
        assert!(cookies.read(&request).is_empty());
        let session = cookies.bearer_form(&SessionToken::new("known_device".into()));
        assert_eq!(known(&format!("better-auth.known_device={session}"), "ann"), None);
    }

    #[test]
    fn where_guesses_are_not_limited_no_device_is_remembered() {
        let request = TestRequest::default().to_http_request();
        let token = SessionToken::new("token".into());
        assert_eq!(remember_device(&request, &ours(), &user("ann").email, &token), None);
    }
}
