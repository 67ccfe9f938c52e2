//! What handlers take from a request: the caller, the body, the address of the client.

pub(crate) mod client_address;
pub(crate) mod field;
pub(crate) mod forwarded;
pub mod guard;
