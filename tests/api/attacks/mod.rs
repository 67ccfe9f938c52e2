//! Attacks, by kind.

mod accounts;
mod bodies;
mod isolation;
mod sessions;
mod tokens;
