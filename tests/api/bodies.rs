//! Bodies that HTTP libraries send on their own: `null` if there is none, and compressed bodies.

use serde_json::{Value, json};
use support::raw::{request, send_as, send_unfinished};
use support::{Server, User};

const JSON: &str = "Content-Type: application/json";
const SIGN_IN: &str = "POST /api/auth/sign-in/email HTTP/1.1";

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {body}"))
}

/// axios sends `null` if it is called with `null`, and some clients send an empty string.
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
    // In Better Auth, these endpoints have no schema.
    let session = format!("Authorization: Bearer {}", ann.session);
    for path in ["/revoke-other-sessions", "/revoke-sessions"] {
        let line = format!("POST /api/auth{path} HTTP/1.1");
        assert_eq!(send_unfinished(&server, &request(&line, &[JSON, &session], b"null")).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_content_encoding_is_refused_by_its_name() {
    const REASON: &str = "Content-Encoding is not supported: send the body uncompressed";
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let good = json!({ "email": ann.email, "password": support::user::PASSWORD }).to_string();
    let tasks = format!("POST {} HTTP/1.1", ann.tasks(""));
    for encoding in ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", "gzip, identity", "\"identity\""] {
        let encoding = format!("Content-Encoding: {encoding}");
        let answer = send_as(&server, &ann.token, &tasks, &[JSON, &encoding], br#"{"title":"x"}"#).await;
        let body = json!({ "detail": REASON, "code": "UNSUPPORTED_MEDIA_TYPE", "message": REASON });
        assert_eq!((answer.status, parsed(&answer.body)), (415, body), "{encoding}");
        for line in [SIGN_IN, "POST /api/auth/sign-out HTTP/1.1"] {
            let answer = send_unfinished(&server, &request(line, &[JSON, &encoding], good.as_bytes())).await;
            let body = json!({ "message": REASON, "code": "UNSUPPORTED_MEDIA_TYPE" });
            assert_eq!((answer.status, parsed(&answer.body)), (415, body), "{line} {encoding}");
        }
    }
    for encoding in ["identity", "Identity", " identity , identity "] {
        let encoding = format!("Content-Encoding: {encoding}");
        let answer = send_as(&server, &ann.token, &tasks, &[JSON, &encoding], br#"{"title":"x"}"#).await;
        assert_eq!(answer.status, 201, "{encoding}");
        let answer = send_unfinished(&server, &request(SIGN_IN, &[JSON, &encoding], good.as_bytes())).await;
        assert_eq!(answer.status, 200, "{encoding}");
    }
    // Two header lines form one list.
    let lines = [JSON, "Content-Encoding: identity", "Content-Encoding: gzip"];
    assert_eq!(send_as(&server, &ann.token, &tasks, &lines, br#"{"title":"x"}"#).await.status, 415);
}
