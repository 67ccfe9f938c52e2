//! Requests that no browser of a user sends, and failures of what is behind the proxy.

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::User;
use support::raw::{Answer, Connection, request};
use support::user::PASSWORD;
use tokio::task::block_in_place;

use crate::app::App;
use crate::proxy::{Kind, Mode};
use crate::site::{Site, from_app};
use crate::tls::CLIENT;

/// A server that has answered.
#[derive(Debug, PartialEq, Eq)]
enum By {
    App,
    Taskbridge,
    Proxy,
}

/// Sends a request for exactly this path.
async fn get(site: &Site, path: &str) -> Answer {
    let mut connection = Connection::open_from("127.0.0.1", &site.tunnel.address.to_string()).await;
    connection.write(&request(&format!("GET {path} HTTP/1.1"), &[], b"")).await;
    connection.answer().await
}

fn by(answer: &Answer) -> By {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if body["app"] == true {
        By::App
    } else if answer.header("x-request-id").is_some() {
        By::Taskbridge
    } else {
        By::Proxy
    }
}

/// A client cannot choose its address, neither for Taskbridge nor for the app.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_client_is_that_of_its_connection() {
    for kind in Kind::ALL {
        // The window is longer than the test takes.
        let limit = [
            ("RATE_LIMIT", "on"),
            ("TASKBRIDGE__RATE_LIMIT__MAX", "3"),
            ("TASKBRIDGE__RATE_LIMIT__WINDOW_SECONDS", "600"),
        ];
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &limit).await;
        let names = ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "X-Client-IP"];
        let mut statuses = Vec::new();
        for number in 0..4 {
            let forged = format!("192.0.2.{number}");
            let session = names.iter().fold(site.get("/api/auth/get-session"), |request, name| {
                request.header(*name, if *name == "Forwarded" { format!("for={forged}") } else { forged.clone() })
            });
            statuses.push(session.send().await.unwrap().status().as_u16());
        }
        assert_eq!(statuses, [200, 200, 200, 429], "{kind:?}");
        let unknown = json!({ "email": "ann@example.test", "password": PASSWORD });
        let sign_in = site.post("/api/auth/sign-in/email", &unknown).header("x-forwarded-for", "192.0.2.1");
        assert_eq!(sign_in.send().await.unwrap().status(), 401, "{kind:?}");
        let lines = site.taskbridge().log.lines();
        let line = lines.iter().find(|line| line.contains("sign-in refused")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["fields"]["client_ip"], CLIENT.to_string(), "{kind:?}");
        assert!(!site.taskbridge().log.text().contains(r#""WARN""#), "{kind:?}");

        let page = site.get("/").header("x-forwarded-for", "192.0.2.1").header("x-forwarded-for", "192.0.2.2");
        let page = page.header("x-forwarded-host", "attacker.example").header("x-forwarded-proto", "http");
        let page = from_app(page.send().await.unwrap()).await.unwrap();
        let headers: Vec<(String, String)> = serde_json::from_value(page["headers"].clone()).unwrap();
        for (name, expected) in [
            ("x-forwarded-for", CLIENT.to_string()),
            ("x-forwarded-proto", "https".to_owned()),
            ("x-forwarded-host", "localhost".to_owned()),
            ("host", "localhost".to_owned()),
        ] {
            let found: Vec<_> = headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value).collect();
            assert_eq!(found, [&expected], "{kind:?}: {name}");
        }
    }
}

/// `/health`, `/metrics` and the API documentation are not public.
#[tokio::test(flavor = "multi_thread")]
async fn taskbridge_receives_only_its_own_paths() {
    for kind in Kind::ALL {
        let variables = [("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0")];
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &variables).await;
        for path in ["/api/auth/ok", "/api/auth/x", "/api/u/tasks", "/api/u/tasks?q=/", "/api/u/tasks/1/complete"] {
            assert_eq!(by(&get(&site, path).await), By::Taskbridge, "{kind:?} {path}");
        }
        for path in [
            "/",
            "/?x=/api/auth/ok",
            "/api",
            "/api/authx",
            "/api/u",
            "/api/u/tasksx",
            "/api/u/v/tasks",
            "/api/tasks",
            "/x/api/auth/ok",
            "/u/tasks",
            "/health/live",
            "/health/ready",
            "/metrics",
            "/docs/",
            "/openapi.json",
        ] {
            let answer = get(&site, path).await;
            assert_eq!((by(&answer), answer.status), (By::App, 200), "{kind:?} {path}");
        }
        // nginx and Caddy normalize a path before they compare it, HAProxy does not, and each forwards it unchanged. So it
        // depends on the proxy which server receives these, but Taskbridge answers with an error.
        for path in [
            "//api/auth/ok",
            "/api//auth/ok",
            "/api/auth//ok",
            "/api/./auth/ok",
            "/x/../api/auth/ok",
            "/api/%61uth/ok",
            "/api%2Fauth%2Fok",
            "/api/auth%2Fok",
            "/API/AUTH/ok",
            "/api/auth/../../health/live",
            "/api/auth/..%2F..%2Fhealth/live",
            "/api/auth/%2e%2e/%2e%2e/health/live",
            "/api/u/tasks/../../../health/live",
            "/api/u/tasks/..//../../health/live",
            "/api/auth/..;/..;/health/live",
            "/health/live/../../api/auth/ok",
            "//health/live",
            "/health%2Flive",
        ] {
            let answer = get(&site, path).await;
            assert!(by(&answer) == By::App || answer.status == 404, "{kind:?} {path}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_refused_by_taskbridge_and_accepted_by_the_app() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let ann = User::sign_up(site.taskbridge(), "ann").await;
        let body = |size: usize| json!({ "title": "x".repeat(size) });
        for path in [&ann.tasks(""), "/api/auth/sign-in/email"] {
            let answer = site.post(path, &body(100_000)).bearer_auth(&ann.token).send().await.unwrap();
            assert_eq!(answer.status(), 413, "{kind:?}");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "PAYLOAD_TOO_LARGE", "{kind:?}");
        }
        let answer = site.post(&ann.tasks(""), &body(2_000_000)).bearer_auth(&ann.token).send().await.unwrap();
        assert_eq!(answer.status(), 413, "{kind:?}");
        let answer = site.post("/upload", &body(900_000)).send().await.unwrap();
        assert!(from_app(answer).await.unwrap()["body"].as_u64() > Some(900_000), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_and_taskbridge_do_not_need_each_other() {
    for kind in Kind::ALL {
        let mut site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let app = site.app.take().unwrap();
        let address = app.address.clone();
        app.stop().await;
        let page = site.get("/").send().await.unwrap();
        assert!([502, 503].contains(&page.status().as_u16()), "{kind:?}: {}", page.status());
        assert_eq!(site.get("/api/auth/ok").send().await.unwrap().status(), 200, "{kind:?}");
        site.app = Some(App::start(&address, Vec::new()).await);
        site.until("/", StatusCode::OK).await;

        site.replicas[0].kill();
        let api = site.get("/api/auth/ok").send().await.unwrap();
        assert!([502, 503].contains(&api.status().as_u16()), "{kind:?}: {}", api.status());
        assert_eq!(site.get("/").send().await.unwrap().status(), 200, "{kind:?}");
        site.replicas[0] = block_in_place(|| site.replicas[0].again());
        site.until("/api/auth/ok", StatusCode::OK).await;
    }
}
