//! Keys that verify and sign tokens.

pub(super) mod algorithm;
pub(super) mod jwk_set;
pub(super) mod key_pair;
pub(super) mod stored_key;
pub(super) mod table;
mod verified_tokens;
pub(super) mod verifying_key;
