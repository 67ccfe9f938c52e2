//! Applies or checks the migrations when a command starts.

use anyhow::{Context, bail};
use taskbridge_adapters::database::Store;
use taskbridge_migrations::Users;

/// Applies all pending migrations and returns their names, in order. Several processes may call this at the same time.
pub(crate) async fn up(store: &Store, users: Users) -> anyhow::Result<Vec<String>> {
    let report =
        taskbridge_migrations::up(&store.dedicated().await?, users).await.context("cannot migrate the database")?;
    for step in &report.applied {
        tracing::info!(step, "migrated");
    }
    if report.tasks_without_owner > 0 {
        tracing::warn!(
            count = report.tasks_without_owner,
            "tasks without an owner are kept, but no user can see them; assign them: taskbridge tasks assign <user id>"
        );
    }
    Ok(report.applied)
}

/// Checks that no migration is pending, and that the database role may use the tables.
///
/// # Errors
/// Returns an error that names the pending migrations and the command that applies them, or the missing privileges.
pub(crate) async fn require_current(store: &Store, users: Users) -> anyhow::Result<()> {
    let pending: Vec<_> = taskbridge_migrations::check(&store.dedicated().await?, users, false)
        .await?
        .migrations
        .into_iter()
        .filter(|migration| !migration.applied)
        .map(|migration| migration.name)
        .collect();
    if pending.is_empty() {
        return Ok(());
    }
    bail!("migrations of the database are pending ({}); run: taskbridge migrate up", pending.join(", "))
}
