//! Mounts the operations on a resource that belongs to users.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, Responder, Route};
use taskbridge_domain::owned::{OwnedResource, ResourceName};
use thiserror::Error;
use utoipa::openapi::OpenApi;

use crate::error::not_allowed;
use crate::extract::guard::OwnerFrom;
use crate::openapi_paths::{paths_by_operation, without_user_id};

/// The paths of the resources of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TasksMount {
    /// The path before `/{user_id}`: empty, or segments that each begin with a slash.
    pub prefix: String,
    /// `true` if the resources of the caller are also available without the user id, such as the tasks at `<prefix>/tasks`.
    pub without_user_id: bool,
}

/// Mounts the operations of a resource.
type Mount = dyn Fn(&mut ServiceConfig, &TasksMount) + Send + Sync;

/// The operations on a resource that belongs to users, with their documentation and the service that they use.
#[derive(Clone)]
pub struct OwnedApi {
    document: OpenApi,
    mount: Arc<Mount>,
}

impl OwnedApi {
    /// Returns the operations on a resource `R`. `document` has their paths, which begin with `/{user_id}`. `handlers` adds a
    /// handler for each of them. The handlers extract the service as `Data<S>`.
    ///
    /// # Errors
    /// Returns a [`RouteMismatch`] if an operation has no handler, or a handler is added for an operation that `document` does
    /// not have.
    pub fn new<R: OwnedResource, S: Send + Sync + 'static>(
        service: Arc<S>,
        document: OpenApi,
        handlers: fn(OwnedRoutes) -> OwnedRoutes,
    ) -> Result<Self, RouteMismatch> {
        handlers(OwnedRoutes::documented_by(&document)).check()?;
        let documented = document.clone();
        let mount = move |config: &mut ServiceConfig, mount: &TasksMount| {
            config.app_data(Data::from(Arc::clone(&service)));
            let routes = |owner_from| {
                handlers(OwnedRoutes::documented_by(&documented)).mount(config, &mount.prefix, owner_from, R::NAME);
            };
            [OwnerFrom::Path].into_iter().chain(mount.without_user_id.then_some(OwnerFrom::Token)).for_each(routes);
        };
        Ok(Self { document, mount: Arc::new(mount) })
    }

    /// Returns the documentation of the operations, with paths that begin with `/{user_id}`.
    pub(crate) fn document(&self) -> OpenApi {
        self.document.clone()
    }

    pub(crate) fn mount(&self, config: &mut ServiceConfig, mount: &TasksMount) {
        (self.mount)(config, mount);
    }
}

/// An error from operations and handlers that do not match.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum RouteMismatch {
    /// The OpenAPI document has no operation with this id.
    #[error("the handler of the operation {0} cannot be mounted: the OpenAPI document has no such operation")]
    Undocumented(String),
    /// No handler was added for the operation with this id.
    #[error("the operation {0} of the OpenAPI document has no handler")]
    Unhandled(String),
}

/// Handlers, by the operations that the OpenAPI document describes.
///
/// The document is the only table of routes: it has the path and the methods of each operation. The order in which handlers
/// are added makes no difference: `{` sorts after letters, digits and hyphens, so that `/summary` is found although
/// `/{task_id}` would match it, too.
pub struct OwnedRoutes {
    /// The path and the methods of each operation, by its id.
    documented: BTreeMap<String, (String, Vec<Method>)>,
    /// The methods and routes of each path.
    routes: BTreeMap<String, Vec<(Method, Route)>>,
    /// The ids with which handlers were added.
    added: BTreeSet<String>,
}

impl OwnedRoutes {
    fn documented_by(document: &OpenApi) -> Self {
        Self { documented: paths_by_operation(document), routes: BTreeMap::new(), added: BTreeSet::new() }
    }

    /// Adds the handler of the operation with this id. An operation with the method GET also answers HEAD.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "handlers are passed as actix-web takes them")]
    pub fn on<F, Args>(mut self, operation_id: &str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.added.insert(operation_id.to_owned());
        let Some((path, methods)) = self.documented.get(operation_id) else { return self };
        let routes = self.routes.entry(path.clone()).or_default();
        for method in methods {
            let head = (*method == Method::GET).then_some(Method::HEAD);
            for method in [method.clone()].into_iter().chain(head) {
                routes.push((method.clone(), web::method(method).to(handler.clone())));
            }
        }
        self
    }

