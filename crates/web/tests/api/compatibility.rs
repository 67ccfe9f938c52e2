//! Settings for clients that were written for another backend. Each setting is off by default and independent of the
//! others.

use serde_json::{Value, json};
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::tasks::{Cursor, SortDirection, SortValue, TaskId, TaskPage, TaskPatch, TitlePrefix};
use taskbridge_domain::testing::fixtures::task;
use taskbridge_web::{Compatibility, TasksMount};

use crate::support::{Answer, Ports, alice, alice_sends, anonymous, page};
use crate::tasks::on_the_wire;

fn ports(repo: MockTaskRepo, compatibility: Compatibility) -> Ports {
    Ports { compatibility, ..Ports::with_tasks(repo) }
}

fn with_is_completed(mut task: Value) -> Value {
    task["is_completed"] = task["completed"].clone();
    task
}

#[actix_web::test]
async fn a_list_can_have_an_envelope_with_its_total() {
    let envelope = Compatibility { list_envelope: true, ..Compatibility::default() };
    let next = Cursor {
        value: SortValue::Title(TitlePrefix::of("x")),
        id: TaskId::new(7),
        direction: SortDirection::Ascending,
    };
    for (next, total) in [(None, 1), (Some(next), 42)] {
        let mut repo = MockTaskRepo::new();
        let page = TaskPage { items: vec![task("alice", 7)], next };
        repo.expect_list().returning(move |_, _| Ok(page.clone()));
        repo.expect_count().returning(|_, _| Ok(42));
        let answer = ports(repo, envelope).answer(alice("GET", "/api/alice/tasks")).await;
        assert_eq!(answer.json(), json!({ "tasks": [on_the_wire().await], "total": total, "count": 1 }));
    }
}

