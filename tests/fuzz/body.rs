//! Input bytes as a media type, a line break and a body, sent to every route that reads a body.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;

use crate::api::{Answer, Api, CALLERS, api_on};

thread_local! {
    static API: Api = api_on(Arc::new(InMemoryTaskRepo::default()));
}

pub(crate) fn check(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (media_type, body) = (&data[..end], &data[end + 1..]);
    let Ok(media_type) = HeaderValue::from_bytes(media_type) else { return };
    let answer_to = |method: Method, path: &str| {
        let request = TestRequest::with_uri(path).method(method).insert_header(("authorization", "Bearer caller-0"));
        let request = request.insert_header(("content-type", media_type.clone())).set_payload(body.to_vec());
        API.with(|api| api(request))
    };

    let tasks = format!("/api/{}/tasks", CALLERS[0]);
    let created = answer_to(Method::POST, &tasks);
    if created.status == 201 {
        let task = created.json();
        given(body, &task, &json!({ "description": null, "completed": false }));
        remove(&tasks, &task);
    } else {
        told(&created);
    }

    let before = add(&tasks);
    let path = format!("{tasks}/{}", before["id"]);
    let changed = answer_to(Method::PATCH, &path);
    let after = if changed.status == 200 {
        given(body, &changed.json(), &before);
        changed.json()
    } else {
        told(&changed);
        before
    };
    let completed = answer_to(Method::PATCH, &format!("{path}/complete"));
    if completed.status == 200 {
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let expected = sent["completed"].as_bool().unwrap_or(after["completed"] == false);
        assert_eq!(completed.json()["completed"], expected);
        assert_eq!(completed.json()["title"], after["title"]);
    } else {
        told(&completed);
    }
    remove(&tasks, &after);

    let signed_up = answer_to(Method::POST, "/api/auth/sign-up/email");
    if signed_up.status == 200 {
        let (user, sent): (_, Value) = (signed_up.json()["user"].take(), serde_json::from_slice(body).unwrap());
        assert_eq!(user["name"], sent["name"]);
        assert_eq!(user["email"], sent["email"].as_str().unwrap().to_ascii_lowercase());
        assert!(user["name"].as_str().unwrap().chars().count() <= 100);
        assert!(sent["password"].as_str().unwrap().encode_utf16().count() >= 8);
    } else {
        refused(&signed_up, &[400, 403, 413, 415]);
    }
    refused(&answer_to(Method::POST, "/api/auth/sign-in/email"), &[400, 401, 403, 413, 415]);
}

/// Asserts that a task is valid, and has the values of the body, or else its previous ones.
fn given(body: &[u8], task: &Value, before: &Value) {
    let sent: Value = serde_json::from_slice(body).unwrap();
    let title = task["title"].as_str().unwrap();
    assert!((1..=200).contains(&title.chars().count()) && title.trim() == title && !title.contains('\0'));
    assert_eq!(title, sent.get("title").unwrap_or(&before["title"]).as_str().unwrap().trim());
    if let Some(description) = task["description"].as_str() {
        assert!(description.chars().count() <= 1000 && !description.contains('\0'));
    }
    for field in ["description", "completed"] {
        assert_eq!(&task[field], sent.get(field).unwrap_or(&before[field]));
    }
    assert_eq!(task["user_id"], CALLERS[0]);
}

/// Asserts that an error of the tasks API describes what is invalid.
fn told(refusal: &Answer) {
    blamed(refusal, &[413, 415, 422]);
    let json = refusal.json();
    if refusal.status != 422 {
        assert_eq!(json["detail"], json["message"]);
        return;
    }
    for fault in json["detail"].as_array().unwrap() {
        assert_eq!(fault["loc"][0], "body");
        assert!(fault["msg"].is_string() && fault["type"].is_string());
    }
}

/// Asserts that the auth server's error has one of these statuses and a message. For a callback URL that is not a
/// string, the code is missing.
fn refused(refusal: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&refusal.status), "{}", refusal.status);
    let json = refusal.json();
    let has_code = json["code"].is_string() || json["message"].as_str().unwrap().ends_with(": expected a string");
    assert!(has_code && json["message"].is_string(), "{json}");
}

/// Asserts that an error has one of these statuses, a code and a message.
fn blamed(refusal: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&refusal.status), "{}", refusal.status);
    let json = refusal.json();
    assert!(json["code"].is_string() && json["message"].is_string(), "{json}");
}

fn add(tasks: &str) -> Value {
    let new = json!({ "title": "old", "description": "older", "completed": true });
    let request = TestRequest::with_uri(tasks).method(Method::POST).set_json(new);
    let added = API.with(|api| api(request.insert_header(("authorization", "Bearer caller-0"))));
    assert_eq!(added.status, 201);
    added.json()
}

fn remove(tasks: &str, task: &Value) {
    let request = TestRequest::with_uri(&format!("{tasks}/{}", task["id"])).method(Method::DELETE);
    let removed = API.with(|api| api(request.insert_header(("authorization", "Bearer caller-0"))));
    assert_eq!(removed.status, 204);
}
