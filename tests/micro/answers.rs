//! Requests through the whole API, with stores in memory.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../fuzz/api.rs"]
mod api;

use std::sync::Arc;

use actix_web::test::TestRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::Criterion;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use sha2::Sha256;
use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;

/// The secret of the API that the fuzz targets use.
const SECRET: &str = "the-secret-of-the-fuzz-targets-0123456789";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let api = api::api_on(Arc::new(InMemoryTaskRepo::default()));
    let path = format!("/api/{}/tasks", api::CALLERS[0]);
    let bearer = ("authorization", "Bearer caller-0");
    for number in 0..20 {
        let new = json!({ "title": format!("Task {number}"), "description": "Some sixty characters, as people write them down in a hurry" });
        assert_eq!(api(TestRequest::post().uri(&path).insert_header(bearer).set_json(new)).status, 201);
    }
    let list = || api(TestRequest::get().uri(&path).insert_header(bearer));
    assert_eq!(list().json().as_array().unwrap().len(), 20);
    criterion.bench_function("list of 20 tasks", |bencher| bencher.iter(list));

    let missing = format!("{path}/0");
    let one = || api(TestRequest::get().uri(&missing).insert_header(bearer));
    assert_eq!(one().status, 404);
    criterion.bench_function("a task that is not there", |bencher| bencher.iter(one));

    // The signature is verified first; the store does not contain the session.
    for (name, secret) in [("session cookie", SECRET), ("session cookie, forged", "another-secret")] {
        let cookie = ("cookie", format!("better-auth.session_token={}", signed(secret)));
        let session = || api(TestRequest::get().uri("/api/auth/get-session").insert_header(cookie.clone()));
        assert_eq!(session().status, 200);
        criterion.bench_function(name, |bencher| bencher.iter(session));
    }
    criterion.final_summary();
}

fn signed(secret: &str) -> String {
    let token = "MRJbYmtEqQ2weOLEwerkxTXl8pTFvgyk";
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(token);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("{token}.{}", utf8_percent_encode(&signature, NON_ALPHANUMERIC))
}
