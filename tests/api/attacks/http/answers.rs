//! Properties of all answers.

use serde_json::Value;
use support::raw::{Answer, request, send};

use super::{JSON, SIGN_IN, Site};

/// Errors are JSON, including those of the router and of the HTTP parser.
#[tokio::test]
async fn every_error_outside_of_the_auth_server_is_json() {
    let site = Site::open().await;
    let bearer = format!("Authorization: Bearer {}", site.bob.token);
    let tasks = site.bob.tasks("");
    for (status, line, headers, body, allow) in [
        (404, "GET /".to_owned(), vec![], "", None),
        (404, "GET /favicon.ico".into(), vec![], "", None),
        (404, "POST /nowhere".into(), vec![JSON], "{}", None),
        (405, "DELETE /health/live".into(), vec![], "", Some("GET, HEAD")),
        (405, format!("DELETE {tasks}"), vec![&*bearer], "", Some("GET, HEAD, POST")),
        (405, format!("TRACE {tasks}"), vec![&bearer], "", Some("GET, HEAD, POST")),
        (405, format!("POST {tasks}/1"), vec![&bearer, JSON], "{}", Some("GET, HEAD, PUT, PATCH, DELETE")),
        (405, format!("GET {tasks}/1/complete"), vec![&bearer], "", Some("PATCH, POST")),
        (401, format!("GET {tasks}"), vec![], "", None),
        (403, "GET /api/ann/tasks".into(), vec![&bearer], "", None),
        (413, format!("POST {tasks}"), vec![&bearer, JSON, "Content-Length: 70000"], "", None),
        (415, format!("POST {tasks}"), vec![&bearer, "Content-Type: text/plain"], "x", None),
        (422, format!("POST {tasks}"), vec![&bearer, JSON], "{oops", None),
        (431, format!("GET {tasks}"), vec![&bearer, &format!("X: {}", "x".repeat(70_000))], "", None),
    ] {
        let answer = send(&site.server, &request(&format!("{line} HTTP/1.1"), &headers, body.as_bytes())).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{line}");
        assert_eq!(answer.header("allow"), allow, "{line}");
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["code", "detail", "message"], "{line}");
        assert_headers(&answer, &line);
    }
}

/// Answers of every kind have the security headers, and do not reveal the software.
#[tokio::test]
async fn every_answer_has_the_security_headers_and_names_no_software() {
    let site = Site::open().await;
    let bearer = format!("Authorization: Bearer {}", site.ann.token);
    let cookie = format!("Cookie: {}", site.ann.cookie);
    let body = format!(r#"{{"email":"{}","password":"{}"}}"#, site.ann.email, support::user::PASSWORD);
    for (status, line, headers, body) in [
        (200, format!("GET {}", site.ann.tasks("")), vec![&*bearer], ""),
        (200, "GET /health/live".into(), vec![], ""),
        (200, "GET /health/ready".into(), vec![], ""),
        (200, "GET /api/auth/token".into(), vec![&cookie], ""),
        (200, format!("POST {SIGN_IN}"), vec![JSON], &*body),
        (400, format!("POST {SIGN_IN}"), vec![JSON], "{"),
        (401, "GET /api/auth/token".into(), vec![], ""),
        (404, "GET /api/auth/nowhere".into(), vec![], ""),
        (415, format!("POST {SIGN_IN}"), vec!["Content-Type: text/plain"], "x"),
        (204, format!("DELETE {}/1", site.ann.tasks("")), vec![&bearer], ""),
    ] {
        let answer = send(&site.server, &request(&format!("{line} HTTP/1.1"), &headers, body.as_bytes())).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_headers(&answer, &line);
    }
}

fn assert_headers(answer: &Answer, name: &str) {
    for (header, value) in [
        ("x-content-type-options", Some("nosniff")),
        ("cache-control", Some("no-store")),
        ("content-security-policy", Some("default-src 'none'; frame-ancestors 'none'")),
        ("x-frame-options", Some("DENY")),
        ("referrer-policy", Some("no-referrer")),
        ("cross-origin-resource-policy", Some("same-origin")),
        ("server", None),
        ("x-powered-by", None),
        ("via", None),
    ] {
        assert_eq!(answer.header(header), value, "{header} of {name}");
    }
    let head = answer.head.to_lowercase();
    assert!(!head.contains("actix") && !head.contains("rust"), "{name}: {head}");
}
