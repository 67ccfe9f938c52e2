//! The middleware that every request passes. The function `app` adds it, the innermost first.

pub(crate) mod access_log;
mod closing;
pub(crate) mod cors;
pub(crate) mod metrics;
pub(crate) mod request_id;
pub(crate) mod request_limits;
mod response_headers;
pub(crate) mod security_headers;
pub(crate) mod unsent_responses;
