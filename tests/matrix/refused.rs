//! Databases that Taskbridge refuses as the auth server. The message contains the next command.

use support::Database;
use support::postgres::psql;

use crate::apps::{App, NEWEST};
use crate::checks::{Member, is_refused};

/// The tables that Drizzle makes on SQLite contain dates as numbers.
#[test]
fn dates_as_numbers_on_sqlite_are_refused() {
    let database = Database::sqlite();
    database.load(include_str!("schemas/drizzle-sqlite.sql"));
    is_refused(&database, &["AUTH_MODE=bridge"]);
}

/// Two sets of tables with users, none of which has Better Auth's names: only the operator knows which the app uses.
#[tokio::test]
async fn two_sets_of_tables_with_users_are_refused() {
    let database = Database::postgres();
    for variant in ["kysely", "renamed"] {
        Member::sign_up_as(variant, &App::open(NEWEST, variant, &database.url).await.peer).await;
    }
    psql(
        &database.url,
        r#"alter table "user" rename to "members"; alter table "session" rename to "member_sessions";
        alter table "account" rename to "member_accounts""#,
    );
    is_refused(&database, &["auth.tables.user", "\"users\"", "\"members\""]);
    assert_eq!(psql(&database.url, "select count(*) from pg_tables where tablename = 'tasks'"), "0");
}
