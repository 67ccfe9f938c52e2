//! Tasks are stored, changed and deleted.

use reqwest::Method;
use serde_json::json;

use crate::site::{JSON, OneUser, assert_error, in_parallel, is_moment, parsed};

/// A new task is stored with its title trimmed and its description unchanged.
#[tokio::test]
async fn a_task_is_kept_as_it_was_given() {
    let site = OneUser::open().await;
    for (body, title, description, completed) in [
        (json!({ "title": "a" }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "a", "description": null }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "a", "description": "" }), json!("a"), json!(""), json!(false)),
        (json!({ "title": "a", "completed": true }), json!("a"), json!(null), json!(true)),
        (json!({ "title": "a", "completed": false, "description": " b " }), json!("a"), json!(" b "), json!(false)),
        (json!({ "title": " \t\n a  b \u{3000}" }), json!("a  b"), json!(null), json!(false)),
        (json!({ "title": "a", "unknown": { "deep": [1] } }), json!("a"), json!(null), json!(false)),
        (json!({ "title": "x".repeat(200) }), json!("x".repeat(200)), json!(null), json!(false)),
        (json!({ "title": format!(" {} ", "x".repeat(200)) }), json!("x".repeat(200)), json!(null), json!(false)),
        (json!({ "title": "🙂".repeat(200) }), json!("🙂".repeat(200)), json!(null), json!(false)),
        (json!({ "title": "a", "description": "漢".repeat(1000) }), json!("a"), json!("漢".repeat(1000)), json!(false)),
    ] {
        let (status, task) = site.ask(Method::POST, "", Some(&body)).await;
        assert_eq!(status, 201, "{body}");
        assert_eq!((&task["title"], &task["description"], &task["completed"]), (&title, &description, &completed));
        assert!(task["id"].as_i64().is_some_and(|id| id > 0), "{task}");
        assert_eq!(task["user_id"], json!(site.ann.id));
        assert!(is_moment(&task["created_at"]) && task["updated_at"] == task["created_at"], "{task}");
        assert_eq!(site.ask(Method::GET, &format!("/{}", task["id"]), None).await, (200, task), "{body}");
    }
}

/// Text is stored byte for byte: SQL, HTML, templates, control characters and any Unicode.
#[tokio::test]
async fn text_is_neither_interpreted_nor_changed() {
    let site = OneUser::open().await;
    let mut expected = Vec::new();
    for text in [
        "'; DROP TABLE tasks; --",
        "' OR '1'='1",
        "1); DELETE FROM tasks WHERE (1=1",
        "%' OR title LIKE '%",
        "\\'; SELECT 1; --",
        "${7*7} {{7*7}} #{7*7} <%= 7*7 %>",
        "%s %n %x {} {0} $1 ?1 :title",
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</script><!--",
        "../../etc/passwd",
        "\\u0041 \\n \\",
        "\"quoted\" 'single' `back`",
        "null",
        "🙂👩\u{200d}👩\u{200d}👧🇩🇪",
        "e\u{301} is not é",
        "\u{202e}drawkcab\u{202c}",
        "עברית العربية 漢字 ไทย",
        "zero\u{200b}width\u{feff}",
        "\u{1f600}\u{10ffff}\u{fffd}",
        "tab\tline\nreturn\rbell\u{7}escape\u{1b}[31m delete\u{7f}",
        "line\u{2028}and paragraph\u{2029}separators",
    ] {
        let (status, task) = site.ask(Method::POST, "", Some(&json!({ "title": text, "description": text }))).await;
        assert_eq!((status, &task["title"], &task["description"]), (201, &json!(text), &json!(text)));
        let path = format!("/{}", task["id"]);
        let (_, changed) = site.ask(Method::PATCH, &path, Some(&json!({ "title": format!("{text}!") }))).await;
        assert_eq!(changed["title"], json!(format!("{text}!")));
        expected.insert(0, changed);
    }
    let list = site.send("GET", "", &[], b"").await;
    assert_eq!(parsed(&list), json!(expected));
    assert_eq!(list.header("content-type"), Some("application/json"));
}

