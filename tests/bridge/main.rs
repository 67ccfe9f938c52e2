//! The bridge, end to end: the real binary, which trusts an issuer of the tests or a real Better Auth.
//! (N3 to N7, N12; J rows of attack group A, group B; C241)
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod better_auth;
mod doctor;
mod documented;
mod explain;
mod faults;
mod keys;
mod settings;
mod site;
mod storage;
mod traffic;
