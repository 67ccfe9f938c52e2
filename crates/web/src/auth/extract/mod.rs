//! Extractors of the endpoints below `/api/auth`.

pub(crate) mod body;
pub(crate) mod client_info;
pub(crate) mod session;
