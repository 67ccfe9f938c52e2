//! JSON that is malformed, ambiguous, or of the wrong type.

use serde_json::json;

use super::assert_faults;
use crate::site::{JSON, OneUser, parsed};

/// Browsers are told not to guess the type of an answer.
#[tokio::test]
async fn answers_are_not_to_be_sniffed() {
    let site = OneUser::open().await;
    site.ann.add(json!({ "title": "<script>alert(1)</script>" })).await;
    for (rest, status) in [("", 200), ("/1", 200), ("/0", 404), ("?limit=x", 422)] {
        let answer = site.send("GET", rest, &[], b"").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{rest}");
    }
}

/// On every route that reads a body, malformed JSON and JSON that is not an object are validation errors.
#[tokio::test]
async fn what_is_no_json_object_is_told_so() {
    let site = OneUser::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let body: &[&str] = &["body"];
    let (malformed, no_object) = ((body, "json_invalid"), (body, "dict_type"));
    let texts = [
        ("{oops", malformed),
        ("title=x", malformed),
        (r#"{"title":"x""#, malformed),
        (r#"{"title":"x"#, malformed),
        (r#"{"title":"#, malformed),
        (r#"{"title":"x"}x"#, malformed),
        (r#"{"title":"x"}{}"#, malformed),
        (r#"{"title":"x",}"#, malformed),
        (r#"{"title":"x" "completed":true}"#, malformed),
        (r"{'title':'x'}", malformed),
        (r#"{title:"x"}"#, malformed),
        (r#"{"title":"x"} // comment"#, malformed),
        (r#"/* comment */ {"title":"x"}"#, malformed),
        (r#"{"title":NaN}"#, malformed),
        (r#"{"title":Infinity}"#, malformed),
        (r#"{"title":"x","n":1e999}"#, malformed),
        (r#"{"title":"x","n":01}"#, malformed),
        (r#"{"title":"x","n":0x10}"#, malformed),
        (r#"{"title":undefined}"#, malformed),
        (r#"{"title":True}"#, malformed),
        (r#"{"title":"\x41"}"#, malformed),
        ("{\"title\":\"a\nb\"}", malformed),
        ("{\"title\":\"a\0b\"}", malformed),
        (r#"{"title":"\ud800"}"#, malformed),
        (r#"{"title":"\udc00\ud800"}"#, malformed),
        (r#"{"title":"x","description":"\ud83d"}"#, malformed),
        ("\u{feff}{\"title\":\"x\"}", malformed),
        ("\0", malformed),
        (" ", malformed),
        ("[]", no_object),
        (r#"[{"title":"x"}]"#, no_object),
        (r#"["x",null,true]"#, no_object),
        (r#""title""#, no_object),
        ("1", no_object),
        ("-0.5e3", no_object),
        ("true", no_object),
        ("null", no_object),
    ];
    let bytes = [
        ("not UTF-8", b"{\"title\":\"\xff\xfe\"}".to_vec()),
        ("an overlong form", b"{\"title\":\"\xc0\xaf\"}".to_vec()),
        ("a surrogate in bytes", b"{\"title\":\"\xed\xa0\x80\"}".to_vec()),
        ("not UTF-8 in a field unknown", b"{\"title\":\"x\",\"y\":\"\xff\"}".to_vec()),
        ("UTF-16", r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("30,000 open arrays", vec![b'['; 30_000]),
        ("30,000 arrays", [vec![b'['; 30_000], vec![b']'; 30_000]].concat()),
        ("10,000 open objects", br#"{"a":"#.repeat(10_000)),
        ("a deep title", [br#"{"title":"#.to_vec(), vec![b'['; 20_000], vec![b']'; 20_000], b"}".to_vec()].concat()),
    ];
    let texts = texts.map(|(text, fault)| (text, text.as_bytes().to_vec(), fault));
    let bytes = bytes.map(|(name, bytes)| (name, bytes, malformed));
    let routes = [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("PATCH", &format!("{task}/complete"))];
    for (name, bytes, fault) in texts.into_iter().chain(bytes) {
        // Where the body is optional, `null` means that it is missing.
        let count = if name == "null" { 3 } else { 4 };
        for (method, rest) in &routes[..count] {
            let answer = site.send(method, rest, &[JSON], &bytes).await;
            assert_faults(&answer, &[fault], &format!("{method} {rest} {name}"));
        }
    }
    for (method, rest) in &routes[..3] {
        for headers in [&[JSON][..], &[], &["Content-Type: text/plain"]] {
            let answer = site.send(method, rest, headers, b"").await;
            assert_faults(&answer, &[(body, "missing")], &format!("{method} {rest} {headers:?}, no body"));
        }
    }
    assert_eq!(site.ann.list().await, before);
}

/// All invalid fields of a body are reported at once, in the order of the schema.
#[tokio::test]
async fn every_fault_of_a_field_is_told_with_its_place() {
    let site = OneUser::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let (title, description, completed): (&[&str], &[&str], &[&str]) =
        (&["body", "title"], &["body", "description"], &["body", "completed"]);
    let mut cases = Vec::new();
    for empty in ["", " ", "\t\r\n", "\u{3000}\u{2003}", "\u{1}\u{1f}\u{7f}", "\0", " \u{85}"] {
        cases.push((json!({ "title": empty }), vec![(title, "string_too_short")]));
    }
    for long in ["x".repeat(201), "🙂".repeat(201), "x".repeat(10_000)] {
        cases.push((json!({ "title": long }), vec![(title, "string_too_long")]));
    }
    for other in [json!(null), json!(1), json!(true), json!(["x"]), json!({ "x": "x" })] {
        cases.push((json!({ "title": other }), vec![(title, "string_type")]));
        if !other.is_null() {
            cases.push((json!({ "title": "x", "description": other }), vec![(description, "string_type")]));
        }
        if !other.is_boolean() {
            cases.push((json!({ "title": "x", "completed": other }), vec![(completed, "bool_type")]));
        }
    }
    for other in ["true", "false", "", "1", "yes"] {
        cases.push((json!({ "title": "x", "completed": other }), vec![(completed, "bool_type")]));
    }
    cases.extend([
        (json!({ "title": "a\0b" }), vec![(title, "string_nul")]),
        (json!({ "title": "x", "description": "\0" }), vec![(description, "string_nul")]),
        (json!({ "title": "x", "description": "漢".repeat(1001) }), vec![(description, "string_too_long")]),
        (json!({ "title": "x", "description": "x".repeat(60_000) }), vec![(description, "string_too_long")]),
        (
            json!({ "completed": 0, "description": [], "title": "" }),
            vec![(title, "string_too_short"), (description, "string_type"), (completed, "bool_type")],
        ),
    ]);
    for (body, faults) in &cases {
        for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task)] {
            let answer = site.send(method, rest, &[JSON], body.to_string().as_bytes()).await;
            assert_faults(&answer, faults, &format!("{method} {body:.100}"));
        }
    }
    for body in [json!({}), json!({ "Title": "x" }), json!({ "titel": "x", "description": "y" })] {
        assert_faults(&site.create(body.to_string()).await, &[(title, "missing")], &body.to_string());
    }
    let complete = format!("{task}/complete");
    for other in [json!(null), json!("true"), json!(1), json!([true])] {
        let body = json!({ "completed": other }).to_string();
        let answer = site.send("PATCH", &complete, &[JSON], body.as_bytes()).await;
        assert_faults(&answer, &[(completed, "bool_type")], &body);
    }
    assert_eq!(site.ann.list().await, before);
}

/// If a field occurs twice, the last value counts.
#[tokio::test]
async fn of_a_field_given_twice_the_last_counts() {
    let site = OneUser::open().await;
    for (body, title, completed) in [
        (r#"{"title":"one","title":"two"}"#, "two", false),
        (r#"{"title":"","title":"two"}"#, "two", false),
        (r#"{"title":5,"completed":true,"title":"two"}"#, "two", true),
        (r#"{"title":"two","completed":"x","completed":true}"#, "two", true),
        (r#"{"title":"one","\u0074itle":"two"}"#, "two", false),
    ] {
        let task = parsed(&site.create(body).await);
        assert_eq!((&task["title"], &task["completed"]), (&json!(title), &json!(completed)), "{body}");
    }
    let answer = site.create(r#"{"title":"two","title":""}"#).await;
    assert_faults(&answer, &[(&["body", "title"], "string_too_short")], "the last is wrong");
}
