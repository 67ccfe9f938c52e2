//! Extractors and other readers of requests: the caller, the body and the IP address of the client.

pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod field;
pub(crate) mod forwarded;
pub mod guard;
pub(crate) mod json_body;
pub(crate) mod parameter;
pub(crate) mod path_id;
pub(crate) mod query;
pub(crate) mod user_rate_limit;
