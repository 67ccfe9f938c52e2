//! Input bytes as a request line, `<method> <target>`, sent by each caller.

use std::sync::Arc;

use actix_web::http::{Method, Uri};
use actix_web::test::TestRequest;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use taskbridge_domain::Owner;
use taskbridge_domain::ports::MockTaskRepo;
use taskbridge_domain::tasks::{Task, TaskPage};
use taskbridge_domain::testing::fixtures::task;

use crate::api::{Api, CALLERS, api_on};

thread_local! {
    static API: Api = api_on(Arc::new(everybodys_tasks()));
}

pub(crate) fn check(data: &[u8]) {
    let Some((method, target)) = std::str::from_utf8(data).ok().and_then(|line| line.split_once(' ')) else { return };
    // The HTTP parser answers these with 400 before our code runs.
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), target.parse::<Uri>()) else { return };

    let segments: Vec<_> = uri.path().split('/').collect();
    let named = match segments[..] {
        ["", "api", user, "tasks", ..] => Some(percent_decode_str(user).collect::<Vec<_>>()),
        _ => None,
    };
    for (number, caller) in CALLERS.iter().enumerate() {
        let request = TestRequest::with_uri(target).method(method.clone());
        let answer = API.with(|api| api(request.insert_header(("authorization", format!("Bearer caller-{number}")))));
        if named.as_deref().is_some_and(|named| named != caller.as_bytes()) {
            assert!([403, 404, 405].contains(&answer.status), "{}", answer.status);
        }
        if named.is_some() {
            only_tasks_of(caller, &answer.json());
        }
    }
}

fn only_tasks_of(caller: &str, json: &Value) {
    match json {
        Value::Array(tasks) => tasks.iter().for_each(|task| only_tasks_of(caller, task)),
        Value::Object(fields) => assert!(fields.get("user_id").is_none_or(|user| user == caller), "{json}"),
        _ => {}
    }
}

/// Returns a store in which every user has every task.
fn everybodys_tasks() -> MockTaskRepo {
    let some = |owner: &Owner| -> Option<Task> { Some(task(owner.id().as_str(), 7)) };
    let mut repo = MockTaskRepo::new();
    repo.expect_list().returning(move |owner, _| Ok(TaskPage { items: some(owner).into_iter().collect(), next: None }));
    repo.expect_count().returning(|_, _| Ok(1));
    repo.expect_find().returning(move |owner, _| Ok(some(owner)));
    repo.expect_create().returning(|owner, _, _| Ok(task(owner.id().as_str(), 7)));
    repo.expect_update().returning(move |owner, _, _, _| Ok(some(owner)));
    repo.expect_toggle().returning(move |owner, _, _| Ok(some(owner)));
    repo.expect_delete().returning(|_, _| Ok(true));
    repo
}
