//! The order in which errors are reported, and what it reveals.

use support::User;
use support::raw::{request, send_unfinished, timeless};
use support::routes::task_routes;

use crate::site::{NEVER_USED, TwoUsers};

/// Sends a request with every possible error, then one error less each time.
#[tokio::test]
async fn faults_are_told_in_their_order() {
    let site = TwoUsers::open().await;
    let (json, text) = ("Content-Type: application/json", "Content-Type: text/plain");
    // Above the limit, so the server answers without waiting for the body.
    let large = "Content-Length: 10000000";
    let token = format!("Authorization: Bearer {}", site.ann.token);
    let broken = r#"{"title":"#;
    let by_id = [("PUT", "/{id}"), ("PATCH", "/{id}"), ("PATCH", "/{id}/complete"), ("POST", "/{id}/complete")];
    for (method, rest) in by_id.into_iter().chain([("POST", "")]) {
        let at = |user: &User, id: &str| format!("{method} {} HTTP/1.1", user.tasks(&rest.replace("{id}", id)));
        let (theirs, own) = (at(&site.bob, "x"), at(&site.ann, "x"));
        let absent = at(&site.ann, NEVER_USED);
        let is_by_id = !rest.is_empty();
        let mut ladder = vec![
            (401, request(&theirs, &[text, large], b"")),
            (401, request(&theirs, &["Authorization: Bearer x", text, large], b"")),
            (403, request(&theirs, &[&token, text, large], b"")),
        ];
        if is_by_id {
            ladder.push((404, request(&own, &[&token, text, large], b"")));
        }
        ladder.extend([
            (413, request(&absent, &[&token, text, large], b"")),
            (415, request(&absent, &[&token, text], broken.as_bytes())),
            (422, request(&absent, &[&token, json], broken.as_bytes())),
            (422, request(&absent, &[&token, json], b"[]")),
            (422, request(&absent, &[&token, json], br#"{"title":"","completed":1}"#)),
        ]);
        let last = if is_by_id { 404 } else { 201 };
        ladder.push((last, request(&absent, &[&token, json], br#"{"title":"good","completed":true}"#)));
        for (step, (expected, bytes)) in ladder.iter().enumerate() {
            let answer = send_unfinished(&site.server, bytes).await;
            assert_eq!(answer.status, *expected, "{method} {rest}, step {step}: {answer:?}");
        }
    }
    assert_eq!(site.bob.list().await, site.bobs);

    let query = "?limit=x";
    assert_eq!(site.ask_anonymously("GET", &site.bob.tasks(query)).await.status, 401);
    assert_eq!(site.ask("GET", &site.bob.tasks(query), "").await.status, 403);
    assert_eq!(site.ask("GET", &site.ann.tasks(query), "").await.status, 422);
    assert_eq!(site.ask("GET", &site.ann.tasks("?limit=1"), "").await.status, 200);
}

/// A stranger gets the same answer to any path, query and body, and before the body arrives.
#[tokio::test]
async fn path_query_and_body_never_decide_before_the_guard() {
    let site = TwoUsers::open().await;
    let headers =
        |media_type: &str, length: &str| [format!("Content-Type: {media_type}"), format!("Content-Length: {length}")];
    let variants = [
        headers("application/json", "0"),
        headers("text/plain", "0"),
        headers("application/json; charset=utf-16", "0"),
        // The announced body is never sent.
        headers("application/json", "20"),
        headers("application/json", "65536"),
        headers("application/json", "65537"),
        headers("text/plain", "99999999999"),
    ];
    let bearer = format!("Authorization: Bearer {}", site.ann.token);
    for (token, status) in [(vec![], 401), (vec!["Authorization: Bearer x"], 401), (vec![bearer.as_str()], 403)] {
        let plain = request(&format!("GET {} HTTP/1.1", site.bob.tasks("")), &token, b"");
        let reference = send_unfinished(&site.server, &plain).await;
        assert_eq!(reference.status, status);
        for (method, rest, _, _) in task_routes(&site.id).into_iter().chain(task_routes("x")) {
            for query in ["", "?limit=x", "?limit=1&limit=0", "?%ff", "?limit=%00"] {
                let line = format!("{method} {}{query} HTTP/1.1", site.bob.tasks(&rest));
                let answer = send_unfinished(&site.server, &request(&line, &token, b"")).await;
                assert_eq!(timeless(&answer), timeless(&reference), "{line}");
            }
            let line = format!("{method} {} HTTP/1.1", site.bob.tasks(&rest));
            for variant in &variants {
                let headers: Vec<_> = token.iter().copied().chain(variant.iter().map(String::as_str)).collect();
                let answer = send_unfinished(&site.server, &request(&line, &headers, b"")).await;
                assert_eq!(timeless(&answer), timeless(&reference), "{line} {variant:?}");
            }
        }
    }
    site.assert_untouched().await;
}
