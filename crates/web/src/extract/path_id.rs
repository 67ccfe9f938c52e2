//! The resource whose id is in the path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use taskbridge_domain::owned::{Id, OwnedResource};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{KnownFormat, Object, SchemaFormat, Type};

use crate::error::ApiError;
use crate::json_schema::path_parameter;

/// The id of a resource `R`, from a part of the path such as `{task_id}`.
///
/// # Errors
/// Returns a 404 if the id is not a 64-bit integer, because no resource can have such an id.
pub struct PathId<R>(pub Id<R>);

/// Returns the name of the part of the path, such as `task_id`.
fn name<R: OwnedResource>() -> String {
    format!("{}_id", R::NAME.one)
}

impl<R: OwnedResource> FromRequest for PathId<R> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get(&name::<R>()).and_then(Id::parse);
        ready(id.map(Self).ok_or(ApiError::NotFound(R::NAME)))
    }
}

impl<R: OwnedResource> IntoParams for PathId<R> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let int64 = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
        vec![path_parameter(
            &name::<R>(),
            &format!("The id of the {}.", R::NAME.one),
            Object::builder().schema_type(Type::Integer).format(int64),
        )]
    }
}
