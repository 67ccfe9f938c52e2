//! Clients that are not browsers (Expo apps, Node's `fetch`), and the log message for a rejected origin.

use serde_json::{Value, json};
use support::raw::{Answer, request, send_unfinished};
use support::user::PASSWORD;
use support::{Server, User};

const JSON: &str = "Content-Type: application/json";
const SIGN_IN: &str = "POST /api/auth/sign-in/email HTTP/1.1";

/// Headers that Node 20 adds to a `fetch`.
const NODE: [&str; 4] = ["Accept: */*", "Accept-Language: *", "Sec-Fetch-Mode: cors", "User-Agent: node"];

async fn site() -> (Server, User) {
    let server = Server::start_with(&[("BETTER_AUTH_TRUSTED_ORIGINS", "https://app.example.test, myapp://")]);
    let ann = User::sign_up(&server, "ann").await;
    (server, ann)
}

async fn sign_in(server: &Server, ann: &User, headers: &[&str]) -> Answer {
    let body = json!({ "email": ann.email, "password": PASSWORD }).to_string();
    send_unfinished(server, &request(SIGN_IN, &[&[JSON], headers].concat(), body.as_bytes())).await
}

fn verdict(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn expo_origin_stands_in_for_a_missing_origin() {
    let (server, ann) = site().await;
    let cookie = format!("Cookie: {}", ann.cookie);
    let (missing, invalid) = ((403, "MISSING_OR_NULL_ORIGIN"), (403, "INVALID_ORIGIN"));
    for (headers, (status, code)) in [
        (&["expo-origin: myapp://"][..], (200, "")),
        (&["expo-origin: myapp:///"], (200, "")),
        (&["expo-origin: https://app.example.test"], (200, "")),
        (&["expo-origin: evil://"], invalid),
        (&["expo-origin: null"], missing),
        (&["expo-origin:"], missing),
        // `Origin` takes precedence, trusted or not.
        (&["expo-origin: myapp://", "Origin: https://evil.example.test"], invalid),
        (&["expo-origin: myapp://", "Origin: null"], missing),
        (&["expo-origin: evil://", "Origin: https://app.example.test"], (200, "")),
        (&["expo-origin: evil://", "Referer: https://app.example.test/"], invalid),
        (&[&*cookie], missing),
        (&[&*cookie, "expo-origin: myapp://"], (200, "")),
        (&[&*cookie, "expo-origin: evil://"], invalid),
        (&[&*cookie, "expo-origin: myapp://", "Origin: https://evil.example.test"], invalid),
    ] {
        assert_eq!(verdict(&sign_in(&server, &ann, headers).await), (status, code.to_owned()), "{headers:?}");
    }
    for (origin, status) in [("evil://", 403), ("myapp://", 200)] {
        let headers = [&*cookie, &format!("expo-origin: {origin}")];
        let answer = send_unfinished(&server, &request("POST /api/auth/sign-out HTTP/1.1", &headers, b"")).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[tokio::test]
async fn the_fetch_of_node_signs_in_without_an_origin() {
    let (server, ann) = site().await;
    assert_eq!(verdict(&sign_in(&server, &ann, &NODE).await), (200, String::new()));
    // Browsers send more than `Sec-Fetch-Mode`, and then need an origin.
    for more in ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: empty", "Cookie: a=b"] {
        let headers = [&NODE[..], &[more]].concat();
        let expected = (403, "MISSING_OR_NULL_ORIGIN".to_owned());
        assert_eq!(verdict(&sign_in(&server, &ann, &headers).await), expected, "{more}");
    }
    let headers = [&NODE[..], &["Origin: https://evil.example.test"]].concat();
    assert_eq!(verdict(&sign_in(&server, &ann, &headers).await), (403, "INVALID_ORIGIN".to_owned()));
}

#[tokio::test]
async fn a_refused_origin_is_logged_with_what_to_change() {
    let (server, ann) = site().await;
    let cookie = format!("Cookie: {}", ann.cookie);
    let long = format!("Origin: https://{}.example.test", "e".repeat(300));
    let cut = format!("https://{}", "e".repeat(192));
    let setting = "BETTER_AUTH_TRUSTED_ORIGINS";
    let navigation = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"];
    let cases = [
        (&["Origin: https://evil.example.test"][..], "origin_not_trusted", Some("https://evil.example.test"), setting),
        (&["Origin: http://a\tb"], "origin_not_trusted", Some("http://a\tb"), setting),
        (&[&*long], "origin_not_trusted", Some(&*cut), setting),
        (&["expo-origin: evil://"], "origin_not_trusted", Some("evil://"), setting),
        // The path and query of the page are not logged.
        (
            &["Referer: https://evil.example.test/secret?token=x"],
            "origin_not_trusted",
            Some("https://evil.example.test"),
            setting,
        ),
        (&[&*cookie], "no_origin", None, "Origin"),
        (&["Origin: null"], "no_origin", Some("null"), "Origin"),
        (&navigation, "cross_site_navigation", None, "sign-in"),
    ];
    for (headers, ..) in &cases {
        assert_eq!(sign_in(&server, &ann, headers).await.status, 403, "{headers:?}");
    }
    let out = request("POST /api/auth/sign-out HTTP/1.1", &[&cookie, "Origin: https://evil.example.test"], b"");
    assert_eq!(send_unfinished(&server, &out).await.status, 403);
    let lines = server.log.lines();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refused = lines.filter(|line| line["fields"]["message"].as_str().unwrap().starts_with("refused a"));
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), cases.len() + 1, "{refused:#?}");
    for (line, (headers, cause, origin, advice)) in refused.iter().zip(cases) {
        let fields = &line["fields"];
        assert_eq!((line["level"].as_str(), fields["origin"].as_str()), (Some("INFO"), origin), "{headers:?}");
        assert_eq!(fields["cause"], cause, "{fields}");
        assert!(fields["message"].as_str().unwrap().contains(advice), "{fields}");
    }
    assert!(!server.log.text().contains("token=x"));
    assert!(!server.log.text().contains('\t'), "escaped");
}
