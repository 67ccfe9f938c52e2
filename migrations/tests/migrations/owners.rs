//! Columns with user ids whose collation treats different ids as equal.

use taskbridge_migrations::{MigrateError, Migrations, Users};

use crate::databases::{Backend, Database, test_on};

test_on!([Sqlite, Postgres], [a_database_that_is_up_to_date_is_also_refused]);

/// If such an owner column were accepted, a user could read and delete the tasks of another user.
#[tokio::test]
async fn an_owner_column_that_ignores_case_or_spaces_is_refused() {
    for collation in ["nocase", "rtrim", "NoCase"] {
        for has_index in [false, true] {
            let database = Backend::Sqlite.database().await;
            database
                .run(&format!(
                    "create table tasks (id integer primary key, user_id text collate {collation}, title text)"
                ))
                .await;
            if has_index {
                database.run("create index of_users on tasks (user_id collate binary)").await;
            }
            for users in [Users::Here, Users::Elsewhere] {
                let line = database.refusal(users).await;
                let expected = format!(
                    "table \"tasks\", column \"user_id\": compares ids by the collation {}, which",
                    collation.to_uppercase()
                );
                assert!(line.starts_with(&expected), "{line}");
            }
        }
    }
    let database = Backend::Sqlite.database().await;
    database
        .run("create table tasks (id integer primary key, user_id text collate binary, title text collate nocase)")
        .await;
    database.adopt(Users::Here).await.unwrap();
}

#[tokio::test]
async fn an_id_column_of_better_auth_that_ignores_case_is_refused() {
    for (table, column) in [("user", "id"), ("session", "userId"), ("account", "userId"), ("account", "accountId")] {
        let database = Backend::Sqlite.database().await;
        database.adopt(Users::Here).await.unwrap();
        recreate(&database, table, column).await;
        let line = database.refusal(Users::Here).await;
        assert!(line.starts_with(&format!("table \"{table}\", column \"{column}\": compares")), "{line}");
        database.adopt(Users::Elsewhere).await.unwrap();
    }
}

/// If an older version of Taskbridge adopted a database in which ids ignore case, it is refused at each start, even if
/// no migration is pending.
async fn a_database_that_is_up_to_date_is_also_refused(database: Database) {
    database.adopt(Users::Here).await.unwrap();
    let collation = if database.backend == Backend::Sqlite {
        recreate(&database, "tasks", "user_id").await;
        "NOCASE"
    } else {
        database.run(IGNORE_CASE).await;
        "ignoring_case"
    };
    let migrations = Migrations::of(Users::Here);
    for refused in
        [migrations.check(&database.connection, true).await.map(drop), database.up(Users::Here).await.map(drop)]
    {
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, MigrateError::NotAdoptable(_)) && refused.to_string().contains(collation),
            "{refused}"
        );
    }
}

const IGNORE_CASE: &str = "
create collation ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
alter table tasks drop constraint tasks_user_id_fkey;
alter table tasks alter user_id type text collate ignoring_case;";

/// Creates the table again, in such a way that `column` ignores case.
async fn recreate(database: &Database, table: &str, column: &str) {
    let sql = database.text(&format!("select sql from sqlite_master where name = '{table}'")).await;
    let plain = format!("\"{column}\" text not null");
    assert!(sql.contains(&plain), "{sql}");
    database.run(&format!("pragma foreign_keys = off; drop table \"{table}\"")).await;
    database.run(&sql.replace(&plain, &format!("{plain} collate nocase"))).await;
}
