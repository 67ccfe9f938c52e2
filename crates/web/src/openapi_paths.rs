//! Reads the paths of an OpenAPI document.

use std::collections::BTreeMap;

use actix_web::http::Method;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};

/// Returns the operations of a path, each with its method.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("patch", patch), ("post", post), ("delete", delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Returns the path without its segment `{user_id}`.
pub(crate) fn without_user_id(path: &str) -> String {
    path.replace("/{user_id}", "")
}

/// Returns the path and the methods of each operation, by its id.
pub(crate) fn paths_by_operation(document: &OpenApi) -> BTreeMap<String, (String, Vec<Method>)> {
    let mut paths = BTreeMap::<String, (String, Vec<Method>)>::new();
    for (path, mut item) in document.paths.paths.clone() {
        for (method, operation) in operations(&mut item) {
            if let (Some(id), Ok(method)) = (&operation.operation_id, method.to_uppercase().parse()) {
                paths.entry(id.clone()).or_insert_with(|| (path.clone(), Vec::new())).1.push(method);
            }
        }
    }
    paths
}
