//! The endpoints below `/api/auth`, in a file for each group.

pub(crate) mod jwks;
pub(crate) mod profile;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod status;
pub(crate) mod token;
