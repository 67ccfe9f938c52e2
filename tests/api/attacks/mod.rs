//! Attacks, by kind. Those whose outcome depends on the database are in `storage`.

mod accounts;
mod bodies;
mod isolation;
mod sessions;
mod tokens;
mod transport;
