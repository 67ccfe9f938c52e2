//! How credentials are sent, and which other ways are rejected.

use reqwest::Method;
use serde_json::{Value, json};
use support::raw::{Answer, request, send, send_unfinished, timeless};
use support::routes::task_routes;
use support::user::{PASSWORD, REFUSAL};
use support::{Forge, Server, User};

const BARE: Option<&str> = Some("Bearer");
const INVALID: Option<&str> = Some(r#"Bearer error="invalid_token""#);

/// Requests the list with these header lines.
async fn list(server: &Server, user: &User, headers: &[&str]) -> Answer {
    get(server, &user.tasks(""), headers).await
}

async fn get(server: &Server, path: &str, headers: &[&str]) -> Answer {
    send(server, &request(&format!("GET {path} HTTP/1.1"), headers, b"")).await
}

fn assert_refused(answer: &Answer, challenge: Option<&str>, name: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (401, REFUSAL), "{name}");
    assert_eq!(answer.header("www-authenticate"), challenge, "{name}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
}

/// Starts a server with two users, who have one task each.
async fn two_users() -> (Server, User, User) {
    let server = Server::start();
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    for user in [&ann, &bob] {
        user.add(json!({ "title": format!("of {}", user.email) })).await;
    }
    (server, ann, bob)
}

/// Without a valid token, every route has the same answer; only the challenge differs.
#[tokio::test]
async fn every_task_route_wants_a_good_token() {
    let (server, ann, _) = two_users().await;
    let forge = Forge::of(&server);
    let expired = forge.signed(&json!({ "sub": ann.id, "exp": 1, "iss": server.origin, "aud": server.origin }));
    let forged = format!("{}x", ann.token);
    let before = ann.list().await;
    for (method, rest, body, _) in task_routes("1") {
        for slash in ["", "/"] {
            for (token, challenge) in [(None, BARE), (Some(&expired), INVALID), (Some(&forged), INVALID)] {
                let authorization = token.map(|token| format!("Authorization: Bearer {token}"));
                let headers: Vec<_> =
                    ["Content-Type: application/json"].into_iter().chain(authorization.as_deref()).collect();
                let line = format!("{method} {}{slash} HTTP/1.1", ann.tasks(&rest));
                let answer = send_unfinished(&server, &request(&line, &headers, body.as_bytes())).await;
                assert_refused(&answer, challenge, &line);
            }
        }
    }
    assert_eq!(ann.list().await, before);
}

/// Head and body of the answer do not depend on what is wrong with a token.
#[tokio::test]
async fn the_answer_does_not_tell_what_is_wrong_with_a_token() {
    let (server, ann, bob) = two_users().await;
    let forge = Forge::of(&server);
    let mut foreign = forge.claims(&ann.id);
    foreign["iss"] = json!("https://evil.example.test");
    let reference = list(&server, &ann, &["Authorization: Bearer x"]).await;
    assert_refused(&reference, INVALID, "x");
    let cases = [
        ("expired", forge.signed(&json!({ "sub": ann.id, "exp": 1, "iss": server.origin, "aud": server.origin }))),
        ("wrong issuer", forge.signed(&foreign)),
        ("no claims", forge.signed(&json!({}))),
        ("forged", format!("{}x", ann.token)),
        ("of another, forged", format!("{}x", bob.token)),
        ("a session token", ann.session.clone()),
        ("empty", String::new()),
        ("not ASCII", "é".into()),
    ];
    for (name, token) in cases {
        let answer = list(&server, &ann, &[&format!("Authorization: Bearer {token}")]).await;
        assert_eq!(timeless(&answer), timeless(&reference), "{name}");
    }
}

/// The counterpart of the other tests: valid ways to send a token.
#[tokio::test]
async fn the_scheme_and_the_name_of_the_header_may_be_in_any_case() {
    let (server, ann, _) = two_users().await;
    let token = &ann.token;
    let expected = ann.list().await;
    for header in [
        format!("Authorization: Bearer {token}"),
        format!("Authorization: bearer {token}"),
        format!("Authorization: BEARER {token}"),
        format!("Authorization: bEaReR {token}"),
        format!("Authorization: Bearer   {token}"),
        format!("Authorization:Bearer {token}"),
        format!("Authorization:  \t Bearer {token} \t "),
        format!("AUTHORIZATION: Bearer {token}"),
        format!("aUTHORIZATION: Bearer {token}"),
    ] {
        let answer = list(&server, &ann, &[&header]).await;
        assert_eq!(answer.status, 200, "{header}: {answer:?}");
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), expected, "{header}");
    }
}

