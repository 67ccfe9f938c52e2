//! The schema of the database: at start, and by the commands `migrate` and `tasks`.

use anyhow::{Context, bail};
use taskbridge_adapters::database::Store;
use taskbridge_migrations::{MigrationStatus, Users};

/// Brings the schema up to date; safe when several processes do it at once. What was applied, in order.
pub(crate) async fn up(store: &Store, users: Users) -> anyhow::Result<Vec<String>> {
    let report = taskbridge_migrations::up(&store.dedicated().await?, users)
        .await
        .context("cannot bring the schema of the database up to date")?;
    for step in &report.applied {
        tracing::info!(step, "migrated");
    }
    if report.tasks_without_owner > 0 {
        tracing::warn!(
            count = report.tasks_without_owner,
            "tasks without an owner are kept and shown to nobody; give them away by: taskbridge tasks assign <user id>"
        );
    }
    Ok(report.applied)
}

/// Takes back the last `steps` steps. What was taken back, in order.
pub(crate) async fn down(store: &Store, users: Users, steps: u32) -> anyhow::Result<Vec<String>> {
    Ok(taskbridge_migrations::down(&store.dedicated().await?, users, steps).await?)
}

/// All steps, and whether each has been applied.
pub(crate) async fn status(store: &Store, users: Users) -> anyhow::Result<Vec<MigrationStatus>> {
    Ok(taskbridge_migrations::status(&store.dedicated().await?, users).await?)
}

/// Fails, saying what to do, unless every migration has been applied, no table is refused, and the role may use the tables.
pub(crate) async fn require_current(store: &Store, users: Users) -> anyhow::Result<()> {
    let pending: Vec<_> = taskbridge_migrations::check(&store.dedicated().await?, users, false)
        .await?
        .migrations
        .into_iter()
        .filter(|step| !step.applied)
        .map(|step| step.name)
        .collect();
    if pending.is_empty() {
        return Ok(());
    }
    bail!("the schema of the database is not up to date ({} to come); run: taskbridge migrate up", pending.join(", "))
}

/// Gives every task without an owner to this user. How many there were.
pub(crate) async fn assign_tasks(store: &Store, user_id: &str) -> anyhow::Result<u64> {
    Ok(taskbridge_migrations::assign_tasks(&store.dedicated().await?, user_id).await?)
}
