//! The OpenAPI document and Swagger UI. Whether responses match the document is checked by `scripts/openapi.sh`
//! instead.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use taskbridge_web::DocsConfig;

use crate::support::{Answer, Ports, alice, alice_sends, anonymous, body_schema, mounted_routes};

/// Method and path of the mounted routes that are intentionally absent from the OpenAPI document.
const UNDOCUMENTED: [(&str, &str); 4] =
    [("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/docs/{file:[^/]*}"), ("POST", "/api/auth/get-session")];

async fn get(path: &str) -> Answer {
    Ports::new().answer(anonymous("GET", path)).await
}

async fn document() -> Value {
    let answer = get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

/// Returns the method, the path and the operation object of every operation in an OpenAPI document.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(|(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    });
    operations.collect()
}

/// The document does not list HEAD, which is answered like GET without the body (RFC 9110, section 9.3.2), and paths
/// with a trailing slash, which are served like the paths without one. So the comparison ignores both.
#[actix_web::test]
async fn the_document_has_every_route_that_is_mounted_and_no_other() {
    let document = document().await;
    let documented = operations(&document).into_iter().map(|(method, path, _)| (method, path.to_owned()));
    let documented: BTreeSet<_> =
        documented.chain(UNDOCUMENTED.map(|(method, path)| (method.to_owned(), path.to_owned()))).collect();
    let mounted: BTreeSet<_> = mounted_routes()
        .await
        .into_iter()
        .filter(|(method, _)| method != "HEAD")
        .map(|(method, path)| (method, path.trim_end_matches('/').into()))
        .collect();
    assert_eq!(documented, mounted);
}

#[actix_web::test]
async fn every_operation_says_who_has_access_and_describes_its_parameters() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    for (method, path, operation) in operations(&document) {
        assert!(operation["description"].as_str().unwrap().contains("**Access:**"), "{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
        }
        let is_for_owners = path.starts_with("/api/{user_id}/");
        assert!(is_for_owners || path.starts_with("/api/auth/") || path.starts_with("/health/"), "{method} {path}");
        assert_eq!(operation["security"] == serde_json::json!([{ "jwt": [] }]), is_for_owners, "{method} {path}");
        for status in ["401", "403"].into_iter().filter(|_| is_for_owners) {
            assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["session_cookie"]["name"], "better-auth.session_token");
}

#[actix_web::test]
async fn required_fields_are_those_of_the_bodies_and_have_no_defaults() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    for (schema, required) in [
        ("CreateTask", &["title"][..]),
        ("UpdateTask", &[]),
        ("CompleteTask", &[]),
        ("SignUp", &["name", "email", "password"]),
        ("SignIn", &["email", "password"]),
        ("UpdateUser", &[]),
        ("ChangePassword", &["newPassword", "currentPassword"]),
        ("VerifyPassword", &["password"]),
        ("DeleteUser", &[]),
        ("RevokeSession", &["token"]),
    ] {
        let named = schemas[schema]["required"].as_array().cloned().unwrap_or_default();
        assert_eq!(named, required, "{schema}");
        let fields = schemas[schema]["properties"].as_object().unwrap();
        assert!(fields.values().all(|field| field.get("default").is_none()), "{schema}");
    }
}

/// Each documented parameter of a query and each field of a body is read: if its value is invalid, an error names it.
#[actix_web::test]
async fn every_documented_field_is_read() {
    let document = document().await;
    let (mut parameters, mut fields) = (0, 0);
    for (method, path, operation) in operations(&document) {
        let url = path.replace("{user_id}", "alice").replace("{task_id}", "7");
        let in_query = operation["parameters"].as_array().into_iter().flatten().filter(|known| known["in"] == "query");
        for name in in_query.map(|known| &known["name"]).filter(|_| url.starts_with("/api/alice")) {
            let answer = Ports::new().answer(alice(&method, &format!("{url}?{}=%00", name.as_str().unwrap()))).await;
            assert_eq!(answer.status, 422, "{method} {url}: {name}");
            assert_eq!(answer.json()["detail"][0]["loc"], json!(["query", name]), "{method} {url}");
            parameters += 1;
        }
        let body = body_schema(&document, operation).filter(|_| url.starts_with("/api/alice"));
        for name in body.into_iter().flat_map(|schema| schema["properties"].as_object().unwrap().keys()) {
            let body = json!({ name: { "in": "valid" } }).to_string();
            let answer = Ports::new().answer(alice_sends(&method, &url, body)).await;
            assert_eq!(answer.status, 422, "{method} {url}: {name}");
            let answer = answer.json();
            let errors = answer["detail"].as_array().unwrap();
            assert!(errors.iter().any(|error| error["loc"] == json!(["body", name])), "{method} {url}: {name}");
            fields += 1;
        }
    }
    assert!(parameters >= 9 && fields >= 9, "{parameters} and {fields}");
}

