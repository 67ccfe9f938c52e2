//! Adds the headers of a middleware to every response, including error responses.

use actix_web::Error;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap;

/// Adds headers to the response with `add`. If the outcome is an error, actix-web builds the response later, so `add`
/// is attached to the error and called then.
pub(super) fn with_headers<B>(
    outcome: Result<ServiceResponse<B>, Error>,
    add: impl Fn(&mut HeaderMap) + 'static,
) -> Result<ServiceResponse<B>, Error> {
    match outcome {
        Ok(mut response) => {
            add(response.headers_mut());
            Ok(response)
        }
        Err(mut error) => {
            error.add_response_mapper(move |mut response| {
                add(response.headers_mut());
                response
            });
            Err(error)
        }
    }
}
