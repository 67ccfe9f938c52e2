//! The middleware that every request passes. `app` lists it in order.

pub(crate) mod access_log;
pub(crate) mod cors;
pub(crate) mod metrics;
pub(crate) mod request_id;
pub(crate) mod request_limits;
mod response_headers;
pub(crate) mod security_headers;
