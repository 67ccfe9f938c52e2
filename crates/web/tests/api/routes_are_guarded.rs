//! Access control: every route of the tasks API is called without a token, with an invalid token, with the token of
//! another user, and with the owner's token.

use std::collections::BTreeSet;

use actix_web::test::TestRequest;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::testing::fixtures::task;

use crate::support::{Ports, TestAuth, anonymous, mounted_routes, page};

/// The routes of the tasks API: the method, the path after `/api/{user_id}/tasks`, a body, and the status of the
/// response to the owner.
const ROUTES: [(&str, &str, &str, u16); 10] = [
    ("GET", "", "", 200),
    ("HEAD", "", "", 200),
    ("HEAD", "/7", "", 200),
    ("POST", "", r#"{"title":"x"}"#, 201),
    ("GET", "/7", "", 200),
    ("PUT", "/7", r#"{"title":"x"}"#, 200),
    ("PATCH", "/7", r#"{"title":"x"}"#, 200),
    ("PATCH", "/7/complete", "", 200),
    ("POST", "/7/complete", "", 200),
    ("DELETE", "/7", "", 204),
];

/// Method and path of the routes that need no access token, because they are public or need a session instead.
const OTHERS: [(&str, &str); 26] = [
    ("GET", "/api/auth/ok"),
    ("GET", "/api/auth/error"),
    ("POST", "/api/auth/sign-up/email"),
    ("POST", "/api/auth/sign-in/email"),
    ("POST", "/api/auth/sign-out"),
    ("GET", "/api/auth/get-session"),
    ("POST", "/api/auth/get-session"),
    ("GET", "/api/auth/list-sessions"),
    ("POST", "/api/auth/revoke-session"),
    ("POST", "/api/auth/revoke-sessions"),
    ("POST", "/api/auth/revoke-other-sessions"),
    ("POST", "/api/auth/update-session"),
    ("POST", "/api/auth/update-user"),
    ("POST", "/api/auth/change-password"),
    ("POST", "/api/auth/verify-password"),
    ("POST", "/api/auth/delete-user"),
    ("GET", "/api/auth/list-accounts"),
    ("GET", "/api/auth/jwks"),
    ("GET", "/api/auth/token"),
    ("GET", "/health/live"),
    ("HEAD", "/health/live"),
    ("GET", "/health/ready"),
    ("HEAD", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{file:[^/]*}"),
];

/// Returns every route of [`ROUTES`] with the complete path for `owner`, once without and once with a trailing slash.
fn routes(owner: &str) -> impl Iterator<Item = (&'static str, String, &'static str, u16)> {
    ROUTES.into_iter().flat_map(move |(method, path, body, status)| {
        ["", "/"].map(|slash| (method, format!("/api/{owner}/tasks{path}{slash}"), body, status))
    })
}

/// Fails if a new route has not been added to `ROUTES` or `OTHERS`, so that no route escapes the tests of this file.
#[actix_web::test]
async fn every_mounted_route_is_in_a_table() {
    let guarded = routes("{user_id}").map(|(method, path, ..)| (method.to_owned(), path.replace('7', "{task_id}")));
    let others = OTHERS.map(|(method, path)| (method.to_owned(), path.to_owned()));
    let known: BTreeSet<_> = guarded.chain(others).collect();
    assert_eq!(known, mounted_routes().await);
}

/// A handler that accepts every method would not be in the list of mounted routes, so each path is called with every
/// method that is not in the list.
#[actix_web::test]
async fn methods_that_are_not_mounted_have_no_handler() {
    let mounted = mounted_routes().await;
    let paths: BTreeSet<_> = mounted.iter().map(|(_, path)| path.clone()).collect();
    for path in paths {
        let url = path.replace("{user_id}", "alice").replace("{task_id}", "7").replace("{file:[^/]*}", "");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"] {
            if !mounted.contains(&(method.to_owned(), path.clone())) {
                let answer = Ports::new().answer(request(method, &url, "{}", Some("alice-token"))).await;
                let expected = if url.starts_with("/api/auth/") { 404 } else { 405 };
                assert_eq!(answer.status.as_u16(), expected, "{method} {url}: {}", answer.body);
            }
        }
    }
}

fn request(method: &str, path: &str, body: &str, token: Option<&str>) -> TestRequest {
    let request = anonymous(method, path).insert_header(("content-type", "application/json"));
    let request = request.set_payload(body.to_owned());
    match token {
        Some(token) => request.insert_header(("authorization", format!("Bearer {token}"))),
        None => request,
    }
}

/// Returns a mocked store that contains alice's task 7.
fn alices_store() -> MockTaskRepo {
    let mut repo = MockTaskRepo::new();
    repo.expect_list().returning(|_, _| Ok(page(vec![task("alice", 7)])));
    repo.expect_find().returning(|_, _| Ok(Some(task("alice", 7))));
    repo.expect_create().returning(|_, _, _| Ok(task("alice", 7)));
    repo.expect_update().returning(|_, _, _, _| Ok(Some(task("alice", 7))));
    repo.expect_toggle().returning(|_, _, _| Ok(Some(task("alice", 7))));
    repo.expect_delete().returning(|_, _| Ok(true));
    repo
}

#[actix_web::test]
async fn without_a_good_token_every_route_is_401_and_the_store_is_not_asked() {
    for (method, path, body, _) in routes("alice") {
        for (token, challenge) in [(None, "Bearer"), (Some("forged"), r#"Bearer error="invalid_token""#)] {
            let answer = Ports::new().answer(request(method, &path, body, token)).await;
            assert_eq!(answer.verdict(), (401, "UNAUTHORIZED".into()), "{method} {path} with {token:?}");
            assert_eq!(answer.header("www-authenticate"), Some(challenge));
            assert!(answer.json()["detail"].as_str().unwrap().contains("token"));
            assert!(!answer.body.contains("secret detail"));
        }
    }
}

#[actix_web::test]
async fn on_another_users_path_every_route_is_403_and_the_store_is_not_asked() {
    for (method, path, body, _) in routes("alice") {
        let answer = Ports::new().answer(request(method, &path, body, Some("bob-token"))).await;
        assert_eq!(answer.verdict(), (403, "FORBIDDEN".into()), "{method} {path}");
        assert!(!answer.body.contains("token"), "{}", answer.body);
    }
}

#[actix_web::test]
async fn the_owner_has_access() {
    for (method, path, body, status) in routes("alice") {
        let answer = Ports::with_tasks(alices_store()).answer(request(method, &path, body, Some("alice-token"))).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.body);
    }
}

/// Path, query and body are validated only after the caller has been accepted, even if the verification of the token
/// takes a while. So for other callers, invalid input does not change the response.
#[actix_web::test]
async fn other_callers_learn_nothing_about_path_query_and_body() {
    let hostile = [
        ("GET", "/api/alice/tasks?limit=junk", ""),
        ("GET", "/api/alice/tasks/junk", ""),
        ("GET", "/api/%ff/tasks", ""),
        ("POST", "/api/alice/tasks", "{"),
        ("POST", "/api/alice/tasks", r#"{"title":""}"#),
        ("PUT", "/api/alice/tasks/junk", "{"),
        ("PATCH", "/api/alice/tasks/7", "[]"),
        ("PATCH", "/api/alice/tasks/7/complete", "{"),
        ("DELETE", "/api/alice/tasks/99999999999999999999", ""),
    ];
    let huge = "x".repeat(100_000);
    let hostile = hostile.into_iter().chain([("POST", "/api/alice/tasks", huge.as_str())]);
    for (method, path, body) in hostile {
        for (token, expected) in [(None, 401), (Some("forged"), 401), (Some("bob-token"), 403)] {
            for delay in [0, 3] {
                let ports = Ports { auth: TestAuth { delay, ..TestAuth::new() }, ..Ports::new() };
                let answer = ports.answer(request(method, path, body, token)).await;
                assert_eq!(answer.status.as_u16(), expected, "{method} {path} with {token:?} after {delay} polls");
            }
        }
    }
}

/// The body of the response to an invalid token is the same for every route.
#[actix_web::test]
async fn all_refusals_have_the_same_response() {
    let mut bodies = Vec::new();
    for (method, path, body, _) in routes("alice") {
        bodies.push(Ports::new().answer(request(method, &path, body, Some("forged"))).await.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

/// If the keys for the verification of tokens are unavailable, the response is a 503 rather than a 401, because the
/// token may be valid.
#[actix_web::test]
async fn a_token_that_cannot_be_verified_now_is_503() {
    for (method, path, body, _) in routes("keyless") {
        let answer = Ports::new().answer(request(method, &path, body, Some("keyless-token"))).await;
        assert_eq!(answer.verdict(), (503, "SERVICE_UNAVAILABLE".into()));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!answer.body.contains("secret detail"));
    }
}

#[actix_web::test]
async fn paths_that_resemble_routes_are_not_served() {
    for path in [
        "/api/tasks",
        "/tasks",
        "/api/public/tasks/7/complete/x",
        "/api/v1/alice/tasks",
        "/API/alice/tasks",
        "/api/alice/Tasks",
        "/api//tasks",
        "/api/alice//tasks",
        "/api/alice/tasks//7",
        "/api/alice/tasks.json",
        "/",
    ] {
        let answer = Ports::new().answer(request("GET", path, "", Some("alice-token"))).await;
        assert_eq!(answer.verdict(), (404, "NOT_FOUND".into()), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[actix_web::test]
async fn other_methods_are_405_with_the_methods_there_are() {
    for (path, allowed) in [
        ("/api/alice/tasks", "GET, HEAD, POST"),
        ("/api/alice/tasks/7", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/api/alice/tasks/7/complete", "PATCH, POST"),
        ("/health/live", "GET, HEAD"),
        ("/health/ready", "GET, HEAD"),
    ] {
        for method in ["TRACE", "PROPFIND", "FOO", "get", "CONNECT"] {
            let answer = Ports::new().answer(request(method, path, "", Some("alice-token"))).await;
            assert_eq!(answer.verdict(), (405, "METHOD_NOT_ALLOWED".into()), "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allowed));
        }
    }
}
