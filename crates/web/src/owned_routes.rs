//! Mounts the operations on a resource that belongs to a user.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Responder, Route};

use crate::error::not_allowed;
use crate::extract::guard::OwnerFrom;

/// The operations on an owned resource, by their paths after the base. The order in which they are added makes no
/// difference: `{` sorts after letters, digits and hyphens, so that `/summary` is found although `/{task_id}` would match it,
/// too.
#[derive(Default)]
pub(crate) struct OwnedRoutes(BTreeMap<&'static str, Vec<(Method, Route)>>);

impl OwnedRoutes {
    /// Adds an operation. `path` follows the base: it is empty, or has segments that each begin with a slash. An operation
    /// with the method GET also answers HEAD.
    #[expect(clippy::needless_pass_by_value, reason = "handlers are passed as actix-web takes them")]
    pub(crate) fn on<F, Args>(
        mut self,
        methods: impl IntoIterator<Item = Method>,
        path: &'static str,
        handler: F,
    ) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let routes = self.0.entry(path).or_default();
        for method in methods {
            let head = (method == Method::GET).then_some(Method::HEAD);
            for method in [method].into_iter().chain(head) {
                routes.push((method.clone(), web::method(method).to(handler.clone())));
            }
        }
        self
    }

    /// Mounts the operations below `base`. Each path is served with and without a trailing slash: a redirect would not be
    /// enough, because many clients omit the body when they follow a redirect. Other methods are answered with a 405.
    pub(crate) fn mount(self, config: &mut ServiceConfig, base: &str, owner: OwnerFrom) {
        for (path, routes) in self.0 {
            let pattern = format!("{base}{path}");
            let allowed: Vec<_> = routes.iter().map(|(method, _)| method.as_str()).collect();
            let resource = web::resource([pattern.clone(), format!("{pattern}/")]).app_data(owner);
            let resource = resource.default_service(not_allowed(allowed.join(", ")));
            config.service(routes.into_iter().fold(resource, |resource, (_, route)| resource.route(route)));
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    #[actix_web::test]
    async fn a_fixed_segment_precedes_a_parameter_whatever_the_order() {
        async fn fixed() -> HttpResponse {
            HttpResponse::Accepted().finish()
        }
        async fn any() -> HttpResponse {
            HttpResponse::Ok().finish()
        }
        let (get, post) = (|| [Method::GET], || [Method::POST]);
        let routes = OwnedRoutes::default()
            .on(get(), "/{id}/{part}", any)
            .on(get(), "/{id}", any)
            .on(get(), "/{id}/parts", fixed)
            .on(get(), "/summary", fixed)
            .on(post(), "/{id}", any);
        let app = init_service(App::new().configure(|config| routes.mount(config, "/tasks", OwnerFrom::Path))).await;
        for (method, path, status, allowed) in [
            (Method::GET, "/tasks/summary", StatusCode::ACCEPTED, None),
            (Method::HEAD, "/tasks/summary/", StatusCode::ACCEPTED, None),
            (Method::GET, "/tasks/7", StatusCode::OK, None),
            (Method::POST, "/tasks/7/", StatusCode::OK, None),
            (Method::GET, "/tasks/7/parts", StatusCode::ACCEPTED, None),
            (Method::GET, "/tasks/7/x", StatusCode::OK, None),
            (Method::PUT, "/tasks/7", StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, POST")),
            (Method::POST, "/tasks/summary", StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")),
        ] {
            let request = TestRequest::with_uri(path).method(method.clone()).to_request();
            let answer = call_service(&app, request).await;
            let allow = answer.headers().get("allow").map(|methods| methods.to_str().unwrap().to_owned());
            assert_eq!((answer.status(), allow.as_deref()), (status, allowed), "{method} {path}");
        }
    }
}
