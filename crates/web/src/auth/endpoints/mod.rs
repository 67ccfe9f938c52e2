//! The endpoints below `/api/auth`, in a file for each group.

pub(super) mod delete_user;
pub(super) mod jwks;
pub(super) mod password;
pub(super) mod profile;
pub(super) mod session;
pub(super) mod sessions;
pub(super) mod sign_in;
pub(super) mod sign_up;
pub(super) mod status;
pub(super) mod token;
