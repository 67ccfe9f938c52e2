//! The resources of the program other than tasks.

use std::sync::{Arc, OnceLock};

use taskbridge_adapters::concurrency::{ConcurrencyLimitedRepo, StatementPermits};
use taskbridge_adapters::database::Store;
use taskbridge_adapters::database::owned::{OwnedEntity, SeaOwnedRepo, UnknownTable};
use taskbridge_domain::Cause;
use taskbridge_domain::ports::Clock;
use taskbridge_domain::services::OwnedService;
use taskbridge_migrations::Migration;
use taskbridge_web::OwnedApi;

/// A resource that belongs to users and is served in addition to the tasks.
pub struct Resource {
    /// The migrations of its table, in order. Databases also record them.
    pub migrations: &'static [&'static dyn Migration],
    /// Returns its operations. An error ends the server.
    pub api: fn(&Repositories) -> Result<OwnedApi, Cause>,
}

/// The resources of the program other than tasks. They are set once, before the first use.
static RESOURCES: OnceLock<&'static [Resource]> = OnceLock::new();

pub(crate) fn set(further: &'static [Resource]) {
    let _ = RESOURCES.set(further);
}

/// Returns the resources other than tasks.
pub(crate) fn further() -> &'static [Resource] {
    RESOURCES.get().copied().unwrap_or_default()
}

/// Returns the migrations of the resources other than tasks.
pub(crate) fn migrations() -> Vec<&'static dyn Migration> {
    further().iter().flat_map(|resource| resource.migrations.iter().copied()).collect()
}

/// The repositories of the resources: on the database of the server, with the limits for each user.
pub struct Repositories {
    pub(crate) store: Store,
    pub(crate) permits: StatementPermits,
    /// `true` if the owners are users in the same database.
    pub(crate) has_users: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Repositories {
    /// Returns the service of the resource in the table of the entity `E`.
    ///
    /// # Errors
    /// [`UnknownTable`] if no migration creates the table as one whose rows belong to users.
    pub fn service<E: OwnedEntity>(&self) -> Result<Arc<OwnedService<E::Resource>>, UnknownTable> {
        let repo = SeaOwnedRepo::<E>::of_table(self.store.clone())?;
        let repo = if self.has_users { repo.requiring_known_owners() } else { repo };
        let repo = ConcurrencyLimitedRepo::new(repo, self.permits.clone());
        Ok(Arc::new(OwnedService::new(Arc::new(repo), Arc::clone(&self.clock))))
    }
}
