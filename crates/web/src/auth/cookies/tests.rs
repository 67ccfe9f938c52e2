use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../../../tests/vectors/cookies.json");
const WEEK: Duration = Duration::from_hours(7 * 24);

fn cookies(secret: &Value, secure: bool) -> Option<SessionCookies> {
    SharedSecret::parse(secret.as_str()?).ok().map(|secret| SessionCookies::new(secret, config(secure)))
}

fn config(secure: bool) -> CookieConfig {
    CookieConfig { prefix: "better-auth".into(), domain: None, secure, max_age: WEEK, accept_unsigned_bearer: true }
}

fn read(cookies: &SessionCookies, header: &str) -> Option<String> {
    let request = TestRequest::default().insert_header((COOKIE, header)).to_http_request();
    cookies.read(&request).first().map(|token| token.expose().to_owned())
}

#[test]
fn cookies_are_exactly_those_of_better_auth() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let secure = case["baseURL"].as_str().unwrap().starts_with("https://");
        // One vector is skipped: its secret is one letter, repeated a hundred times, which `SharedSecret` rejects.
        let Some(cookies) = cookies(&case["secret"], secure) else { continue };
        let token = SessionToken::new(case["token"].as_str().unwrap().into());
        let lines = cookies.set(&token, case["rememberMe"].as_bool().unwrap());
        assert_eq!(serde_json::json!(lines), case["setCookie"]);
        assert_eq!(cookies.bearer_form(&token), case["setAuthTokenHeader"].as_str().unwrap());
        let header = case["requestCookieHeader"].as_str().unwrap();
        assert_eq!(read(&cookies, header).as_deref(), case["token"].as_str());
        let bearer = cookies.read_bearer(case["setAuthTokenHeader"].as_str().unwrap()).unwrap();
        assert_eq!(Some(bearer.expose()), case["token"].as_str());
        compared += 1;
    }
    assert_eq!(compared, 6);
}

#[test]
fn cookies_with_an_invalid_signature_are_ignored() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cookies = cookies(&vectors["invalid"]["secret"], false).unwrap();
    let cases = vectors["invalid"]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let value = case["cookieValue"].as_str().unwrap();
        assert_eq!(read(&cookies, &format!("better-auth.session_token={value}")), None, "{}", case["why"]);
    }
}

#[test]
fn a_cookie_is_found_among_others_by_its_exact_name() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let case = &vectors["cases"][0];
    let cookies = cookies(&case["secret"], false).unwrap();
    let good = case["requestCookieHeader"].as_str().unwrap();
    let raw = format!("better-auth.session_token={}", case["setAuthTokenHeader"].as_str().unwrap());
    let quoted = format!("better-auth.session_token=\"{}\"", case["setAuthTokenHeader"].as_str().unwrap());
    for header in [format!("a=b; {good}; c"), format!("{good};x=y"), raw, quoted] {
        assert_eq!(read(&cookies, &header).as_deref(), case["token"].as_str(), "{header}");
    }
    for header in [
        format!("x{good}"),
        format!("__Secure-{good}"),
        good.to_uppercase(),
        "better-auth.session_token".into(),
        "better-auth.session_token=".into(),
        "better-auth.session_token=%".into(),
        "better-auth.session_token=%ff.%ff".into(),
    ] {
        assert_eq!(read(&cookies, &header), None, "{header}");
    }
}

#[test]
fn cookies_of_other_programs_are_ignored() {
    let cookies = SessionCookies::new(secret("cookie-secret-not-for-production-0123456789"), config(false));
    let own = sent_back(&cookies, "token");
    for header in [format!("city=München; {own}"), format!("{own}; x=é"), format!("novalue; é; =; {own}")] {
        let header = HeaderValue::from_bytes(header.as_bytes()).unwrap();
        let request = TestRequest::default().insert_header((COOKIE, header)).to_http_request();
        assert_eq!(cookies.read(&request)[0].expose(), "token");
    }
}

#[test]
fn name_and_domain_are_configurable() {
    let secret = secret("cookie-secret-not-for-production-0123456789");
    let config = CookieConfig { prefix: "my.app".into(), domain: Some("example.com".into()), ..config(true) };
    let cookies = SessionCookies::new(secret, config);
    let lines = cookies.set(&SessionToken::new("token".into()), false);
    let tail = "; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax";
    let twin = "=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax";
    for (pair, name) in lines.chunks(2).zip(["session_token", "dont_remember"]) {
        assert_eq!(pair[0], format!("__Secure-my.app.{name}{twin}"));
        assert!(pair[1].starts_with(&format!("__Secure-my.app.{name}=")) && pair[1].ends_with(tail), "{pair:?}");
    }
    assert_eq!(read(&cookies, lines[1].split(';').next().unwrap()).as_deref(), Some("token"));
    let cleared = cookies.clear();
    assert_eq!(cleared.len(), 6);
    for pair in cleared.chunks(2) {
        assert!(pair[0].ends_with(twin) && pair[1].ends_with(&format!("=; Max-Age=0{tail}")), "{pair:?}");
    }
}