/// Other schemes, several values, and malformed values of `Authorization` are rejected.
#[tokio::test]
async fn any_other_use_of_the_authorization_header_is_refused() {
    let (server, ann, bob) = two_users().await;
    let (a, b) = (&ann.token, &bob.token);
    for value in [
        String::new(),
        " ".into(),
        "Bearer".into(),
        "Bearer ".into(),
        "bearer".into(),
        a.clone(),
        format!("Basic {a}"),
        "Basic YW5uQGV4YW1wbGUudGVzdDpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=".into(),
        format!("Token {a}"),
        format!("JWT {a}"),
        format!("Digest {a}"),
        format!("DPoP {a}"),
        format!("BearerX {a}"),
        format!("XBearer {a}"),
        format!("Bearer{a}"),
        format!("Bearer:{a}"),
        format!("Bearer: {a}"),
        format!("Bearer={a}"),
        format!("Bearer,{a}"),
        format!("Bearer\t{a}"),
        format!("Bearer \t{a}"),
        format!("Bearer {a} x"),
        format!("Bearer x {a}"),
        format!("Bearer {a} {a}"),
        format!("Bearer {a} {b}"),
        format!("Bearer {a}\t{a}"),
        format!("Bearer {a},"),
        format!("Bearer ,{a}"),
        format!("Bearer {a};"),
        format!("Bearer \"{a}\""),
        format!("Bearer '{a}'"),
        format!("Bearer <{a}>"),
        format!("Bearer token={a}"),
        format!("Bearer token=\"{a}\""),
        format!("Bearer Bearer {a}"),
        format!("Bearer {a}, Bearer {b}"),
        format!("Bearer {b}, Bearer {a}"),
        format!("Bearer {a},Bearer {a}"),
        format!("Basic YTpi, Bearer {a}"),
        format!("\"Bearer {a}\""),
        format!("Bearer\u{a0}{a}"),
        format!("Bearer {a}\u{a0}"),
    ] {
        let answer = list(&server, &ann, &[&format!("Authorization: {value}")]).await;
        assert_refused(&answer, INVALID, &value);
    }
    assert_eq!(list(&server, &ann, &[&format!("Authorization: Bearer {a}")]).await.status, 200);
}

/// A proxy may have checked the other header.
#[tokio::test]
async fn several_authorization_headers_are_refused() {
    let (server, ann, bob) = two_users().await;
    let line = |token: &str| format!("Authorization: Bearer {token}");
    let (a, b, other_case) = (line(&ann.token), line(&bob.token), format!("authorization: bearer {}", ann.token));
    let (empty, basic, junk) = ("Authorization:", "Authorization: Basic YTpi", "Authorization: Bearer x");
    for headers in [
        vec![a.as_str(), &b],
        vec![&b, &a],
        vec![&a, &a],
        vec![&a, &other_case],
        vec![&a, junk],
        vec![junk, &a],
        vec![&a, basic],
        vec![basic, &a],
        vec![&a, empty],
        vec![empty, &a],
        vec![&a, "X-Between: 1", &b],
        vec![&a, &b, &a],
    ] {
        for user in [&ann, &bob] {
            assert_refused(&list(&server, user, &headers).await, INVALID, &headers.join("\n"));
        }
    }
    assert_eq!(list(&server, &ann, &[&a, "X-Between: 1"]).await.status, 200);
}

