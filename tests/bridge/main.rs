//! Bridge mode, end to end: the real binary with a fake issuer, or with a real Better Auth.
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
