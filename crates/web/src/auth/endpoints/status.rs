//! `GET /api/auth/ok` and `/error`.

use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::responses::AuthErrors;

#[derive(Serialize, ToSchema)]
#[schema(as = Ok)]
struct OkResponse {
    /// Always `true`.
    ok: bool,
}

/// Whether there is an auth server.
///
/// **Access:** everybody. 200.
#[utoipa::path(
    get, path = "/ok", operation_id = "auth_ok", tag = "auth",
    responses((status = 200, description = "There is.", body = OkResponse), AuthErrors)
)]
pub(crate) async fn ok() -> HttpResponse {
    HttpResponse::Ok().json(OkResponse { ok: true })
}

/// What is shown of an error when it is no code of one.
const UNKNOWN: &str = "UNKNOWN";

/// What Better Auth sends a browser to when something went wrong on its way.
///
/// **Access:** everybody. 200 with a page.
#[utoipa::path(
    get, path = "/error", operation_id = "auth_error", tag = "auth",
    params(("error" = Option<String>, Query, description = "The code to show.")),
    responses((status = 200, description = "A page.", content_type = "text/html", body = String), AuthErrors)
)]
pub(crate) async fn error(request: HttpRequest) -> HttpResponse {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let code = pairs.find(|(name, _)| name == "error").map(|(_, value)| value.into_owned());
    // Nothing that could be more than text.
    let is_code = |code: &String| {
        !code.is_empty() && code.len() <= 100 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_'-".contains(c))
    };
    let code = code.filter(is_code).unwrap_or_else(|| UNKNOWN.into());
    HttpResponse::Ok().content_type(ContentType::html()).body(format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title><h1>Something went wrong</h1>\
         <p>Code: {code}</p></html>"
    ))
}