/// A token in the query, the body, a cookie or another header is ignored.
#[tokio::test]
async fn a_token_is_read_from_nowhere_but_the_authorization_header() {
    let (server, ann, _) = two_users().await;
    let token = &ann.token;
    for query in ["access_token", "token", "jwt", "bearer", "authorization", "Authorization", "auth"] {
        for value in [token.clone(), format!("Bearer%20{token}")] {
            let path = ann.tasks(&format!("?{query}={value}"));
            assert_refused(&get(&server, &path, &[]).await, BARE, &path);
        }
    }
    for header in [
        format!("Proxy-Authorization: Bearer {token}"),
        format!("X-Authorization: Bearer {token}"),
        format!("X-Forwarded-Authorization: Bearer {token}"),
        format!("X-Original-Authorization: Bearer {token}"),
        format!("Authorization2: Bearer {token}"),
        format!("X-Access-Token: {token}"),
        format!("X-Auth-Token: {token}"),
        format!("X-Token: {token}"),
        format!("Token: {token}"),
        format!("Set-Auth-JWT: {token}"),
        format!("Set-Auth-Token: {token}"),
        format!("Sec-WebSocket-Protocol: bearer, {token}"),
        format!("Cookie: token={token}"),
        format!("Cookie: Authorization=Bearer {token}"),
        format!("Cookie: access_token={token}; jwt={token}; better-auth.session_data={token}"),
        format!("Cookie: better-auth.session_token={token}"),
    ] {
        assert_refused(&list(&server, &ann, &[&header]).await, BARE, &header);
    }
    let before = ann.list().await;
    for (media_type, body) in [
        ("application/x-www-form-urlencoded", format!("access_token={token}&title=x")),
        ("application/json", json!({ "title": "x", "access_token": token, "token": token }).to_string()),
    ] {
        let header = format!("Content-Type: {media_type}");
        let line = format!("POST {} HTTP/1.1", ann.tasks(""));
        assert_refused(&send_unfinished(&server, &request(&line, &[&header], body.as_bytes())).await, BARE, media_type);
    }
    assert_eq!(ann.list().await, before);
}

/// Only the token decides who the caller is.
#[tokio::test]
async fn cookies_and_headers_beside_the_token_change_nothing() {
    let (server, ann, bob) = two_users().await;
    let (victims, own) = (ann.tasks(""), bob.tasks(""));
    let authorization = format!("Authorization: Bearer {}", bob.token);
    let forbidden = get(&server, &victims, &[&authorization]).await;
    assert_eq!(forbidden.status, 403);
    let plain = get(&server, &own, &[&authorization]).await;
    assert_eq!(plain.status, 200);
    let names = [
        "X-User-Id",
        "X-User",
        "X-User-Email",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Auth-Request-User",
        "X-Auth-User",
        "X-Authenticated-Userid",
        "X-Better-Auth-User",
        "X-Consumer-Custom-Id",
        "X-Remote-User",
        "Remote-User",
        "User",
        "From",
    ];
    let by_id = names.map(|name| format!("{name}: {}", ann.id));
    let by_cookie = format!("Cookie: {}", ann.cookie);
    let rewritten = [format!("X-Original-URL: {own}"), format!("X-Rewrite-URL: {own}"), format!("X-HTTP-Path: {own}")];
    for header in by_id.iter().chain([&by_cookie]).chain(&rewritten) {
        let refused = get(&server, &victims, &[&authorization, header]).await;
        assert_eq!(timeless(&refused), timeless(&forbidden), "{header}");
        let listed = get(&server, &own, &[&authorization, header]).await;
        assert_eq!(timeless(&listed), timeless(&plain), "{header}");
        assert_refused(&get(&server, &victims, &[header]).await, BARE, header);
    }
    // The same ids in query and path have no effect.
    for query in [format!("user_id={}", ann.id), format!("userId={}&sub={}", ann.id, ann.id)] {
        let listed = get(&server, &format!("{own}?{query}"), &[&authorization]).await;
        assert_eq!(timeless(&listed), timeless(&plain), "{query}");
    }
    // The reverse: the token of the victim with the cookie of another user.
    let authorization = format!("Authorization: Bearer {}", ann.token);
    let mixed = get(&server, &victims, &[&authorization, &format!("Cookie: {}", bob.cookie)]).await;
    assert_eq!(serde_json::from_str::<Value>(&mixed.body).unwrap(), ann.list().await);
}

