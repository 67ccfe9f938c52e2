//! The configurations of nginx, HAProxy and Caddy in `deploy/`, each with a Next.js app and Taskbridge behind it.
//! `make proxies` installs the proxies and runs these tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod app;
mod load;
mod origin;
mod outside;
mod proxy;
mod restarts;
mod site;
mod tls;
