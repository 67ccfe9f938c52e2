//! The tasks API: the status and the body of each response.

use serde_json::{Value, json};
use taskbridge_domain::owned::OwnedResource as _;
use taskbridge_domain::ports::{CreateError, MockTaskRepo, StoreError};
use taskbridge_domain::tasks::{FieldUpdate, NewTask, Task, TaskId, TaskPatch};
use taskbridge_domain::testing::fixtures::{new_task, task};

use crate::support::{BODY_LIMIT, Ports, alice, alice_sends, anonymous, page};

/// Returns the JSON of alice's task 7, the task that most mocked stores return.
pub(crate) async fn on_the_wire() -> Value {
    let mut repo = MockTaskRepo::new();
    repo.expect_find().return_once(|_, _| Ok(Some(task("alice", 7))));
    Ports::with_tasks(repo).answer(alice("GET", "/api/alice/tasks/7")).await.json()
}

/// The response has all fields that the OpenAPI document describes, and no others.
#[actix_web::test]
async fn a_task_has_the_documented_fields() {
    let mut repo = MockTaskRepo::new();
    repo.expect_find()
        .withf(|owner, id| owner.id().as_str() == "alice" && *id == TaskId::new(7))
        .return_once(|_, _| Ok(Some(task("alice", 7))));
    let answer = Ports::with_tasks(repo).answer(alice("GET", "/api/alice/tasks/7")).await;
    assert_eq!(answer.status, 200);
    let task = answer.json();
    let NewTask { title, description, completed, .. } = new_task();
    let expected = json!({
        "id": 7,
        "user_id": "alice",
        "title": title.as_str(),
        "description": description.unwrap().as_str(),
        "completed": completed,
        "created_at": "2026-11-21T01:45:03.000Z",
        "updated_at": "2026-11-21T01:45:03.000Z",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(task[field], *value, "{field}");
    }
    let document = Ports::new().answer(anonymous("GET", "/openapi.json")).await.json();
    let documented = document["components"]["schemas"]["Task"]["properties"].as_object().unwrap();
    assert!(documented.keys().eq(task.as_object().unwrap().keys()), "{task}");
}

/// A client can set the title, the description and `completed`. Other fields of the body, such as an owner, are
/// ignored.
#[actix_web::test]
async fn a_task_is_created_from_the_fields_it_may_have() {
    let cases = [
        (json!({ "title": "  milk " }), ("milk", None, false)),
        (json!({ "title": "milk", "description": null, "completed": false }), ("milk", None, false)),
        (json!({ "title": "milk", "description": "", "completed": true }), ("milk", Some(""), true)),
        (
            json!({ "title": "milk", "id": 1, "user_id": "bob", "userId": "bob", "owner": "bob", "created_at": "x",
                    "updated_at": 0, "is_admin": true, "nested": { "title": [] } }),
            ("milk", None, false),
        ),
    ];
    for (body, (title, description, completed)) in cases {
        let mut repo = MockTaskRepo::new();
        repo.expect_create()
            .withf(move |owner, new, _| {
                let NewTask { title: new_title, description: new_description, completed: done, .. } = new;
                owner.id().as_str() == "alice"
                    && new_title.as_str() == title
                    && new_description.as_ref().map(|text| text.as_str().to_owned()) == description.map(str::to_owned)
                    && *done == completed
            })
            .return_once(|_, _, _| Ok(task("alice", 7)));
        let request = alice_sends("POST", "/api/alice/tasks", body.to_string());
        let answer = Ports::with_tasks(repo).answer(request).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (201, on_the_wire().await));
    }
}

/// PUT and PATCH do the same: fields that are absent from the body keep their values, and `null` removes the
/// description.
#[actix_web::test]
async fn an_update_changes_the_fields_in_the_body() {
    let NewTask { title, description, .. } = new_task();
    let text = description.clone().unwrap();
    let cases = [
        (json!({ "title": title.as_str() }), TaskPatch { title: Some(title), ..TaskPatch::default() }),
        (json!({ "completed": false }), TaskPatch { completed: Some(false), ..TaskPatch::default() }),
        (json!({ "description": null }), TaskPatch { description: FieldUpdate::Clear, ..TaskPatch::default() }),
        (
            json!({ "description": text.as_str(), "user_id": "bob" }),
            TaskPatch { description: FieldUpdate::Set(text), ..TaskPatch::default() },
        ),
    ];
    for method in ["PUT", "PATCH"] {
        for (body, expected) in cases.clone() {
            let mut repo = MockTaskRepo::new();
            repo.expect_update()
                .withf(move |owner, id, patch, _| {
                    owner.id().as_str() == "alice" && id.number() == 7 && *patch == expected
                })
                .return_once(|_, _, _, _| Ok(Some(task("alice", 7))));
            let request = alice_sends(method, "/api/alice/tasks/7", body.to_string());
            assert_eq!(Ports::with_tasks(repo).answer(request).await.json(), on_the_wire().await);
        }
        let mut repo = MockTaskRepo::new();
        repo.expect_find().return_once(|_, _| Ok(Some(task("alice", 7))));
        let unchanged = Ports::with_tasks(repo).answer(alice_sends(method, "/api/alice/tasks/7", "{}")).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.json()), (200, on_the_wire().await));
    }
}

