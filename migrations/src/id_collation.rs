//! Checks that SQLite treats different user ids as different.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{Refusal, quoted};

use crate::catalog;
use crate::error::{IMPORT_TASKS, refusal};
use crate::users::Users;

const OF_TASKS: [(&str, &str); 1] = [("tasks", "user_id")];
/// Better Auth's columns with user ids. `accountId` contains the id of the user if the account has a password.
const OF_BETTER_AUTH: [(&str, &str); 4] =
    [("user", "id"), ("session", "userId"), ("account", "userId"), ("account", "accountId")];

/// Returns a refusal for each column with user ids that ignores differences such as case or trailing spaces. In such a
/// database, a user could read and delete the rows of another user. Missing tables and columns are ignored.
///
/// On PostgreSQL, the plan for Better Auth's tables and the check of the owners' type refuse such columns.
pub(crate) async fn refusals(db: &impl ConnectionTrait, users: Users) -> Result<Vec<Refusal>, DbErr> {
    let mut refusals = Vec::new();
    if db.get_database_backend() == DbBackend::Postgres {
        return Ok(refusals);
    }
    let of_users = OF_BETTER_AUTH.iter().filter(|_| users == Users::Here);
    for (table, column) in OF_TASKS.iter().chain(of_users) {
        let Some(collation) = of_column(db, table, column).await? else { continue };
        let next = match *table {
            "tasks" => format!("run: {IMPORT_TASKS}"),
            _ => "rebuild the table without it".to_owned(),
        };
        refusals.push(refusal(table, column, found(&collation), next));
    }
    Ok(refusals)
}

/// Describes a column that has this collation.
pub(crate) fn found(collation: &str) -> String {
    format!("compares ids by the collation {collation}, which treats different ids as equal")
}

/// Returns the collation of a column on SQLite if this collation can treat different texts as equal.
pub(crate) async fn of_column(db: &impl ConnectionTrait, table: &str, name: &str) -> Result<Option<String>, DbErr> {
    let Some(found) = catalog::table(db, table).await? else { return Ok(None) };
    if found.column(name).is_none() {
        return Ok(None);
    }
    // SQLite shows the collation of a column only in the output of `explain`. The plus sign prevents the use of an
    // index, which could have another collation.
    let explain = format!("explain select 1 from {} where +{} = 'x'", quoted(table), quoted(name));
    for row in catalog::rows(db, &explain, []).await? {
        if ["Eq", "Ne"].contains(&row.try_get::<String>("", "opcode")?.as_str()) {
            // Numbers are compared without a collation.
            let collation: Option<String> = row.try_get("", "p4")?;
            let Some(collation) = collation else { return Ok(None) };
            let collation = collation.split('-').next().unwrap_or_default();
            return Ok((collation != "BINARY").then(|| collation.to_owned()));
        }
    }
    Ok(Some("an unknown collation".to_owned()))
}