/// The examples in the OpenAPI document contain no tokens, cookies or passwords, not even invalid ones.
#[actix_web::test]
async fn no_example_looks_like_a_secret() {
    let document = document().await;
    for (schema, field) in [("Token", "token"), ("SignedIn", "token"), ("SignUp", "password"), ("SignIn", "password")] {
        let shown = &document["components"]["schemas"][schema]["properties"][field];
        assert_eq!(shown["type"], "string", "{schema}");
        for key in ["example", "examples", "default", "enum", "const"] {
            assert!(shown[key].is_null(), "{schema}");
        }
    }
    assert!(!document.to_string().contains("eyJ"));
}

/// Optional properties must not have the default `null`, because client generators treat a property with a default as
/// required.
#[actix_web::test]
async fn optional_fields_of_a_body_have_no_null_as_default() {
    let document = document().await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let properties = schemas.values().filter_map(|schema| schema["properties"].as_object()).flatten();
    let with_null: Vec<_> =
        properties.filter(|(_, property)| property.get("default").is_some_and(Value::is_null)).collect();
    assert!(with_null.is_empty(), "{with_null:?}");
    assert_eq!(schemas["CreateTask"]["required"], serde_json::json!(["title"]));
}

#[actix_web::test]
async fn the_page_is_served_whole_and_loads_nothing_from_elsewhere() {
    let redirect = get("/docs").await;
    assert_eq!((redirect.status.as_u16(), redirect.header("location")), (302, Some("docs/")));
    let page = get("/docs/").await;
    assert_eq!(page.header("content-type"), Some("text/html"));
    let named = page.body.split(['"', '\'']).filter(|text| text.contains('.') && !text.contains([' ', '<']));
    let files: Vec<_> = named.filter(|name| !name.contains(".png")).map(|file| file.trim_start_matches("./")).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let answer = get(&format!("/docs/{file}")).await;
        assert_eq!(answer.status.as_u16(), 200, "{file}");
        let encoding = if file == "swagger-initializer.js" { None } else { Some("gzip") };
        assert_eq!(answer.header("content-encoding"), encoding, "{file}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; ") && !policy.contains("http"), "{policy}");
    }
    let start = get("/docs/swagger-initializer.js").await.body;
    assert!(start.contains(r#""url": "../openapi.json""#) && start.contains(r#""validatorUrl": "none""#), "{start}");
}

/// `.cargo/config.toml` replaces them.
#[actix_web::test]
async fn files_that_the_page_does_not_load_are_small() {
    for file in ["swagger-ui-es-bundle.js", "swagger-ui-es-bundle-core.js", "swagger-ui.js"] {
        let body = get(&format!("/docs/{file}")).await.body;
        assert!(body.starts_with("// The page loads ") && body.len() < 100, "{file}: {} bytes", body.len());
    }
}

#[actix_web::test]
async fn documentation_that_is_switched_off_is_not_served() {
    let absent = |path: &'static str, openapi, page| async move {
        let ports = Ports { docs: DocsConfig { openapi, page }, ..Ports::new() };
        ports.answer(anonymous("GET", path)).await.verdict()
    };
    let not_found = (404, "NOT_FOUND".to_owned());
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css"] {
        assert_eq!(absent(path, true, false).await, not_found);
        assert_eq!(absent(path, false, true).await, not_found);
    }
    assert_eq!(absent("/openapi.json", false, true).await, not_found);
    for path in ["/docs/nothing", "/docs/%ff", "/docs/a/b", "/docs/..%2fopenapi.json"] {
        assert_eq!(get(path).await.verdict(), not_found, "{path}");
    }
}