/// A body with the boolean `completed` sets `completed` to this value. `{}` or an empty body, with or without a
/// `Content-Type`, toggles `completed`.
#[actix_web::test]
async fn complete_sets_or_toggles() {
    for method in ["PATCH", "POST"] {
        for completed in [true, false] {
            let mut repo = MockTaskRepo::new();
            repo.expect_update()
                .withf(move |_, _, patch, _| *patch == TaskPatch { completed: Some(completed), ..TaskPatch::default() })
                .return_once(|_, _, _, _| Ok(Some(task("alice", 7))));
            let body = json!({ "completed": completed, "title": "ignored" }).to_string();
            let request = alice_sends(method, "/api/alice/tasks/7/complete", body);
            assert_eq!(Ports::with_tasks(repo).answer(request).await.status, 200);
        }
        for request in [
            alice(method, "/api/alice/tasks/7/complete"),
            alice_sends(method, "/api/alice/tasks/7/complete", ""),
            alice_sends(method, "/api/alice/tasks/7/complete", "{}"),
            alice(method, "/api/alice/tasks/7/complete").insert_header(("content-type", "text/plain")),
        ] {
            let mut repo = MockTaskRepo::new();
            repo.expect_toggle().times(1).return_once(|_, _, _| Ok(Some(task("alice", 7))));
            assert_eq!(Ports::with_tasks(repo).answer(request).await.status, 200);
        }
    }
}