#[test]
fn every_session_cookie_with_a_valid_signature_is_read() {
    let cookies = SessionCookies::new(secret("cookie-secret-not-for-production-0123456789"), config(false));
    let header = |tokens: &[&str]| tokens.iter().map(|token| sent_back(&cookies, token)).collect::<Vec<_>>().join("; ");
    let forged = "better-auth.session_token=forged.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (sent, expected) in [
        (header(&["old", "new"]), &["old", "new"][..]),
        (format!("{forged}; {}", header(&["new"])), &["new"]),
        (header(&["a", "a", "b"]), &["a", "b"]),
        (header(&["a", "b", "c", "d", "e"]), &["a", "b", "c", "d"]),
        (forged.to_owned(), &[]),
    ] {
        let request = TestRequest::default().insert_header((COOKIE, sent)).to_http_request();
        let read = cookies.read(&request);
        assert_eq!(read.iter().map(SessionToken::expose).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn an_unsigned_bearer_token_is_accepted_if_configured() {
    let secret = || secret("cookie-secret-not-for-production-0123456789");
    let strict = SessionCookies::new(secret(), CookieConfig { accept_unsigned_bearer: false, ..config(false) });
    assert!(strict.read_bearer("bare").is_none());
    let signed = strict.bearer_form(&SessionToken::new("bare".into()));
    assert_eq!(strict.read_bearer(&signed).unwrap().expose(), "bare");
}

#[test]
fn the_cookie_dont_remember_must_be_signed() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cookies = cookies(&vectors["cases"][0]["secret"], false).unwrap();
    let line = cookies.set(&SessionToken::new("token".into()), false).remove(1);
    let sent = line.split(';').next().unwrap();
    let forged = "better-auth.dont_remember=true";
    let of_another = sent.replace("dont_remember=true", "dont_remember=false");
    for (header, expected) in [(sent, true), (forged, false), (&*of_another, false), ("", false)] {
        let request = TestRequest::default().insert_header((COOKIE, header)).to_http_request();
        assert_eq!(cookies.is_unremembered(&request), expected, "{header}");
    }
}

#[test]
fn a_jwt_is_not_a_session_token() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let cookies = cookies(&vectors["cases"][0]["secret"], false).unwrap();
    assert!(cookies.read_bearer("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJl").is_none());
    assert!(cookies.read_bearer("").is_none());
    assert_eq!(cookies.read_bearer("bare").unwrap().expose(), "bare");
}

/// Returns the cookie that a browser sends for a session with this token.
fn sent_back(cookies: &SessionCookies, token: &str) -> String {
    let line = cookies.set(&SessionToken::new(token.to_owned()), true).remove(0);
    line.split_once(';').unwrap().0.to_owned()
}

fn secret(text: &str) -> SharedSecret {
    SharedSecret::parse(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_token_can_be_read_back(token in "(?s).{1,40}", secure: bool, before in "[a-z]{1,3}=[!-:<-~]{0,5}") {
        let cookies = SessionCookies::new(secret("cookie-secret-not-for-production-0123456789"), config(secure));
        let cookie = sent_back(&cookies, &token);
        prop_assert!(cookie.bytes().all(|byte| byte.is_ascii_graphic() && !b"\";,\\".contains(&byte)), "{}", cookie);
        prop_assert_eq!(read(&cookies, &cookie), Some(token.clone()));
        prop_assert_eq!(read(&cookies, &format!("{before}; {cookie}")), Some(token));

        let others = SessionCookies::new(secret("another-secret-not-for-production-0123456789"), config(secure));
        prop_assert_eq!(read(&others, &cookie), None);
    }

    /// A changed cookie is ignored, unless it is the same as before once its percent-encoding is decoded.
    #[test]
    fn a_changed_cookie_is_ignored(token in "[A-Za-z0-9]{32}", from: Index, length in 0..3_usize, put_in in "[ -~]{0,3}") {
        let cookies = SessionCookies::new(secret("cookie-secret-not-for-production-0123456789"), config(false));
        let session = SessionToken::new(token.clone());
        for signed in [cookies.bearer_form(&session), cookies.cookie_value(&token)] {
            let from = from.index(signed.len());
            let to = (from + length).min(signed.len());
            let changed = format!("{}{put_in}{}", &signed[..from], &signed[to..]);
            let first = changed.split(';').next().unwrap().trim();
            let is_the_same = percent_decode_str(first).eq(percent_decode_str(&signed));
            let expected = is_the_same.then(|| token.clone());
            prop_assert_eq!(read(&cookies, &format!("better-auth.session_token={changed}")), expected);
            let bearer = cookies.read_bearer(&changed).filter(|_| changed.contains('.'));
            prop_assert!(bearer.is_none_or(|bearer| bearer.expose() == token));
        }
    }
}
