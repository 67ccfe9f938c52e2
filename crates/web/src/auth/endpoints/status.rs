//! `GET /api/auth/ok` and `/error`.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::responses::CommonErrors;

#[derive(Serialize, ToSchema)]
#[schema(as = Ok)]
struct OkResponse {
    /// Always `true`.
    ok: bool,
}

/// Check that the auth server is running.
///
/// **Access:** anyone.
#[utoipa::path(
    get, path = "/ok", operation_id = "auth_ok", tag = "auth",
    responses((status = 200, description = "The auth server is running.", body = OkResponse), CommonErrors)
)]
pub(crate) async fn ok() -> HttpResponse {
    HttpResponse::Ok().json(OkResponse { ok: true })
}

/// The text shown if the query has no valid error code.
const UNKNOWN: &str = "UNKNOWN";

/// Show an error.
///
/// **Access:** anyone. Better Auth redirects browsers to this page after an error.
#[utoipa::path(
    get, path = "/error", operation_id = "auth_error", tag = "auth",
    params(("error" = Option<String>, Query, description = "The error code to show.")),
    responses((status = 200, description = "A page with the error code.", content_type = "text/html", body = String), CommonErrors)
)]
pub(crate) async fn error(request: HttpRequest) -> HttpResponse {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let code = pairs.find(|(name, _)| name == "error").map(|(_, value)| value.into_owned());
    // Excludes every character that could be HTML markup, because the page contains the code unescaped.
    let is_code = |code: &String| {
        !code.is_empty() && code.len() <= 100 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_'-".contains(c))
    };
    let code = code.filter(is_code).unwrap_or_else(|| UNKNOWN.into());
    HttpResponse::Ok().content_type(ContentType::html()).body(format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title><h1>Something went wrong</h1>\
         <p>Code: {code}</p></html>"
    ))
}
