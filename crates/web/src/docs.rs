//! The OpenAPI document at `/openapi.json`, and Swagger UI at `/docs`.

use actix_web::http::Method;
use actix_web::http::header::{
    Accept, CONTENT_SECURITY_POLICY, ContentEncoding, ContentType, Header, LOCATION, Quality, QualityItem,
};
use actix_web::mime::Mime;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};
use utoipa_swagger_ui::Config;

use crate::auth::AuthServer;
use crate::error::{ApiError, not_allowed};
use crate::openapi;
use crate::owned_routes::{OwnedApi, TasksMount};
use crate::tasks::compatibility::Compatibility;

/// The settings that say which documentation is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocsConfig {
    /// Whether to serve the OpenAPI document.
    pub openapi: bool,
    /// Whether to serve Swagger UI. It needs the OpenAPI document, so this has no effect if `openapi` is `false`.
    pub page: bool,
}

/// The OpenAPI document as JSON, and whether Swagger UI shows it.
#[derive(Clone)]
pub struct Docs {
    document: Option<Bytes>,
    page: bool,
}

impl Docs {
    /// Assembles the OpenAPI document of the tasks API and of further `resources`. If there is an auth server (`server`), the
    /// document includes its operations.
    ///
    /// # Errors
    /// Returns an error if the document cannot be serialized.
    pub fn new(
        config: DocsConfig,
        server: Option<&AuthServer>,
        mount: &TasksMount,
        compatibility: Compatibility,
        resources: &[OwnedApi],
    ) -> serde_json::Result<Self> {
        let DocsConfig { openapi, page } = config;
        let document = openapi
            .then(|| serde_json::to_vec(&openapi::document(server, mount, compatibility, resources)))
            .transpose()?;
        Ok(Self { document: document.map(Bytes::from), page })
    }

    pub(crate) fn routes(self, config: &mut ServiceConfig) {
        let Self { document, page } = self;
        let Some(document) = document else { return };
        config.service(endpoint("/openapi.json").app_data(Document(document)).get(serve_document));
        if page {
            config.app_data(Page);
            // The URL is relative, so that it works behind a proxy that adds a prefix to the path.
            let ui = Config::new(["../openapi.json"]).validator_url("none").try_it_out_enabled(true);
            config
                .service(endpoint("/docs").get(to_page))
                .service(endpoint("/docs/{file:[^/]*}").app_data(Data::new(ui)).get(serve_page));
        }
    }
}

fn endpoint(path: &str) -> Resource {
    web::resource(path).default_service(not_allowed("GET"))
}

#[derive(Clone)]
struct Document(Bytes);

/// A marker in the app data, which is present if the app serves Swagger UI.
struct Page;

/// Handles paths without a route: redirects a browser that opens `/` to Swagger UI, and returns a 404 otherwise.
pub(crate) async fn no_such_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let has_page = request.app_data::<Page>().is_some();
    let is_get = [Method::GET, Method::HEAD].contains(request.method());
    if has_page && is_get && request.path() == "/" && accepts_html(&request) {
        // The URL `docs` is relative, so that the redirect works behind a proxy that adds a prefix to the path.
        return Ok(HttpResponse::TemporaryRedirect().insert_header((LOCATION, "docs")).finish());
    }
    Err(ApiError::RouteNotFound)
}

/// Returns `true` if the header `Accept` names `text/html`, as browsers do when they open a page. The range `*/*` does
/// not count, because many other clients send it.
fn accepts_html(request: &HttpRequest) -> bool {
    let is_html = |range: &QualityItem<Mime>| range.item.essence_str() == "text/html" && range.quality > Quality::ZERO;
    Accept::parse(request).is_ok_and(|accept| accept.iter().any(is_html))
}

/// Returns the OpenAPI document.
async fn serve_document(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let Document(document) = request.app_data().ok_or(ApiError::RouteNotFound)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(document.clone()))
}

/// Redirects `/docs` to `/docs/`, because the relative URLs in the page are wrong without the trailing slash.
async fn to_page() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/")).finish()
}

/// The content security policy of Swagger UI. It allows inline styles and `data:` images, which Swagger UI uses.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Returns a file of Swagger UI. The program contains the files compressed, and every browser accepts gzip, so they are sent
/// as they are.
async fn serve_page(request: HttpRequest, config: Data<Config<'static>>) -> Result<HttpResponse, ApiError> {
    let name = request.match_info().get("file").unwrap_or_default();
    let file = utoipa_swagger_ui::serve(name, config.into_inner())
        .map_err(|error| ApiError::Internal(error.to_string().into()))?
        .ok_or(ApiError::RouteNotFound)?;
    let mut response = HttpResponse::Ok();
    response.content_type(file.content_type).insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if file.gzpipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    Ok(response.body(file.bytes))
}