#[actix_web::test]
async fn a_deleted_task_is_204_without_a_body() {
    let mut repo = MockTaskRepo::new();
    repo.expect_delete().return_once(|_, _| Ok(true));
    let answer = Ports::with_tasks(repo).answer(alice("DELETE", "/api/alice/tasks/7")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
}

/// An unknown task id, the id of another user's task and an invalid task id all have the same response: a 404.
#[actix_web::test]
async fn a_task_that_is_not_there_is_404_however_it_is_asked_for() {
    let absent = || {
        let mut repo = MockTaskRepo::new();
        repo.expect_find().returning(|_, _| Ok(None));
        repo.expect_update().returning(|_, _, _, _| Ok(None));
        repo.expect_toggle().returning(|_, _, _| Ok(None));
        repo.expect_delete().returning(|_, _| Ok(false));
        Ports::with_tasks(repo)
    };
    let mut answers = Vec::new();
    for id in ["7", "0", "-1", "9223372036854775807", "9223372036854775808", "x", "1e3", "+1", "01", "7%20", "%37x"] {
        let path = format!("/api/alice/tasks/{id}");
        for request in [
            alice("GET", &path),
            alice("DELETE", &path),
            alice_sends("PUT", &path, r#"{"title":"x"}"#),
            alice_sends("PATCH", &path, "{}"),
            alice("PATCH", &format!("{path}/complete")),
        ] {
            let answer = absent().answer(request).await;
            assert_eq!(answer.verdict(), (404, "TASK_NOT_FOUND".into()), "{id}");
            answers.push(answer.body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

/// The response reports every invalid field of a body, in the order title, description, `completed`.
#[actix_web::test]
async fn invalid_fields_are_422_with_a_place_a_sentence_and_a_type_each() {
    let long = "x".repeat(201);
    let wide = "é".repeat(1001);
    let cases = [
        (json!({}), vec![("title", "missing")]),
        (json!({ "title": null }), vec![("title", "string_type")]),
        (json!({ "title": 5 }), vec![("title", "string_type")]),
        (json!({ "title": "" }), vec![("title", "string_too_short")]),
        (json!({ "title": " \t\n" }), vec![("title", "string_too_short")]),
        (json!({ "title": "\u{1}\u{7f}" }), vec![("title", "string_too_short")]),
        (json!({ "title": long }), vec![("title", "string_too_long")]),
        (json!({ "title": "a\0b" }), vec![("title", "string_nul")]),
        (json!({ "title": "x", "description": 5 }), vec![("description", "string_type")]),
        (json!({ "title": "x", "description": wide }), vec![("description", "string_too_long")]),
        (json!({ "title": "x", "description": "\0" }), vec![("description", "string_nul")]),
        (json!({ "title": "x", "completed": "true" }), vec![("completed", "bool_type")]),
        (json!({ "title": "x", "completed": 1 }), vec![("completed", "bool_type")]),
        (json!({ "title": "x", "completed": null }), vec![("completed", "bool_type")]),
        (
            json!({ "completed": [], "description": {}, "title": false }),
            vec![("title", "string_type"), ("description", "string_type"), ("completed", "bool_type")],
        ),
    ];
    for (body, faults) in cases {
        let answer = Ports::new().answer(alice_sends("POST", "/api/alice/tasks", body.to_string())).await;
        assert_eq!(answer.verdict(), (422, "VALIDATION_ERROR".into()), "{body}");
        let detail = answer.json()["detail"].as_array().unwrap().clone();
        let found: Vec<_> =
            detail.iter().map(|fault| (fault["loc"][1].as_str().unwrap(), fault["type"].as_str().unwrap())).collect();
        assert_eq!(found, faults, "{body}");
        assert!(detail.iter().all(|fault| fault["loc"][0] == "body" && !fault["msg"].as_str().unwrap().is_empty()));
        assert!(answer.json()["message"].is_string() && answer.json().get("error").is_none());
    }
}

/// A body that is not JSON has an error of the type `json_invalid`. JSON that is not an object has one of the type
/// `dict_type`.
#[actix_web::test]
async fn what_is_no_json_object_is_422() {
    let deep = "[".repeat(2000);
    let nested = format!(r#"{{"title":"x","a":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let cases: [(&[u8], &str); 17] = [
        (b"{", "json_invalid"),
        (b"{\"title\":\"x\"", "json_invalid"),
        (b"{\"title\":\"x\"}x", "json_invalid"),
        (b"{'title':'x'}", "json_invalid"),
        (b"{\"title\":\"x\",}", "json_invalid"),
        (b"// c\n{\"title\":\"x\"}", "json_invalid"),
        (b"{\"title\":NaN}", "json_invalid"),
        (b"{\"title\":\"\xff\"}", "json_invalid"),
        (b"{\"title\":\"\\ud800\"}", "json_invalid"),
        (b"\xff\xfe{\0}\0", "json_invalid"),
        (b"title=x", "json_invalid"),
        (deep.as_bytes(), "json_invalid"),
        (nested.as_bytes(), "json_invalid"),
        (b"[]", "dict_type"),
        (b"[\"x\",null,true]", "dict_type"),
        (b"\"x\"", "dict_type"),
        (b"null", "dict_type"),
    ];
    for (body, kind) in cases {
        let routes =
            [("POST", "/api/alice/tasks"), ("PUT", "/api/alice/tasks/7"), ("PATCH", "/api/alice/tasks/7/complete")];
        // The body of the third route is optional, and `null` counts as no body there, so `null` is not an error.
        let count = if body == b"null" { 2 } else { 3 };
        for (method, path) in &routes[..count] {
            let request = alice_sends(method, path, "").set_payload(body.to_vec());
            let answer = Ports::new().answer(request).await;
            assert_eq!(answer.verdict(), (422, "VALIDATION_ERROR".into()), "{}", String::from_utf8_lossy(body));
            assert_eq!(answer.json()["detail"][0]["type"], kind);
        }
    }
    // If the body is required but missing, the response is an error of the type `missing`.
    let answer = Ports::new().answer(alice("POST", "/api/alice/tasks")).await;
    assert_eq!(answer.json()["detail"], json!([{ "loc": ["body"], "msg": "Field required", "type": "missing" }]));
}

#[actix_web::test]
async fn the_last_of_duplicate_keys_counts() {
    let mut repo = MockTaskRepo::new();
    repo.expect_create().withf(|_, new, _| new.title.as_str() == "second").return_once(|_, _, _| Ok(task("alice", 7)));
    let request = alice_sends("POST", "/api/alice/tasks", r#"{"title":"first","title":"second"}"#);
    assert_eq!(Ports::with_tasks(repo).answer(request).await.status, 201);
}

/// A body is accepted only if it is declared as JSON in UTF-8, without a `Content-Encoding`. Otherwise, the response is
/// a 415.
#[actix_web::test]
async fn other_media_types_are_415() {
    for media_type in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "json",
        "",
        "*/*",
    ] {
        let request = alice_sends("POST", "/api/alice/tasks", r#"{"title":"x"}"#);
        let answer = Ports::new().answer(request.insert_header(("content-type", media_type))).await;
        assert_eq!(answer.verdict(), (415, "UNSUPPORTED_MEDIA_TYPE".into()), "{media_type}");
    }
    let encoded = alice_sends("POST", "/api/alice/tasks", "x").insert_header(("content-encoding", "gzip"));
    assert_eq!(Ports::new().answer(encoded).await.status, 415);
    for media_type in
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;x=y"]
    {
        let mut repo = MockTaskRepo::new();
        repo.expect_create().return_once(|_, _, _| Ok(task("alice", 7)));
        let request = alice_sends("POST", "/api/alice/tasks", r#"{"title":"x"}"#);
        let answer = Ports::with_tasks(repo).answer(request.insert_header(("content-type", media_type))).await;
        assert_eq!(answer.status, 201, "{media_type}");
    }
}

/// If a request has several errors, the first of these is reported: an invalid task id (404), a body that is too large
/// (413), a wrong media type (415), an invalid body (422).
#[actix_web::test]
async fn errors_have_a_fixed_order() {
    let huge = "x".repeat(BODY_LIMIT + 1);
    let text = |method: &str, path: &str, body: &str| {
        alice(method, path).insert_header(("content-type", "text/plain")).set_payload(body.to_owned())
    };
    let cases = [
        (text("PUT", "/api/alice/tasks/x", &huge), 404),
        (text("PUT", "/api/alice/tasks/7", &huge), 413),
        (alice_sends("PUT", "/api/alice/tasks/7", huge.clone()), 413),
        (text("PUT", "/api/alice/tasks/7", "{"), 415),
        (alice_sends("PUT", "/api/alice/tasks/7", "{"), 422),
    ];
    for (request, status) in cases {
        assert_eq!(Ports::new().answer(request).await.status, status);
    }
    let limit = format!(r#"{{"title":"x","pad":"{}"}}"#, "x".repeat(BODY_LIMIT - 22));
    assert_eq!(limit.len(), BODY_LIMIT);
    let mut repo = MockTaskRepo::new();
    repo.expect_create().return_once(|_, _, _| Ok(task("alice", 7)));
    let answer = Ports::with_tasks(repo).answer(alice_sends("POST", "/api/alice/tasks", limit)).await;
    assert_eq!(answer.status, 201);
}

#[actix_web::test]
async fn the_reason_of_a_store_error_is_not_in_the_response() {
    let unavailable: fn() -> StoreError = || StoreError::Unavailable("tasks: secret detail".into());
    let corrupt: fn() -> StoreError = || StoreError::Corrupt("tasks: secret detail".into());
    let cases = [(unavailable, 503, "SERVICE_UNAVAILABLE", Some("1")), (corrupt, 500, "INTERNAL_SERVER_ERROR", None)];
    for (error, status, code, retry_after) in cases {
        for (method, path) in [("GET", "/api/alice/tasks"), ("GET", "/api/alice/tasks/7"), ("POST", "/api/alice/tasks")]
        {
            let mut repo = MockTaskRepo::new();
            repo.expect_list().returning(move |_, _| Err(error()));
            repo.expect_find().returning(move |_, _| Err(error()));
            repo.expect_create().returning(move |_, _, _| Err(error().into()));
            let answer = Ports::with_tasks(repo).answer(alice_sends(method, path, r#"{"title":"x"}"#)).await;
            assert_eq!(answer.verdict(), (status, code.into()));
            assert_eq!(answer.header("retry-after"), retry_after);
            assert!(!answer.body.contains("secret detail"));
        }
    }
}

#[actix_web::test]
async fn a_task_beyond_the_maximum_is_409() {
    let mut repo = MockTaskRepo::new();
    repo.expect_create().return_once(|_, _, _| Err(CreateError::LimitReached(Task::NAME)));
    let answer = Ports::with_tasks(repo).answer(alice_sends("POST", "/api/alice/tasks", r#"{"title":"x"}"#)).await;
    assert_eq!(answer.verdict(), (409, "TASK_LIMIT_REACHED".into()));
    assert_eq!(answer.header("retry-after"), None);
}

/// The access token of a deleted user may still be valid, so creating a task with it fails in the store, and the
/// response is a 401.
#[actix_web::test]
async fn a_write_for_a_user_who_is_gone_is_401() {
    let mut repo = MockTaskRepo::new();
    repo.expect_create().return_once(|_, _, _| Err(CreateError::UnknownOwner));
    let answer = Ports::with_tasks(repo).answer(alice_sends("POST", "/api/alice/tasks", r#"{"title":"x"}"#)).await;
    assert_eq!(answer.verdict(), (401, "UNAUTHORIZED".into()));
}

/// The user id in the path is percent-decoded exactly once, and then compared with the id of the caller byte by byte.
#[actix_web::test]
async fn the_path_is_decoded_once() {
    let ports = || {
        let mut repo = MockTaskRepo::new();
        repo.expect_list().returning(|_, _| Ok(page(Vec::new())));
        Ports::with_tasks(repo)
    };
    let own = [
        ("alice-token", "alice"),
        ("alice-token", "%61lice"),
        ("alice-token", "%61%6C%69%63%65"),
        ("a/b-token", "a%2Fb"),
        ("a%b-token", "a%25b"),
        ("a%2Fb-token", "a%252Fb"),
        ("a+b-token", "a+b"),
        ("a b-token", "a%20b"),
    ];
    for (token, segment) in own {
        let request = alice("GET", &format!("/api/{segment}/tasks"));
        let answer = ports().answer(request.insert_header(("authorization", format!("Bearer {token}")))).await;
        assert_eq!(answer.status, 200, "{segment}");
    }
    for segment in [
        "Alice",
        "alice%20",
        "%20alice",
        "alice%00",
        "alic",
        "alicee",
        "%2561lice",
        "alice%2F",
        "alice;x=1",
        "*",
        "_",
        "%25",
        "null",
        "undefined",
        "me",
        "%ff%fe",
        "%c0%ae",
        "%ed%a0%80",
        "%EF%BC%A1lice",
        "alice%E2%80%8B",
        "%D0%B0lice",
        ".",
        "bob%2F..%2Falice",
    ] {
        let answer = ports().answer(alice("GET", &format!("/api/{segment}/tasks"))).await;
        assert_eq!(answer.verdict(), (403, "FORBIDDEN".into()), "{segment}");
    }
    // The id of this caller is U+FFFD. The invalid UTF-8 in the path is not replaced by U+FFFD, so it does not match.
    let request = alice("GET", "/api/%ff/tasks").insert_header(("authorization", "Bearer lossy-token"));
    assert_eq!(ports().answer(request).await.status, 403);
}

#[actix_web::test]
async fn the_authorization_header_is_read_strictly() {
    for header in ["Bearer alice-token", "bearer alice-token", "BEARER alice-token", "Bearer   alice-token"] {
        let mut repo = MockTaskRepo::new();
        repo.expect_list().return_once(|_, _| Ok(page(Vec::new())));
        let request = alice("GET", "/api/alice/tasks").insert_header(("authorization", header));
        assert_eq!(Ports::with_tasks(repo).answer(request).await.status, 200, "{header}");
    }
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Basic alice-token",
        "Token alice-token",
        "JWT alice-token",
        "alice-token",
        "BearerX alice-token",
        "Bearer:alice-token",
        "Bearer\talice-token",
        "Bearer alice-token,",
        "Bearer \"alice-token\"",
        "Bearer alice-token x",
        "Bearer,alice-token",
    ] {
        let request = alice("GET", "/api/alice/tasks").insert_header(("authorization", header));
        let answer = Ports::new().answer(request).await;
        assert_eq!(answer.verdict(), (401, "UNAUTHORIZED".into()), "{header}");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#), "{header}");
    }
    for (first, second) in [("alice", "bob"), ("bob", "alice"), ("alice", "alice"), ("alice", "junk")] {
        let request = alice("GET", "/api/alice/tasks")
            .insert_header(("authorization", format!("Bearer {first}-token")))
            .append_header(("authorization", format!("Bearer {second}-token")));
        assert_eq!(Ports::new().answer(request).await.status, 401);
    }
    for path in ["/api/alice/tasks?access_token=alice-token", "/api/alice/tasks?token=alice-token"] {
        let request = crate::support::anonymous("GET", path).insert_header(("x-user-id", "alice"));
        let answer = Ports::new().answer(request).await;
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}
