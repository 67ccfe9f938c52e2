//! Builds the service with which an operator manages users.

use std::sync::Arc;

use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaUserAdminRepo, Store};
use taskbridge_domain::UserId;
use taskbridge_domain::ports::UserAdminRepo as _;
use taskbridge_domain::services::UserAdminService;
use taskbridge_migrations::Users;

use super::sign_in::hasher;
use super::store::{migrations, with_tables_to_read};
use crate::settings::{PasswordSettings, Settings};

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

/// Returns `true` if the database has a table of users without this user, and `false` if it cannot be read.
pub(crate) async fn is_unknown_user(settings: &Settings, user: &UserId) -> bool {
    let migrations = migrations(settings, Users::Here);
    let find = async |store: &Store| Ok(SeaUserAdminRepo(store.clone()).find(user).await?);
    matches!(with_tables_to_read(&settings.database, &migrations, find).await, Ok(None))
}
