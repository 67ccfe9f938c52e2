//! Creates the tables, or adopts existing ones that other programs have created.

pub(crate) mod better_auth;
pub(crate) mod tasks;
