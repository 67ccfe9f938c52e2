//! Access control: every route of the tasks API is called without a token, with an invalid token, with the token of
//! another user, and with the owner's token.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::test::TestRequest;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::testing::fixtures::task;

use crate::support::{Documented, Ports, TestAuth, anonymous, documented_routes, mounted_routes, page};

/// Returns every documented route for owners, with the path for `owner` and the task 7, once without and once with a
/// trailing slash. Another test compares the document with the routes that are mounted.
async fn routes(owner: &str) -> Vec<Documented> {
    let for_owners = documented_routes().await.into_iter().filter(|route| route.is_for_owner);
    let routes: Vec<_> = for_owners
        .flat_map(|Documented { method, path, body, status, is_for_owner }| {
            let path = path.replace("{user_id}", owner).replace("{task_id}", "7");
            ["", "/"].map(|slash| Documented {
                method: method.clone(),
                path: format!("{path}{slash}"),
                body: body.clone(),
                status,
                is_for_owner,
            })
        })
        .collect();
    assert!(routes.len() >= 20, "{}", routes.len());
    routes
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
    repo.expect_count().returning(|_, _| Ok(1));
    repo.expect_find().returning(|_, _| Ok(Some(task("alice", 7))));
    repo.expect_create().returning(|_, _, _| Ok(task("alice", 7)));
    repo.expect_update().returning(|_, _, _, _| Ok(Some(task("alice", 7))));
    repo.expect_toggle().returning(|_, _, _| Ok(Some(task("alice", 7))));
    repo.expect_delete().returning(|_, _| Ok(true));
    repo
}

#[actix_web::test]
async fn without_a_good_token_every_route_is_401_and_the_store_is_not_asked() {
    for Documented { method, path, body, .. } in routes("alice").await {
        for (token, challenge) in [(None, "Bearer"), (Some("forged"), r#"Bearer error="invalid_token""#)] {
            let answer = Ports::new().answer(request(&method, &path, &body, token)).await;
            assert_eq!(answer.verdict(), (401, "UNAUTHORIZED".into()), "{method} {path} with {token:?}");
            assert_eq!(answer.header("www-authenticate"), Some(challenge));
            assert!(answer.json()["detail"].as_str().unwrap().contains("token"));
            assert!(!answer.body.contains("secret detail"));
        }
    }
}

#[actix_web::test]
async fn on_another_users_path_every_route_is_403_and_the_store_is_not_asked() {
    for Documented { method, path, body, .. } in routes("alice").await {
        let answer = Ports::new().answer(request(&method, &path, &body, Some("bob-token"))).await;
        assert_eq!(answer.verdict(), (403, "FORBIDDEN".into()), "{method} {path}");
        assert!(!answer.body.contains("token"), "{}", answer.body);
    }
}

#[actix_web::test]
async fn the_owner_has_access() {
    for Documented { method, path, body, status, .. } in routes("alice").await {
        let answer =
            Ports::with_tasks(alices_store()).answer(request(&method, &path, &body, Some("alice-token"))).await;
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
    for Documented { method, path, body, .. } in routes("alice").await {
        bodies.push(Ports::new().answer(request(&method, &path, &body, Some("forged"))).await.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

/// If the keys for the verification of tokens are unavailable, the response is a 503 rather than a 401, because the
/// token may be valid.
#[actix_web::test]
async fn a_token_that_cannot_be_verified_now_is_503() {
    for Documented { method, path, body, .. } in routes("keyless").await {
        let answer = Ports::new().answer(request(&method, &path, &body, Some("keyless-token"))).await;
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
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in mounted_routes().await {
        methods.entry(path).or_default().insert(method);
    }
    for (path, expected) in methods.iter().filter(|(path, _)| !path.starts_with("/api/auth/")) {
        let path = path.replace("{user_id}", "alice").replace("{task_id}", "7").replace("{file:[^/]*}", "");
        for method in ["TRACE", "PROPFIND", "FOO", "get", "CONNECT"] {
            let answer = Ports::new().answer(request(method, &path, "", Some("alice-token"))).await;
            assert_eq!(answer.verdict(), (405, "METHOD_NOT_ALLOWED".into()), "{method} {path}");
            let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned);
            assert_eq!(allowed.collect::<BTreeSet<_>>(), *expected, "{path}");
        }
    }
}
