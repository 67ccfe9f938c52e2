//! Bodies that HTTP libraries send by themselves.

use serde_json::{Value, json};
use support::raw::{request, send, send_as};
use support::{Server, User};

const JSON: &str = "Content-Type: application/json";

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {body}"))
}

/// axios sends `null` where it is given `null`, and some clients the empty string.
#[tokio::test]
async fn null_is_no_body_where_none_is_required() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "t" })).await;
    let path = ann.tasks(&format!("/{}", task["id"]));
    let mut completed = false;
    for method in ["PATCH", "POST"] {
        for body in ["null", " null\n", "\"\"", " \"\" "] {
            completed = !completed;
            let line = format!("{method} {path}/complete HTTP/1.1");
            let answer = send_as(&server, &ann.token, &line, &[JSON], body.as_bytes()).await;
            assert_eq!((answer.status, &parsed(&answer.body)["completed"]), (200, &completed.into()), "{body:?}");
        }
    }
    for (line, body, status) in [
        (format!("PATCH {path}/complete HTTP/1.1"), "\" \"", 422),
        (format!("PATCH {path}/complete HTTP/1.1"), "[]", 422),
        (format!("PATCH {path} HTTP/1.1"), "null", 422),
        (format!("PUT {path} HTTP/1.1"), "\"\"", 422),
        (format!("POST {} HTTP/1.1", ann.tasks("")), "null", 422),
    ] {
        let answer = send_as(&server, &ann.token, &line, &[JSON], body.as_bytes()).await;
        assert_eq!(
            (answer.status, &parsed(&answer.body)["detail"][0]["type"]),
            (status, &"dict_type".into()),
            "{line}"
        );
    }
    let answer = send_as(&server, &ann.token, &format!("PATCH {path}/complete HTTP/1.1"), &[], b"null").await;
    assert_eq!(answer.status, 415);
    // As in Better Auth, where these have no schema.
    let session = format!("Authorization: Bearer {}", ann.session);
    for path in ["/revoke-other-sessions", "/revoke-sessions"] {
        let line = format!("POST /api/auth{path} HTTP/1.1");
        assert_eq!(send(&server, &request(&line, &[JSON, &session], b"null")).await.status, 200, "{path}");
    }
}
