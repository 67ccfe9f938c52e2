//! Every task belongs to one user.

use reqwest::Method;
use serde_json::{Value, json};
use support::raw::{send_as, timeless};
use support::routes::task_routes;
use support::user::REFUSAL;
use support::{Forge, Server, User};

use crate::site::{FORBIDDEN, NEVER_USED, NO_TASK, TwoUsers, assert_answer, hex};

/// Under the caller's own path, the task of another user is answered like one that does not exist, and stays unchanged.
#[tokio::test]
async fn the_task_of_another_user_is_absent_under_ones_own_path() {
    let site = TwoUsers::open().await;
    let deleted = site.ann.add(json!({ "title": "soon gone" })).await["id"].to_string();
    assert_eq!(site.ask("DELETE", &site.ann.tasks(&format!("/{deleted}")), "").await.status, 204);
    let bodies = ["", "{}", r#"{"title":"mine now"}"#, r#"{"completed":true}"#, r#"{"description":null}"#];
    for (method, rest, body, _) in task_routes("{id}").into_iter().filter(|(_, rest, ..)| rest.contains("{id}")) {
        let accepted = bodies.into_iter().filter(|body| !body.is_empty() || rest.ends_with("complete"));
        for body in [body].into_iter().chain(accepted) {
            let at = |id: &str| site.ann.tasks(&rest.replace("{id}", id));
            let of_another = site.ask(method, &at(&site.id), body).await;
            assert_answer(&of_another, 404, NO_TASK, &format!("{method} {rest} {body}"));
            for absent in [NEVER_USED, &deleted] {
                let absent = site.ask(method, &at(absent), body).await;
                assert_eq!(timeless(&of_another), timeless(&absent), "{method} {rest} {body}");
            }
        }
    }
    site.assert_untouched().await;
    // The counterpart: the same requests succeed with a task of the caller.
    let own = site.anns[0]["id"].to_string();
    for (method, rest, body, status) in task_routes(&own) {
        let answer = site.ask(method, &site.ann.tasks(&rest), body).await;
        assert_eq!(answer.status, status, "{method} {rest}: {answer:?}");
    }
}

/// No field of a body changes the owner, the id or the timestamps of a task.
#[tokio::test]
async fn nothing_in_a_body_gives_a_task_to_somebody_or_takes_it() {
    let site = TwoUsers::open().await;
    let victim = &site.bob.id;
    for (name, value) in [
        ("user_id", json!(victim)),
        ("userId", json!(victim)),
        ("user", json!({ "id": victim })),
        ("owner", json!(victim)),
        ("owner_id", json!(victim)),
        ("sub", json!(victim)),
        ("id", json!(site.id.parse::<i64>().unwrap())),
        ("id", json!("x")),
        ("id", json!(null)),
        ("task_id", json!(1)),
        ("created_at", json!("2001-01-01T00:00:00.000Z")),
        ("updated_at", json!("2001-01-01T00:00:00.000Z")),
        ("version", json!(99)),
        ("is_admin", json!(true)),
        ("__proto__", json!({ "user_id": victim })),
    ] {
        let added = site.ann.add(json!({ "title": "new", name: value })).await;
        assert_eq!(added["user_id"], json!(site.ann.id), "{name}");
        assert!(added["id"].as_i64().unwrap() > site.id.parse().unwrap(), "{name}: {added}");
        assert!(!added["created_at"].as_str().unwrap().starts_with("2001"), "{name}: {added}");
        assert!(!added["updated_at"].as_str().unwrap().starts_with("2001"), "{name}: {added}");
        for method in [Method::PUT, Method::PATCH] {
            let path = site.ann.tasks(&format!("/{}", added["id"]));
            let body = json!({ "description": method.as_str(), name: value });
            let changed = site.ann.request(method, &path).json(&body).send().await.unwrap();
            assert_eq!(changed.status(), 200, "{name}");
            let changed: Value = changed.json().await.unwrap();
            for field in ["id", "user_id", "created_at", "title", "completed"] {
                assert_eq!(changed[field], added[field], "{name}: {field}");
            }
            assert!(changed["updated_at"].as_str() > added["updated_at"].as_str(), "{name}: {changed}");
            assert!(changed.as_object().unwrap().keys().eq(added.as_object().unwrap().keys()), "{name}: {changed}");
        }
        assert_eq!(site.bob.list().await, site.bobs, "{name}");
    }
}

/// User ids of other issuers may be any text; the path is decoded exactly once.
#[tokio::test]
async fn a_user_id_may_be_any_text() {
    let server = Server::start();
    let forge = Forge::of(&server);
    for (id, path) in [
        ("42", "42"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth0%7C5f7c8ec7c33c6c004bbafe82"),
        ("8b1a9953-c461-4f3e-9d2c-000000000000", "8b1a9953-c461-4f3e-9d2c-000000000000"),
        ("ann@example.test", "ann@example.test"),
        ("ann@example.test", "ann%40example.test"),
        ("a/b", "a%2Fb"),
        ("a/../b", "a%2F..%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("a+b", "a%2Bb"),
        ("100%", "100%25"),
        ("Ü漢🙂", "%C3%9C%E6%BC%A2%F0%9F%99%82"),
        (".", "."),
        ("..", ".."),
        ("%2e", "%252e"),
        ("?", "%3F"),
        ("#", "%23"),
        ("\\", "%5C"),
        (" ", "%20"),
    ] {
        let token = forge.token(id);
        let line = format!("GET /api/{path}/tasks HTTP/1.1");
        let answer = send_as(&server, &token, &line, &[], b"").await;
        assert_answer(&answer, 200, "[]", &line);
        let another = forge.token(&format!("{id}x"));
        assert_answer(&send_as(&server, &another, &line, &[], b"").await, 403, FORBIDDEN, &line);
    }
}

/// Only the canonical decimal form of an id finds a task.
#[tokio::test]
async fn what_is_no_id_of_a_task_is_an_absent_task() {
    let site = TwoUsers::open().await;
    let own = site.anns[0]["id"].to_string();
    let reference = site.ask("GET", &site.ann.tasks(&format!("/{NEVER_USED}")), "").await;
    let strange = [
        "0",
        "-1",
        "-0",
        "2147483648",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "1e3",
        "1E0",
        "0x10",
        "0b1",
        "1_0",
        "%20",
        "true",
        "null",
        "NaN",
        "Infinity",
        "undefined",
        "1%20OR%201=1",
        "1;DROP%20TABLE%20tasks",
        "'",
        "*",
        "%25",
        "%00",
        "%EF%BC%91",
        "%D9%A1",
        "%2e",
        "complete",
        "{task_id}",
        "[object%20Object]",
        "$1",
    ]
    .map(str::to_owned);
    let spelled = [
        format!("+{own}"),
        format!("0{own}"),
        format!("{own}.0"),
        format!("{own}e0"),
        format!("{own}%20"),
        format!("%20{own}"),
        format!("{own}%00"),
        format!("{own}%0a"),
        format!("{own},2"),
        format!("-{own}"),
        format!("--{own}"),
        format!("{own}n"),
        format!("%22{own}%22"),
        "1".repeat(1000),
    ];
    for id in strange.iter().chain(&spelled) {
        for (method, rest, body, _) in task_routes(id).into_iter().filter(|(_, rest, ..)| !rest.is_empty()) {
            let path = site.ann.tasks(&rest);
            let answer = site.ask(method, &path, body).await;
            assert_answer(&answer, 404, NO_TASK, &format!("{method} {path}"));
            assert_eq!(timeless(&answer), timeless(&reference), "{method} {path}");
        }
    }
    site.assert_untouched().await;
    assert_eq!(site.ask("GET", &site.ann.tasks(&format!("/{}", hex(&own))), "").await.status, 200);
}

/// Two users work at the same time, and each sees only their own tasks.
#[tokio::test]
async fn users_who_work_side_by_side_see_their_own_tasks() {
    let site = TwoUsers::open().await;
    for number in 0..5 {
        let add = |user: &User| {
            let user = user.clone();
            tokio::spawn(async move { user.add(json!({ "title": format!("{} {number}", user.email) })).await })
        };
        for task in [add(&site.ann), add(&site.bob)] {
            task.await.unwrap();
        }
    }
    for (user, others) in [(&site.ann, "bob"), (&site.bob, "ann")] {
        let list = user.list().await;
        let tasks = list.as_array().unwrap();
        assert!(tasks.len() >= 6, "{list}");
        assert!(tasks.iter().all(|task| task["user_id"] == json!(user.id)), "{list}");
        assert!(!list.to_string().contains(others), "{list}");
        for task in tasks {
            let shown: Value = user.get(&user.tasks(&format!("/{}", task["id"]))).await.json().await.unwrap();
            assert_eq!(shown, *task);
        }
    }
}

/// A subject without an account has an empty list and cannot create a task, and reading does not create the account.
#[tokio::test]
async fn a_subject_without_an_account_has_an_empty_list_and_can_add_nothing() {
    let server = Server::start();
    let http = reqwest::Client::new();
    for subject in ["nobody", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42"] {
        let token = Forge::of(&server).token(subject);
        let url = server.url(&format!("/api/{subject}/tasks"));
        for _ in 0..2 {
            let list = http.get(&url).bearer_auth(&token).send().await.unwrap();
            assert_eq!((list.status().as_u16(), list.text().await.unwrap().as_str()), (200, "[]"));
            let added = http.post(&url).bearer_auth(&token).json(&json!({ "title": "x" })).send().await.unwrap();
            assert_eq!((added.status().as_u16(), added.text().await.unwrap().as_str()), (401, REFUSAL));
        }
        for (method, rest) in [(Method::GET, "/1"), (Method::DELETE, "/1"), (Method::PATCH, "/1/complete")] {
            let absent = http.request(method, format!("{url}{rest}")).bearer_auth(&token).send().await.unwrap();
            assert_eq!(absent.status(), 404);
        }
    }
}
