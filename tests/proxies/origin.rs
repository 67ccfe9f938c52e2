//! Browsers sign in, read pages and use tasks on one origin.

use std::process::Command;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use support::issuer::AUTHORITY;
use support::user::PASSWORD;
use support::{Signer, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::COMPRESSED;
use crate::proxy::{Kind, Mode};
use crate::site::{Site, from_app};
use crate::tls::{client, connect};

const SESSION: &str = "__Secure-better-auth.session_token";
const HSTS: &str = "max-age=31536000";

/// Returns the session cookie that an answer sets.
fn session_cookie(answer: &Response) -> String {
    let mut lines = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let line = lines.find(|line| line.starts_with(SESSION)).unwrap();
    assert!(line.contains("; Secure"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn taskbridge_signs_users_in_and_stores_their_tasks() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let ann = json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD });
        let answer = site.post("/api/auth/sign-up/email", &ann).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{kind:?}");
        let answer = site.post("/api/auth/sign-in/email", &ann).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{kind:?}");
        assert_eq!(answer.headers()["strict-transport-security"], HSTS, "{kind:?}");
        let cookie = session_cookie(&answer);
        let session: Value =
            site.get("/api/auth/get-session").header("cookie", &cookie).send().await.unwrap().json().await.unwrap();
        let id = session["user"]["id"].as_str().unwrap();
        let token: Value =
            site.get("/api/auth/token").header("cookie", &cookie).send().await.unwrap().json().await.unwrap();
        let token = token["token"].as_str().unwrap();

        let tasks = format!("/api/{id}/tasks");
        let task = json!({ "title": "Buy milk", "description": "2 litres ".repeat(100) });
        let answer = site.post(&tasks, &task).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{kind:?}");
        let task: Value = answer.json().await.unwrap();
        let complete = format!("{tasks}/{}/complete", task["id"]);
        let answer = site.post(&complete, &json!({ "completed": true })).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{kind:?}");
        let list = site.get(&format!("{tasks}?status=completed")).header("accept-encoding", "gzip");
        let list = list.bearer_auth(token).send().await.unwrap();
        assert_eq!(list.headers().get("content-encoding"), None, "{kind:?}: a proxy compresses");
        assert_eq!(list.json::<Value>().await.unwrap()[0]["title"], "Buy milk", "{kind:?}");

        let page = site.get("/dashboard?x=1").header("cookie", &cookie).send().await.unwrap();
        assert_eq!(page.headers()["strict-transport-security"], HSTS, "{kind:?}");
        let page = from_app(page).await.unwrap();
        assert_eq!(page["path"], "/dashboard?x=1", "{kind:?}");
        assert!(page["headers"].as_array().unwrap().contains(&json!(["cookie", cookie])), "{kind:?}: {page}");

        // A page of another site cannot sign users out.
        let foreign = site.post("/api/auth/sign-out", &json!({})).header("cookie", &cookie);
        let mut foreign = foreign.build().unwrap();
        foreign.headers_mut().insert("origin", "https://attacker.example".parse().unwrap());
        assert_eq!(client().execute(foreign).await.unwrap().status(), 403, "{kind:?}");
        let own = site.post("/api/auth/sign-out", &json!({})).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(own.status(), 200, "{kind:?}");
    }
}

