//! Tests of the columns and tables in which plugins of Better Auth, or an app, mark users as restricted.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use taskbridge_adapters::database::{
    IgnoredColumn, RestrictionReport, SeaIdentityRepo, SeaSessionRepo, SeaTaskRepo, Store,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{CreateError, IdentityRepo, OwnedRepo, Registration, SessionRepo, TaskRepo};
use taskbridge_domain::tasks::TaskQuery;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration, session, user};
use taskbridge_domain::users::{Ban, Restrictions, User};
use tokio::time::{advance, pause, resume};

use crate::databases::{Backend, OnDatabase, execute, test_on};

test_on!(
    [Sqlite, Postgres, PostgresMapped],
    [
        the_columns_of_the_plugins_are_read_in_either_spelling,
        the_schema_may_change_at_any_time,
        a_column_that_is_added_later_is_noticed,
        values_that_cannot_be_read_restrict,
        the_table_of_second_factors_restricts_without_its_column,
        all_tables_of_second_factors_count_whatever_their_case,
        ignored_columns_are_reported_with_the_users_they_seem_to_restrict,
    ]
);

/// The columns of the plugins `admin` and `twoFactor`, in camel case as Better Auth's migrator creates them.
const CAMEL: [(&str, &str); 3] = [("banned", "flag"), ("banExpires", "time"), ("twoFactorEnabled", "flag")];
/// The same columns in snake case.
const SNAKE: [(&str, &str); 3] = [("banned", "flag"), ("ban_expires", "time"), ("two_factor_enabled", "flag")];

