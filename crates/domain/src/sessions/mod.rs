//! Sessions, and the tokens that are issued for them.

mod session;

pub use session::{Client, Jwt, Session, SessionPolicy, SessionToken};