/// The app signs users in, and Taskbridge fetches its keys through the proxy, as it does by default.
#[tokio::test(flavor = "multi_thread")]
async fn in_bridge_mode_the_app_signs_users_in() {
    for kind in Kind::ALL {
        let signer = Signer::ed25519("key");
        let authority = [("TASKBRIDGE__JWT__JWKS_CA_FILE", AUTHORITY)];
        let site = Site::start(kind, Mode::Bridge, 1, vec![signer.jwk()], &authority).await;
        let sign_in = site.post("/api/auth/sign-in/email", &json!({})).send().await.unwrap();
        let sign_in = from_app(sign_in).await.unwrap_or_else(|| panic!("{kind:?}: not the app"));
        assert_eq!((&sign_in["method"], &sign_in["path"]), (&json!("POST"), &json!("/api/auth/sign-in/email")));
        let token = signer.token(&site.origin, "ann");
        let answer = site.post("/api/ann/tasks", &json!({ "title": "x" })).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{kind:?}");
        let strangers = site.get("/api/bob/tasks").bearer_auth(&token).send().await.unwrap();
        assert_eq!(strangers.status(), 403, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_is_redirected_to_https() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let url = format!("http://{}/api/auth/ok?x=1", site.without_tls);
        let answer = client().post(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{kind:?}");
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("https://localhost"), "{kind:?}: {location}");
        assert!(location.ends_with("/api/auth/ok?x=1"), "{kind:?}: {location}");
    }
}

/// Browsers use HTTP/2, and send each cookie in a separate header.
#[tokio::test(flavor = "multi_thread")]
async fn browsers_can_use_http_2() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let ann = User::sign_up(site.taskbridge(), "ann").await;
        let cookie = format!("cookie: {}", ann.cookie);
        for (path, expected) in [("/api/auth/get-session", ann.id.as_str()), ("/", r#"["host","localhost"#)] {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--http2", "--cacert", AUTHORITY, "--write-out", "%{http_version}"]);
            curl.args(["--header", "cookie: other=1", "--header", &cookie]);
            let output = curl.arg(format!("{}{path}", site.origin)).output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(text.ends_with('2') && text.contains(expected), "{kind:?}: {text}");
        }
    }
}

/// The proxies neither decompress a page nor wait for all of it.
#[tokio::test(flavor = "multi_thread")]
async fn pages_pass_unchanged() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let page = site.get("/compressed").header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(page.headers()["content-encoding"], "gzip", "{kind:?}");
        assert_eq!(page.bytes().await.unwrap(), COMPRESSED, "{kind:?}");

        let page = site.get("/many-headers").send().await.unwrap();
        assert_eq!(page.status(), 200, "{kind:?}");
        assert_eq!(page.headers()["link"].len() + page.headers()["set-cookie"].len(), 10_000, "{kind:?}");

        // The first half arrives before the second one is sent.
        let mut page = site.get("/streamed").send().await.unwrap();
        assert_eq!(page.chunk().await.unwrap().unwrap(), "first", "{kind:?}");
        site.app.as_ref().unwrap().state.second_half.notify_one();
        assert_eq!(page.chunk().await.unwrap().unwrap(), "second", "{kind:?}");
        assert_eq!(page.chunk().await.unwrap(), None, "{kind:?}");
    }
}

/// The list is larger than the buffers of the proxies, and the client reads 2 MB per second.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_receives_a_large_list() {
    for kind in Kind::ALL {
        let site = Site::start(kind, Mode::Server, 1, Vec::new(), &[]).await;
        let ann = User::sign_up(site.taskbridge(), "ann").await;
        for _ in 0..250 {
            ann.add(json!({ "title": "x", "description": "🦀".repeat(1000) })).await;
        }
        let list = ann.get(&ann.tasks("?limit=500")).await.bytes().await.unwrap();
        assert!(list.len() > 1_000_000);

        let mut connection = connect(&site.proxy, Some(4096)).await.unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            ann.tasks("?limit=500"),
            ann.token
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        let mut received = Vec::new();
        let mut piece = [0; 10_000];
        loop {
            pace.tick().await;
            match connection.read(&mut piece).await {
                Ok(length @ 1..) => received.extend_from_slice(&piece[..length]),
                // Some proxies close the connection without an alert of TLS.
                Ok(0) | Err(_) => break,
            }
        }
        assert!(received.starts_with(b"HTTP/1.1 200"), "{kind:?}");
        assert!(received.ends_with(&list), "{kind:?}: {} of {} bytes", received.len(), list.len());
    }
}