/// An update changes the given fields and `updated_at` only; an empty one changes nothing.
#[tokio::test]
async fn a_change_touches_what_it_names_and_reading_touches_nothing() {
    let site = OneUser::open().await;
    let other = site.ann.add(json!({ "title": "other" })).await;
    for method in [Method::PUT, Method::PATCH] {
        let task = site.ann.add(json!({ "title": "t", "description": "d" })).await;
        let path = format!("/{}", task["id"]);
        let mut expected = task.clone();
        for (change, moves) in [
            (json!({}), false),
            (json!({ "unknown": 1 }), false),
            (json!({ "title": " new " }), true),
            (json!({ "description": "new, too" }), true),
            (json!({ "completed": true }), true),
            (json!({ "completed": true }), true),
            (json!({ "description": null }), true),
            (json!({ "description": "" }), true),
            (json!({ "title": "all", "description": "three", "completed": false }), true),
        ] {
            let (status, changed) = site.ask(method.clone(), &path, Some(&change)).await;
            assert_eq!(status, 200, "{method} {change}");
            let earlier = expected["updated_at"].clone();
            for (field, value) in change.as_object().unwrap().iter().filter(|(field, _)| *field != "unknown") {
                expected[field] = if value == " new " { json!("new") } else { value.clone() };
            }
            expected["updated_at"] = changed["updated_at"].clone();
            assert_eq!(changed, expected, "{method} {change}");
            assert_eq!(changed["updated_at"].as_str() > earlier.as_str(), moves, "{method} {change}: {earlier}");
            assert!(is_moment(&changed["updated_at"]));
            for _ in 0..2 {
                assert_eq!(site.ask(Method::GET, &path, None).await, (200, changed.clone()), "{method} {change}");
            }
        }
    }
    assert_eq!(site.ask(Method::GET, &format!("/{}", other["id"]), None).await, (200, other));
}

/// `completed` is set if the body contains it, and toggled otherwise.
#[tokio::test]
async fn completing_sets_what_is_named_and_turns_round_otherwise() {
    let site = OneUser::open().await;
    let task = site.ann.add(json!({ "title": "t" })).await;
    let path = format!("/{}/complete", task["id"]);
    let mut last = task;
    for method in ["PATCH", "POST"] {
        for (headers, body, completed) in [
            (&[JSON][..], r#"{"completed":true}"#, true),
            (&[JSON], r#"{"completed":true}"#, true),
            (&[JSON], r#"{"completed":false}"#, false),
            (&[JSON], r#"{"completed":false}"#, false),
            (&[], "", true),
            (&[JSON], "", false),
            (&["Content-Type: text/plain"], "", true),
            (&[JSON], "{}", false),
            (&[JSON], r#"{"unknown":true,"title":"ignored"}"#, true),
            (&[JSON], " { } ", false),
        ] {
            let answer = site.send(method, &path, headers, body.as_bytes()).await;
            assert_eq!(answer.status, 200, "{method} {body:?}: {answer:?}");
            let changed = parsed(&answer);
            assert!(changed["updated_at"].as_str() > last["updated_at"].as_str(), "{method} {body:?}");
            last["updated_at"] = changed["updated_at"].clone();
            last["completed"] = json!(completed);
            assert_eq!(changed, last, "{method} {body:?}");
        }
    }
}

/// A deleted task is answered like one that never existed.
#[tokio::test]
async fn a_deleted_task_is_gone() {
    let site = OneUser::open().await;
    let (kept, gone) = (site.ann.add(json!({ "title": "kept" })).await, site.ann.add(json!({ "title": "gone" })).await);
    let path = format!("/{}", gone["id"]);
    let deleted = site.send("DELETE", &path, &[], b"").await;
    assert_eq!((deleted.status, deleted.body.as_str(), deleted.header("content-type")), (204, "", None));
    assert_error(&site.send("DELETE", &path, &[], b"").await, 404, "TASK_NOT_FOUND", "twice");
    assert_error(&site.send("GET", &path, &[], b"").await, 404, "TASK_NOT_FOUND", "read");
    assert_error(&site.send("PUT", &path, &[JSON], b"{}").await, 404, "TASK_NOT_FOUND", "change");
    assert_error(&site.send("POST", &format!("{path}/complete"), &[], b"").await, 404, "TASK_NOT_FOUND", "complete");
    assert_eq!(site.ann.list().await, json!([kept]));
}

/// Of ten concurrent deletions, one succeeds.
#[tokio::test]
async fn of_parallel_deletes_one_succeeds() {
    let site = OneUser::open().await;
    let path = site.ann.tasks(&format!("/{}", site.ann.add(json!({ "title": "t" })).await["id"]));
    let mut statuses = in_parallel(10, |_| site.ann.request(Method::DELETE, &path)).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[204].as_slice(), &[404; 9]].concat());
}

/// No concurrent toggle is lost, and concurrent updates do not mix.
#[tokio::test]
async fn parallel_changes_are_all_made() {
    let site = OneUser::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "t" })).await["id"]);
    let toggle = site.ann.tasks(&format!("{task}/complete"));
    for (toggles, completed) in [(20, false), (21, true), (20, true)] {
        let statuses = in_parallel(toggles, |_| site.ann.request(Method::PATCH, &toggle)).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let (_, shown) = site.ask(Method::GET, &task, None).await;
        assert_eq!(shown["completed"], json!(completed), "after {toggles}");
    }
    let path = site.ann.tasks(&task);
    let write = |number: usize| {
        let text = number.to_string();
        site.ann.request(Method::PUT, &path).json(&json!({ "title": text, "description": text }))
    };
    let statuses = in_parallel(20, write).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let (_, shown) = site.ask(Method::GET, &task, None).await;
    assert_eq!(shown["title"], shown["description"], "one of the writes, not a mix");
    assert_ne!(shown["title"], "t");
}
