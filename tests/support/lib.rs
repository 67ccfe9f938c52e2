//! Support for end-to-end tests: the real binary, its users, issuers, attackers, databases and networks.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "for tests only")]

pub mod authorization;
pub mod better_auth;
pub mod binary;
pub mod compatibility;
pub mod database;
pub mod forge;
pub mod impostor;
pub mod isolation;
pub mod issuer;
pub mod log;
pub mod metrics;
pub mod page;
pub mod pair;
pub mod peer;
pub mod postgres;
pub mod proxy;
pub mod raw;
pub mod routes;
pub mod server;
pub mod signer;
pub mod user;

pub use database::Database;
pub use forge::Forge;
pub use issuer::Issuer;
pub use pair::Pair;
pub use peer::Peer;
pub use server::Server;
pub use signer::Signer;
pub use user::User;
