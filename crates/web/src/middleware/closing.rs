//! Responses after which the connection closes.

use actix_web::Error;
use actix_web::dev::ServiceResponse;
use actix_web::http::ConnectionType;

/// Makes the connection close after the response, which may be that of an error.
pub(super) fn close_connection<B>(outcome: &mut Result<ServiceResponse<B>, Error>) {
    match outcome {
        Ok(response) => response.response_mut().head_mut().set_connection_type(ConnectionType::Close),
        Err(error) => error.add_response_mapper(|mut response| {
            response.head_mut().set_connection_type(ConnectionType::Close);
            response
        }),
    }
}