/// Creates a database with the users ann, bob, eve and max, and adds these columns to the table `user`.
async fn with_columns(backend: Backend, columns: &[(&str, &str)]) -> OnDatabase<Store> {
    let store = backend.store().await;
    for (name, kind) in columns {
        let data_type = match (*kind, backend) {
            ("flag", Backend::Sqlite) => "integer",
            ("flag", _) => "boolean",
            ("time", Backend::Sqlite) => "date",
            ("time", _) => "timestamptz",
            (other, _) => other,
        };
        execute(&store, &format!(r#"alter table "better_auth.user" add column "{name}" {data_type}"#)).await;
    }
    for id in ["ann", "bob", "eve", "max"] {
        SeaIdentityRepo(store.clone()).register(&registration(id)).await.unwrap();
    }
    store
}

/// Returns the restrictions of a user, and checks that both repositories read the same ones.
async fn restrictions(store: &Store, id: &str) -> Restrictions {
    let credential = SeaIdentityRepo(store.clone()).find_credential(&user(id).email).await.unwrap().unwrap();
    let (_, of_session) = SeaSessionRepo(store.clone()).find(&session(id).token).await.unwrap().unwrap();
    assert_eq!(credential.user.restrictions, of_session.restrictions);
    of_session.restrictions
}

fn banned(until: Option<Timestamp>) -> Restrictions {
    Restrictions { ban: Some(Ban { until }), second_factor: false }
}

async fn the_columns_of_the_plugins_are_read_in_either_spelling(backend: Backend) {
    for columns in [CAMEL, SNAKE] {
        let [_, (expires, _), (second_factor, _)] = columns;
        let store = with_columns(backend, &columns).await;
        execute(&store, r#"update "better_auth.user" set "banned" = true where "user.id" in ('ann', 'bob')"#).await;
        let until = format!(
            r#"update "better_auth.user" set "{expires}" = '2026-11-21T01:45:03.000Z' where "user.id" = 'bob'"#
        );
        execute(&store, &until).await;
        execute(
            &store,
            &format!(
                r#"update "better_auth.user" set "banned" = false, "{second_factor}" = true where "user.id" = 'eve'"#
            ),
        )
        .await;
        assert_eq!(restrictions(&store, "ann").await, banned(None));
        assert_eq!(restrictions(&store, "bob").await, banned(Some(moment())));
        assert_eq!(restrictions(&store, "eve").await, Restrictions { ban: None, second_factor: true });
        assert_eq!(restrictions(&store, "max").await, Restrictions::default());
        let expected = RestrictionReport { banned: Some(2), second_factor: Some(1), ignored: Vec::new() };
        assert_eq!(store.restrictions().await.unwrap(), expected);
    }
}

/// Reads must also work if a column has been dropped while the cached list of columns still contains it.
async fn the_schema_may_change_at_any_time(backend: Backend) {
    let store = with_columns(backend, &[("state", "text"), ("twoFactorEnabled", "flag")]).await;
    execute(&store, r#"update "better_auth.user" set "state" = 'x' where "user.id" = 'ann'"#).await;
    assert_eq!(restrictions(&store, "ann").await, Restrictions::default());
    execute(&store, r#"alter table "better_auth.user" drop column "twoFactorEnabled""#).await;
    assert_eq!(restrictions(&store, "ann").await, Restrictions::default());
}

#[tokio::test]
async fn a_restricting_column_may_be_generated() {
    let sqlite = with_columns(Backend::Sqlite, &[("state", "text")]).await;
    execute(
        &sqlite,
        r#"alter table "better_auth.user" add column "banned" integer generated always as ("state" = 'x') virtual"#,
    )
    .await;
    execute(&sqlite, r#"update "better_auth.user" set "state" = 'x' where "user.id" = 'ann'"#).await;
    assert_eq!(restrictions(&sqlite, "ann").await, banned(None));
    assert_eq!(restrictions(&sqlite, "bob").await, Restrictions::default());
}

/// If a plugin is added while Taskbridge is running, its column is noticed within a minute.
async fn a_column_that_is_added_later_is_noticed(backend: Backend) {
    let store = with_columns(backend, &[]).await;
    assert_eq!(restrictions(&store, "ann").await, Restrictions::default());
    execute(&store, r#"alter table "better_auth.user" add column "banned" integer"#).await;
    execute(&store, r#"update "better_auth.user" set "banned" = 1 where "user.id" = 'ann'"#).await;
    assert_eq!(restrictions(&store, "ann").await, Restrictions::default());
    pause();
    advance(Duration::from_secs(61)).await;
    resume();
    assert_eq!(restrictions(&store, "ann").await, banned(None));
    assert_eq!(restrictions(&store, "bob").await, Restrictions::default());
}

/// Another program may have given the columns other types. If the end of a ban cannot be read, the user stays banned.
async fn values_that_cannot_be_read_restrict(backend: Backend) {
    let store = with_columns(backend, &[("banned", "text"), ("banExpires", "bigint")]).await;
    for (id, banned) in [("ann", "'yes'"), ("bob", "'false'"), ("eve", "'0'")] {
        execute(
            &store,
            &format!(r#"update "better_auth.user" set "banned" = {banned}, "banExpires" = 1 where "user.id" = '{id}'"#),
        )
        .await;
    }
    assert_eq!(restrictions(&store, "ann").await, banned(None));
    for id in ["bob", "eve", "max"] {
        assert_eq!(restrictions(&store, id).await, Restrictions::default(), "{id}");
    }
}

/// Without the column `twoFactorEnabled`, a user has a second factor if the table of second factors has a confirmed row
/// for the user.
async fn the_table_of_second_factors_restricts_without_its_column(backend: Backend) {
    for (has_verified, expected) in [(true, [true, false, true]), (false, [true, true, true])] {
        let store = with_columns(backend, &[]).await;
        let verified = if has_verified { r#", "verified" boolean"# } else { "" };
        // The table of the plugin is in the schema of the others.
        let table = if backend == Backend::PostgresMapped { r#""Au""th"."two_factors""# } else { r#""twoFactor""# };
        execute(&store, &format!(r#"create table {table} ("id" text, "secret" text, "userId" text{verified})"#)).await;
        for (id, value) in [("ann", "true"), ("bob", "false"), ("eve", "null")] {
            let (column, value) =
                if has_verified { (r#", "verified""#, format!(", {value}")) } else { ("", String::new()) };
            let insert = format!(
                r#"insert into {table} ("id", "secret", "userId"{column}) values ('{id}', 'x', '{id}'{value})"#
            );
            execute(&store, &insert).await;
        }
        for (id, second_factor) in ["ann", "bob", "eve"].into_iter().zip(expected) {
            assert_eq!(restrictions(&store, id).await.second_factor, second_factor, "{id}");
        }
        assert!(!restrictions(&store, "max").await.second_factor);
        let counted = expected.iter().filter(|has_factor| **has_factor).count() as u64;
        assert_eq!(store.restrictions().await.unwrap().second_factor, Some(counted));
    }
}

/// Prisma names the table `TwoFactor`. An app that renamed the table may have kept the old one, with other users' rows.
async fn all_tables_of_second_factors_count_whatever_their_case(backend: Backend) {
    let store = with_columns(backend, &[]).await;
    let schema = if backend == Backend::PostgresMapped { r#""Au""th"."# } else { "" };
    let tables = [("TwoFactor", "user_id", "secret", "ann"), ("two_factors", "userId", "secret", "bob")];
    for (table, user, secret, id) in tables.into_iter().chain([("two_Factor", "userId", "other", "eve")]) {
        execute(&store, &format!(r#"create table {schema}"{table}" ("{user}" text, "{secret}" text)"#)).await;
        execute(&store, &format!(r#"insert into {schema}"{table}" values ('{id}', 'x')"#)).await;
    }
    for (id, expected) in [("ann", true), ("bob", true), ("eve", false), ("max", false)] {
        assert_eq!(restrictions(&store, id).await.second_factor, expected, "{id}");
    }
    assert_eq!(store.restrictions().await.unwrap().second_factor, Some(2));
}

async fn ignored_columns_are_reported_with_the_users_they_seem_to_restrict(backend: Backend) {
    let columns = [("isActive", "flag"), ("suspended_at", "time"), ("status", "text"), ("age", "text")];
    let store = with_columns(backend, &columns).await;
    execute(&store, r#"update "better_auth.user" set "isActive" = true, "status" = 'active'"#).await;
    execute(&store, r#"update "better_auth.user" set "isActive" = false where "user.id" in ('ann', 'bob', 'eve')"#)
        .await;
    execute(
        &store,
        r#"update "better_auth.user" set "suspended_at" = '2026-11-21T01:45:03.000Z' where "user.id" = 'ann'"#,
    )
    .await;
    execute(&store, r#"update "better_auth.user" set "status" = 'closed' where "user.id" in ('ann', 'bob')"#).await;
    let report = store.restrictions().await.unwrap();
    let ignored = [("isActive", 3), ("suspended_at", 1), ("status", 2)];
    let ignored = ignored.map(|(name, users)| IgnoredColumn { name: name.into(), users });
    assert_eq!(report, RestrictionReport { banned: None, second_factor: None, ignored: ignored.into() });
}

/// An adopted table may lack a foreign key, so the repository itself checks that the user exists.
#[tokio::test]
async fn no_task_is_created_for_a_deleted_user() {
    const TASKS: &str =
        r#"create table "tasks" ("id" integer primary key, "user_id" text not null, "title" text not null)"#;
    let store = Backend::Sqlite.store_after(TASKS).await;
    SeaIdentityRepo(store.clone()).register(&registration("ann")).await.unwrap();
    let tasks = SeaTaskRepo::new(store.clone()).requiring_known_owners();
    let ann = owner("ann").await;
    let first = tasks.create(&ann, new_task(), moment()).await.unwrap();
    assert_eq!(tasks.find(&ann, first.id).await.unwrap(), Some(first));
    for gone in ["ann", "eve"] {
        execute(&store, r#"delete from "better_auth.user""#).await;
        let added = tasks.create(&owner(gone).await, new_task(), moment()).await;
        assert!(matches!(added, Err(CreateError::UnknownOwner)), "{added:?}");
    }
    // In bridge mode, a table `user` may belong to another program, so it is ignored.
    assert!(SeaTaskRepo::new(store.clone()).create(&ann, new_task(), moment()).await.is_ok());
}

/// Taskbridge refuses to start if the column `user_id` ignores case, but the queries are also correct without that
/// check.
#[tokio::test]
async fn owners_are_compared_byte_for_byte_whatever_the_column() {
    let store = Backend::Sqlite.store().await;
    let other = Registration { user: User { email: user("other").email, ..user("Alice") }, ..registration("Alice") };
    for given in [registration("alice"), other] {
        SeaIdentityRepo(store.clone()).register(&given).await.unwrap();
    }
    let create = "select sql from sqlite_schema where name = 'tasks'";
    let create = Statement::from_string(DbBackend::Sqlite, create);
    let create = store.dedicated().await.unwrap().query_one_raw(create).await.unwrap().unwrap();
    let create: String = create.try_get("", "sql").unwrap();
    let create = create.replace(r#""user_id" text not null"#, r#""user_id" text not null collate nocase"#);
    assert!(create.contains("nocase"));
    execute(&store, &format!(r#"drop table "tasks"; {create}"#)).await;
    let tasks = SeaTaskRepo::new(store.clone());
    let (alice, other) = (owner("alice").await, owner("Alice").await);
    let hers = tasks.create(&other, new_task(), moment()).await.unwrap();
    assert_eq!(tasks.find(&alice, hers.id).await.unwrap(), None);
    assert_eq!(tasks.toggle(&alice, hers.id, moment()).await.unwrap(), None);
    assert!(!tasks.delete(&alice, hers.id).await.unwrap());
    assert_eq!(tasks.list(&alice, &TaskQuery::default()).await.unwrap().items, []);
    assert_eq!(tasks.find(&other, hers.id).await.unwrap(), Some(hers));
}
