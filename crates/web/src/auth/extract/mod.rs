//! What the endpoints below `/api/auth` take from a request.

pub(crate) mod body;
pub(crate) mod client_info;
pub(crate) mod session;
