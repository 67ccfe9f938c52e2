//! Sessions, and the tokens that are issued for them.

mod session;

pub use session::{ClientInfo, Jwt, Session, SessionPolicy, SessionToken};