/// A session cookie or session token gives no access to tasks, and an access token is not a session.
#[tokio::test]
async fn a_session_gets_a_token_and_nothing_else() {
    let (server, ann, _) = two_users().await;
    let credentials = json!({ "email": ann.email, "password": PASSWORD });
    let signed_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials).send().await.unwrap();
    let signed = signed_in.headers()["set-auth-token"].to_str().unwrap().to_owned();
    let raw_cookie = format!("better-auth.session_token={signed}");
    let credentials = [
        (format!("Authorization: Bearer {}", ann.session), INVALID),
        (format!("Authorization: Bearer {signed}"), INVALID),
        (format!("Authorization: bearer {signed}"), INVALID),
        (format!("Cookie: {}", ann.cookie), BARE),
        (format!("Cookie: {raw_cookie}"), BARE),
        (format!("Cookie: other=1; {}; x=y", ann.cookie), BARE),
    ];
    for (header, challenge) in credentials {
        assert_refused(&list(&server, &ann, &[&header]).await, challenge, &header);
        let answer = get(&server, "/api/auth/token", &[&header]).await;
        assert_eq!(answer.status, 200, "{header}: {answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        let token = format!("Authorization: Bearer {}", body["token"].as_str().unwrap());
        assert_eq!(list(&server, &ann, &[&token]).await.status, 200, "{header}");
    }
    for header in [
        "X-Nothing: 1".to_owned(),
        "Authorization: Bearer x".to_owned(),
        "Authorization: Bearer".to_owned(),
        format!("Authorization: Bearer {}", ann.token),
        format!("Authorization: Basic {}", ann.session),
        format!("Authorization: Bearer {}x", ann.session),
        format!("Authorization: Bearer x{signed}"),
        format!("Cookie: better-auth.session_token={}", ann.token),
        format!("Cookie: better-auth.session_token={}", ann.session),
        format!("Cookie: __Secure-{raw_cookie}"),
    ] {
        let answer = get(&server, "/api/auth/token", &[&header]).await;
        assert_eq!(answer.status, 401, "{header}: {answer:?}");
        assert_eq!(answer.body, r#"{"message":"Unauthorized","code":"UNAUTHORIZED"}"#, "{header}");
    }
}

/// A cross-site request from a browser has cookies only, and changes nothing.
#[tokio::test]
async fn cookies_alone_change_no_task() {
    let (server, ann, _) = two_users().await;
    let before = ann.list().await;
    let cookie = format!("Cookie: {}", ann.cookie);
    for (method, rest, body, _) in task_routes(&before[0]["id"].to_string()) {
        for media_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
            let line = format!("{method} {} HTTP/1.1", ann.tasks(&rest));
            let headers = ["Origin: https://evil.example.test", &cookie, &format!("Content-Type: {media_type}")];
            let answer = send_unfinished(&server, &request(&line, &headers, body.as_bytes())).await;
            assert_refused(&answer, BARE, &format!("{line} {media_type}"));
        }
    }
    assert_eq!(ann.list().await, before);
}

/// The credentials of one request do not apply to the next on the same connection.
#[tokio::test]
async fn requests_on_one_connection_are_strangers_to_each_other() {
    let (server, ann, bob) = two_users().await;
    let one = |path: String, token: Option<&str>| {
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n")
    };
    let pipeline = [
        one(ann.tasks(""), Some(&ann.token)),
        one(ann.tasks(""), None),
        one(ann.tasks(""), Some(&bob.token)),
        one(bob.tasks(""), Some(&bob.token)),
        one(bob.tasks(""), Some("x")),
        one(bob.tasks(""), Some(&ann.token)),
        String::from_utf8(request(&format!("GET {} HTTP/1.1", ann.tasks("")), &[], b"")).unwrap(),
    ];
    let answer = send(&server, pipeline.concat().as_bytes()).await;
    let text = format!("{}\r\n\r\n{}", answer.head, answer.body);
    let answers: Vec<_> = text.split("HTTP/1.1 ").skip(1).collect();
    let statuses: Vec<_> = answers.iter().map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "401", "403", "200", "401", "403", "401"]);
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.contains("of ann@"), number == 0, "{answer}");
        assert_eq!(answer.contains("of bob@"), number == 3, "{answer}");
    }
}
