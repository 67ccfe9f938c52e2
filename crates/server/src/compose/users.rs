//! Builds the service with which an operator manages users.

use std::sync::Arc;

use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaUserAdminRepo, Store};
use taskbridge_domain::services::UserAdminService;

use super::sign_in::hasher;
use crate::settings::PasswordSettings;

/// Returns the service that manages the users in this store.
pub(crate) fn user_admin(settings: &PasswordSettings, store: &Store) -> anyhow::Result<UserAdminService> {
    Ok(UserAdminService {
        users: Arc::new(SeaUserAdminRepo(store.clone())),
        identity: Arc::new(SeaIdentityRepo(store.clone())),
        sessions: Arc::new(SeaSessionRepo(store.clone())),
        hasher: Arc::new(hasher(settings)?),
        clock: Arc::new(SystemClock),
    })
}
