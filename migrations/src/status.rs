//! The migrations, and whether they have been applied.

/// The migration that creates Better Auth's tables.
pub(crate) const BETTER_AUTH: &str = "m20261121_000001_better_auth";
/// The migration that creates the table `tasks`.
pub(crate) const TASKS: &str = "m20261121_000002_tasks";

/// The status of a migration in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The name of the migration.
    pub name: String,
    /// `true` if the migration has been applied to the database.
    pub applied: bool,
}

/// Returns `true` if `migrations` contains a migration of this name that has not been applied.
pub(crate) fn is_pending(migrations: &[MigrationStatus], name: &str) -> bool {
    migrations.iter().any(|migration| migration.name == name && !migration.applied)
}