#[actix_web::test]
async fn is_completed_can_be_used_like_completed() {
    let on = Compatibility { is_completed: true, ..Compatibility::default() };
    let mut repo = MockTaskRepo::new();
    repo.expect_list().return_once(|_, _| Ok(page(vec![task("alice", 7)])));
    let answer = ports(repo, on).answer(alice("GET", "/api/alice/tasks")).await;
    assert_eq!(answer.json(), json!([with_is_completed(on_the_wire().await)]));

    for (compatibility, body, completed) in [
        (on, r#"{"is_completed":true}"#, Some(true)),
        (on, r#"{"is_completed":false,"completed":true}"#, Some(true)),
        (on, r#"{"completed":false}"#, Some(false)),
        (Compatibility::default(), r#"{"is_completed":true,"title":"x"}"#, None),
    ] {
        let mut repo = MockTaskRepo::new();
        repo.expect_update()
            .withf(move |_, _, patch: &TaskPatch, _| patch.completed == completed)
            .return_once(|_, _, _, _| Ok(Some(task("alice", 7))));
        let answer = ports(repo, compatibility).answer(alice_sends("PUT", "/api/alice/tasks/7", body)).await;
        assert_eq!(answer.status, 200, "{body}");
    }
    let mut repo = MockTaskRepo::new();
    repo.expect_create().withf(|_, new, _| new.completed).return_once(|_, _, _| Ok(task("alice", 7)));
    let body = r#"{"title":"x","is_completed":true}"#;
    let answer = ports(repo, on).answer(alice_sends("POST", "/api/alice/tasks", body)).await;
    assert_eq!(answer.json(), with_is_completed(on_the_wire().await));
    let answer = ports(MockTaskRepo::new(), on)
        .answer(alice_sends("PATCH", "/api/alice/tasks/7/complete", r#"{"is_completed":"yes"}"#))
        .await;
    assert_eq!(answer.verdict(), (422, "VALIDATION_ERROR".into()));
}

#[actix_web::test]
async fn delete_can_return_a_message() {
    let mut repo = MockTaskRepo::new();
    repo.expect_delete().return_once(|_, _| Ok(true));
    let message = Compatibility { delete_message: true, ..Compatibility::default() };
    let answer = ports(repo, message).answer(alice("DELETE", "/api/alice/tasks/7")).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "message": "Task deleted" })));
}

async fn at(prefix: &str, without_user_id: bool, path: &str, token: Option<&str>) -> Answer {
    let mut repo = MockTaskRepo::new();
    repo.expect_list().returning(|owner, _| Ok(page(vec![task(owner.id().as_str(), 7)])));
    repo.expect_toggle().returning(|owner, id, _| Ok(Some(task(owner.id().as_str(), id.number()))));
    let mount = TasksMount { prefix: prefix.into(), without_user_id };
    let method = if path.contains("complete") { "PATCH" } else { "GET" };
    let request = anonymous(method, path);
    let request = match token {
        Some(token) => request.insert_header(("authorization", format!("Bearer {token}"))),
        None => request,
    };
    Ports { mount, ..Ports::with_tasks(repo) }.answer(request).await
}

#[actix_web::test]
async fn the_tasks_can_be_mounted_at_any_prefix() {
    for (prefix, path, status) in [
        ("/api", "/api/alice/tasks", 200),
        ("/api", "/api/tasks", 404),
        ("/v2/rest", "/v2/rest/alice/tasks", 200),
        ("/v2/rest", "/v2/rest/bob/tasks", 403),
        ("/v2/rest", "/api/alice/tasks", 404),
        ("", "/alice/tasks", 200),
        ("", "/alice/tasks/", 200),
    ] {
        assert_eq!(at(prefix, false, path, Some("alice-token")).await.status, status, "{prefix} {path}");
    }
}

/// If the setting `without_user_id` is on, a path without a user id leads to the tasks of the caller. Paths with a user
/// id still work.
#[actix_web::test]
async fn the_owner_can_be_the_caller_without_a_user_id_in_the_path() {
    for path in ["/api/tasks", "/api/tasks/", "/api/tasks/9/complete"] {
        for caller in ["alice", "bob"] {
            let answer = at("/api", true, path, Some(&format!("{caller}-token"))).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.body.contains(&format!(r#""user_id":"{caller}""#)));
        }
        for token in [None, Some("forged")] {
            assert_eq!(at("/api", true, path, token).await.verdict(), (401, "UNAUTHORIZED".into()));
        }
    }
    assert_eq!(at("/api", true, "/api/alice/tasks", Some("bob-token")).await.status, 403);
    assert_eq!(at("/api", true, "/api/tasks/tasks", Some("bob-token")).await.status, 403);
}

#[actix_web::test]
async fn the_openapi_document_describes_the_settings() {
    let compatibility = Compatibility { list_envelope: true, is_completed: true, delete_message: true };
    let mount = TasksMount { prefix: "/v2".into(), without_user_id: true };
    let ports = Ports { mount, compatibility, ..Ports::new() };
    let document = ports.answer(anonymous("GET", "/openapi.json")).await.json();
    let paths = document["paths"].as_object().unwrap();
    let below = |base: &str| paths.keys().filter_map(|path| path.strip_prefix(base)).collect::<Vec<_>>();
    assert_eq!(below("/v2/tasks"), below("/v2/{user_id}/tasks"));
    assert!(below("/v2/tasks").contains(&"/{task_id}/complete"));
    assert!(below("/api/tasks").is_empty() && below("/api/{user_id}").is_empty());
    for base in ["/v2/tasks", "/v2/{user_id}/tasks"] {
        let (list, one) = (&paths[base], &paths[&format!("{base}/{{task_id}}")]);
        let schema = |answer: &Value| answer["content"]["application/json"]["schema"]["$ref"].clone();
        assert_eq!(schema(&list["get"]["responses"]["200"]), "#/components/schemas/TaskList");
        assert_eq!(schema(&one["delete"]["responses"]["200"]), "#/components/schemas/Message");
        assert!(one["delete"]["responses"]["204"].is_null());
        assert_eq!(one["get"]["responses"]["403"].is_null(), base == "/v2/tasks");
        assert_eq!(one["get"]["parameters"][0]["name"] == "user_id", base != "/v2/tasks");
    }
    let ids = |path: &str| document["paths"][path]["get"]["operationId"].clone();
    assert_eq!((ids("/v2/tasks"), ids("/v2/{user_id}/tasks")), (json!("list_tasks_of_caller"), json!("list_tasks")));
    for schema in ["Task", "CreateTask", "UpdateTask", "CompleteTask"] {
        assert_eq!(
            document["components"]["schemas"][schema]["properties"]["is_completed"]["type"], "boolean",
            "{schema}"
        );
    }
    let usual = Ports::new().answer(anonymous("GET", "/openapi.json")).await.json().to_string();
    assert!(!usual.contains("is_completed") && !usual.contains("TaskList") && usual.contains("/api/{user_id}/tasks"));
}
