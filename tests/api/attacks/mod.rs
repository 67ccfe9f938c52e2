//! Attacks, by kind. Those whose outcome depends on the database are in `storage`.

mod accounts;
mod bodies;
mod hashing;
mod http;
mod isolation;
mod sessions;
mod slow_clients;
mod tokens;
mod transport;
mod unread_responses;
