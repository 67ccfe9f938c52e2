//! Checks that the database treats different user ids as different.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::catalog;
use crate::error::refused_column;
use crate::users::Users;

const OF_TASKS: [(&str, &str); 1] = [("tasks", "user_id")];
/// Better Auth's columns with user ids on SQLite. On PostgreSQL, the plan for its tables refuses such columns. `accountId` contains the id of the user if the account has a password.
const OF_BETTER_AUTH: [(&str, &str); 4] =
    [("user", "id"), ("session", "userId"), ("account", "userId"), ("account", "accountId")];

/// Refuses a database in which a column with user ids ignores differences such as case or trailing spaces. In such a
/// database, a user could read and delete the rows of another user. Missing tables and columns are ignored.
pub(crate) async fn check(db: &impl ConnectionTrait, users: Users) -> Result<(), DbErr> {
    let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
    let of_users = OF_BETTER_AUTH.iter().filter(|_| users == Users::Here && is_sqlite);
    for (table, column) in OF_TASKS.iter().chain(of_users) {
        if let Some(collation) = lenient_collation(db, table, column).await? {
            let why = format!(
                "compares ids by the collation {collation}, which treats different ids as equal; rebuild the table without it"
            );
            return Err(refused_column(table, column, &why));
        }
    }
    Ok(())
}

/// Returns the collation of a column if this collation treats different texts as equal.
async fn lenient_collation(
    db: &impl ConnectionTrait,
    table: &'static str,
    name: &str,
) -> Result<Option<String>, DbErr> {
    let Some(found) = catalog::table(db, table).await? else { return Ok(None) };
    let Some(column) = found.column(name) else { return Ok(None) };
    if db.get_database_backend() == DbBackend::Postgres {
        let collation = column.data_type.split_once(" collate ").map(|(_, collation)| collation);
        let is_citext = column.data_type == "citext" || column.data_type.ends_with(".citext");
        return Ok(collation.or(is_citext.then_some("citext")).map(str::to_owned));
    }
    // SQLite shows the collation of a column only in the output of `explain`. The plus sign prevents the use of an
    // index, which could have another collation.
    let explain = format!(r#"explain select 1 from "{table}" where +"{name}" = 'x'"#);
    for row in catalog::rows(db, &explain, []).await? {
        if ["Eq", "Ne"].contains(&row.try_get::<String>("", "opcode")?.as_str()) {
            let collation: String = row.try_get("", "p4")?;
            let collation = collation.split('-').next().unwrap_or_default();
            return Ok((collation != "BINARY").then(|| collation.to_owned()));
        }
    }
    Ok(Some("an unknown collation".to_owned()))
}
