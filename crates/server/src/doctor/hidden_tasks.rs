//! The check for tasks that no user sees.

use taskbridge_migrations::{HiddenTasks, UnknownOwners, Users};
use taskbridge_schema::Refusal;

use super::contents::{MigrationCheck, unreadable};
use super::report::{Finding, ok, skip, warn};
use crate::compose::{migrations, with_store_to_read};
use crate::settings::Settings;

const NAME: &str = "tasks";

/// Counts the tasks that have no owner and, in server mode, those whose owner is not a user.
pub(super) async fn hidden_tasks(settings: &Settings, users: Option<Users>, check: &MigrationCheck) -> Finding {
    let Some(users) = users else { return skip(NAME, "the auth mode is not known") };
    if !check.has_tasks {
        return ok(NAME, "there are no tasks yet");
    }
    if check.refusals.iter().any(Refusal::is_of_tasks) {
        return skip(NAME, "the table tasks cannot be used; see the check migrations");
    }
    let hidden = with_store_to_read(&settings.database, async |store| {
        Ok(migrations(settings, users).hidden_tasks(&store.dedicated().await?).await?)
    });
    match hidden.await {
        Ok(hidden) => judge(&hidden, users),
        Err(error) => unreadable(NAME, &error),
    }
}

fn judge(hidden: &HiddenTasks, users: Users) -> Finding {
    let HiddenTasks { without_owner, unknown_owners: UnknownOwners { tasks, examples } } = hidden;
    let (mut found, mut advice) = (Vec::new(), Vec::new());
    if *without_owner > 0 {
        found.push(format!("tasks without an owner: {without_owner}"));
        advice.push("taskbridge tasks assign <user id>");
    }
    if *tasks > 0 {
        let examples: Vec<_> = examples.iter().map(|owner| format!("\"{owner}\"")).collect();
        found.push(format!("tasks whose owner is not a user: {tasks}, most of them of {}", examples.join(", ")));
        advice.push("taskbridge tasks assign <user id> --of <former owner>");
    }
    match (found.is_empty(), users) {
        (true, Users::Here) => ok(NAME, "each task belongs to a user"),
        (true, Users::Elsewhere) => ok(NAME, "each task has an owner"),
        _ => warn(NAME, format!("{}; no user sees them", found.join("; ")), format!("run: {}", advice.join("; "))),
    }
}