    fn check(&self) -> Result<(), RouteMismatch> {
        let undocumented = self.added.iter().find(|id| !self.documented.contains_key(*id));
        let unhandled = self.documented.keys().find(|id| !self.added.contains(*id));
        match (undocumented, unhandled) {
            (Some(id), _) => Err(RouteMismatch::Undocumented(id.clone())),
            (None, Some(id)) => Err(RouteMismatch::Unhandled(id.clone())),
            (None, None) => Ok(()),
        }
    }

    /// Mounts the operations below `prefix`. Each path is served with and without a trailing slash: a redirect would not be
    /// enough, because many clients omit the body when they follow a redirect. Other methods are answered with a 405.
    fn mount(self, config: &mut ServiceConfig, prefix: &str, owner_from: OwnerFrom, name: ResourceName) {
        for (path, routes) in self.routes {
            let path = match owner_from {
                OwnerFrom::Path => path,
                OwnerFrom::Token => without_user_id(&path),
            };
            let pattern = format!("{prefix}{path}");
            let allowed: Vec<_> = routes.iter().map(|(method, _)| method.as_str()).collect();
            let resource = web::resource([pattern.clone(), format!("{pattern}/")]).app_data(owner_from).app_data(name);
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
    use taskbridge_domain::tasks::Task;
    use utoipa::OpenApi as _;

    use super::*;

    #[utoipa::path(get, path = "/{user_id}/tasks/summary", operation_id = "summary", responses((status = 202)))]
    async fn fixed() -> HttpResponse {
        HttpResponse::Accepted().finish()
    }

    #[utoipa::path(method(get, post), path = "/{user_id}/tasks/{task_id}", operation_id = "any", responses((status = 200)))]
    async fn any() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[utoipa::path(get, path = "/{user_id}/tasks/{task_id}/parts", operation_id = "parts", responses((status = 202)))]
    async fn parts() -> HttpResponse {
        HttpResponse::Accepted().finish()
    }

    #[utoipa::path(get, path = "/{user_id}/tasks/{task_id}/{part}", operation_id = "part", responses((status = 200)))]
    async fn part() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(fixed, any, parts, part))]
    struct Operations;

    #[test]
    fn operations_and_handlers_match() {
        let error = |handlers| OwnedApi::new::<Task, _>(Arc::new(()), Operations::openapi(), handlers).err().unwrap();
        let unhandled = error(|routes| routes.on("part", part).on("any", any).on("parts", parts));
        assert_eq!(unhandled, RouteMismatch::Unhandled("summary".into()));
        let undocumented = error(|routes| routes.on("unknown", any));
        assert_eq!(undocumented, RouteMismatch::Undocumented("unknown".into()));
    }

    #[actix_web::test]
    async fn a_fixed_segment_precedes_a_parameter_whatever_the_order() {
        let api = OwnedApi::new::<Task, _>(Arc::new(()), Operations::openapi(), |routes| {
            routes.on("part", part).on("any", any).on("parts", parts).on("summary", fixed)
        })
        .unwrap();
        let mount = TasksMount { prefix: "/api".into(), without_user_id: true };
        let app = init_service(App::new().configure(|config| api.mount(config, &mount))).await;
        for (method, path, status, allowed) in [
            (Method::GET, "/summary", StatusCode::ACCEPTED, None),
            (Method::HEAD, "/summary/", StatusCode::ACCEPTED, None),
            (Method::GET, "/7", StatusCode::OK, None),
            (Method::POST, "/7/", StatusCode::OK, None),
            (Method::GET, "/7/parts", StatusCode::ACCEPTED, None),
            (Method::GET, "/7/x", StatusCode::OK, None),
            (Method::PUT, "/7", StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD, POST")),
            (Method::POST, "/summary", StatusCode::METHOD_NOT_ALLOWED, Some("GET, HEAD")),
        ] {
            for base in ["/api/alice/tasks", "/api/tasks"] {
                let request = TestRequest::with_uri(&format!("{base}{path}")).method(method.clone()).to_request();
                let answer = call_service(&app, request).await;
                let allow = answer.headers().get("allow").map(|methods| methods.to_str().unwrap().to_owned());
                assert_eq!((answer.status(), allow.as_deref()), (status, allowed), "{method} {base}{path}");
            }
        }
    }
}
