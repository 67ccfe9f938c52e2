//! The check for users who cannot sign in, and for columns that seem to mark users as restricted but are not enforced.

use taskbridge_adapters::database::RestrictionReport;
use taskbridge_migrations::Users;
use tokio::time::timeout;

use super::report::{Finding, fail, ok, skip, warn};
use super::timeouts::DATABASE_TIMEOUT;
use crate::compose::with_store_to_read;
use crate::settings::DatabaseSettings;

const NAME: &str = "restrictions";

pub(super) async fn check(settings: &DatabaseSettings, users: Option<Users>, exists: bool) -> Finding {
    let report = with_store_to_read(settings, async |store| Ok(store.restrictions().await?));
    match users {
        None => skip(NAME, "the auth mode is not known"),
        Some(Users::Elsewhere) => skip(NAME, "the app's Better Auth signs users in"),
        Some(Users::Here) if !exists => ok(NAME, "there are no users yet"),
        Some(Users::Here) => match timeout(DATABASE_TIMEOUT, report).await {
            Err(_elapsed) => {
                warn(NAME, "counting the restricted users timed out", "run the doctor when the database is idle")
            }
            Ok(Err(error)) => fail(NAME, format!("{error:#}"), "see the log of the database"),
            Ok(Ok(report)) => judge(&report),
        },
    }
}

fn judge(report: &RestrictionReport) -> Finding {
    let RestrictionReport { banned, second_factor, ignored } = report;
    let counts = [(banned, "banned"), (second_factor, "with a second factor")];
    let counts: Vec<_> = counts.iter().filter_map(|(users, what)| Some(format!("{} {what}", (**users)?))).collect();
    let found = if counts.is_empty() {
        "no plugin of Better Auth restricts users".to_owned()
    } else {
        format!("users: {}", counts.join(", "))
    };
    if !ignored.is_empty() {
        let columns = ignored.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let found = format!("{found}; columns of the table user that seem to restrict users: {columns}");
        return warn(
            NAME,
            found,
            "Taskbridge does not enforce these columns; restrict users with the column `banned` instead",
        );
    }
    if second_factor.is_some_and(|users| users > 0) {
        let advice = "users with a second factor cannot sign in at Taskbridge, only at the app's Better Auth";
        return warn(NAME, found, advice);
    }
    ok(NAME, found)
}
