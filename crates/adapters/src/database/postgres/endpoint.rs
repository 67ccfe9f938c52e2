//! Addresses of PostgreSQL servers.

use std::net::SocketAddr;
use std::path::PathBuf;

/// One address of a PostgreSQL server.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The address of a connection, and the host name for which the certificate must be valid.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    pub(super) host_name: String,
}
