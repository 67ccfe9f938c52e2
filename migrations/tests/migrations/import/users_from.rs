//! Imports that find owners by the email addresses of the other backend's users.

use taskbridge_migrations::{Migrations, TaskImport, Users};

use super::{column, import_of, name, refusal, run};
use crate::databases::{Backend, Database, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        users_are_found_by_address,
        users_are_found_in_the_database_that_is_imported_from,
        users_are_found_in_a_database_that_is_named,
        two_old_users_with_one_address_are_not_merged,
        ids_of_other_users_need_their_table,
        users_must_be_somewhere,
    ]
);

const OLD: &str = "
create table members (id integer primary key, email varchar, hashed_password varchar);
insert into members values (1, 'Ann@Example.test', 'x'), (2, 'bob@example.test', 'x'), (3, 'gone@example.test', 'x'), (4, null, 'x'), (5, ' TWICE@example.test', 'x');
create table todo (id integer primary key, owner_id integer, title varchar);
insert into todo values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd'), (5, 5, 'e'), (6, 6, 'f'), (7, null, 'g'), (8, 1, 'h');";

const USERS: &str = r#"
insert into "user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt") values
  ('ann-id', 'Ann', 'ann@example.test', true, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z'),
  ('bob-id', 'Bob', 'BOB@example.test', false, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z'),
  ('1', 'One', 'one@example.test', true, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z'),
  ('twice-1', 'T', 'twice@example.test', true, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z'),
  ('twice-2', 'T', 'Twice@example.test', true, '2026-11-21T01:45:22.058Z', '2026-11-21T01:45:22.058Z')"#;

fn import() -> TaskImport {
    TaskImport { users_from: Some(name("members")), ..import_of("todo") }
}

async fn users_are_found_by_address(database: Database) {
    database.run(OLD).await;
    let report = run(&database, None, Users::Here, &import()).await.unwrap();
    assert_eq!(
        (report.imported, report.without_owner.count, report.unknown_owner.count),
        (0, 1, 7),
        "no one signed up"
    );
    database.run(USERS).await;
    let report = run(&database, None, Users::Here, &import()).await.unwrap();
    assert_eq!((report.imported, report.found_by_email, report.unverified), (2, 1, 1));
    assert!(report.to_string().contains("1 others with the address of an owner have not verified it"), "{report}");
    let unverified = TaskImport { accept_unverified: true, ..import() };
    let report = run(&database, None, Users::Here, &unverified).await.unwrap();
    assert_eq!((report.imported, report.known, report.unknown_owner.count), (1, 2, 4));
    assert_eq!(report.unknown_owner.examples, ["3", "4", "5", "6"], "an address that two users have is ambiguous");
    assert_eq!((report.found_by_email, report.unverified), (1, 1));
    assert!(report.to_string().contains("1 of them have not verified it"), "{report}");
    let owners = database.texts("select title || ' ' || user_id from tasks order by title").await;
    assert_eq!(owners, ["a ann-id", "b bob-id", "h ann-id"]);
    let to_ann = TaskImport { owner: Some("ann-id".into()), ..import() };
    assert_eq!(run(&database, None, Users::Here, &to_ann).await.unwrap().imported, 5);
}

/// In bridge mode, Better Auth's users can be in the database of the old backend. On PostgreSQL, their table can have
/// another name.
async fn users_are_found_in_the_database_that_is_imported_from(database: Database) {
    let source = database.another().await;
    source.up(Users::Here).await.unwrap();
    source.run(USERS).await;
    source.run(OLD).await;
    for is_renamed in [false, true] {
        if is_renamed && source.backend == Backend::Sqlite {
            break;
        }
        if is_renamed {
            source.run(r#"alter table "user" rename to users; alter table users rename "emailVerified" to email_verified; alter table session rename to sessions; alter table account rename to accounts"#).await;
        }
        let target = database.another().await;
        let report = run(&target, Some(&source), Users::Elsewhere, &import()).await.unwrap();
        assert_eq!((report.imported, report.found_by_email), (2, 1));
    }
}

/// The app can have its users in a third database.
async fn users_are_found_in_a_database_that_is_named(database: Database) {
    let app = database.another().await;
    app.up(Users::Here).await.unwrap();
    app.run(USERS).await;
    database.run(OLD).await;
    let import = import();
    let migrations = Migrations::of(Users::Elsewhere);
    let report =
        import.run(&migrations, &database.connection, None, Some(&app.connection), &mut |_, _| {}).await.unwrap();
    assert_eq!(report.imported, 2);
    assert_eq!(column(&database, "user_id").await, ["ann-id", "ann-id"]);
}

/// The tasks of two users must not become those of one.
async fn two_old_users_with_one_address_are_not_merged(database: Database) {
    database.up(Users::Here).await.unwrap();
    database.run(USERS).await;
    database.run(OLD).await;
    database.run("insert into members values (6, ' ann@EXAMPLE.test', 'x')").await;
    let report = run(&database, None, Users::Here, &import()).await.unwrap();
    assert_eq!((report.imported, report.found_by_email), (0, 0));
}

/// Without `users_from`, they would become the tasks of the users who happen to have these ids.
async fn ids_of_other_users_need_their_table(database: Database) {
    database.run("create table members (id integer primary key, email varchar); create table todo (id integer primary key, owner_id integer references members (id), title varchar)").await;
    database.run("insert into members values (1, 'ann@example.test'); insert into todo values (1, 1, 'a')").await;
    for users in [Users::Here, Users::Elsewhere] {
        let line = refusal(&database, users, &import_of("todo")).await;
        assert!(line.contains(r#"column "owner_id": contains ids of the table "members""#), "{line}");
        assert!(line.ends_with("add --users-from members"), "{line}");
    }
}

async fn users_must_be_somewhere(database: Database) {
    database.run(OLD).await;
    let line = refusal(&database, Users::Elsewhere, &import()).await;
    assert!(line.contains("Better Auth's users are not in this database"), "{line}");
    database.run("drop table members; create table members (id integer primary key, login varchar)").await;
    let line = refusal(&database, Users::Here, &import()).await;
    assert!(line.contains("has no columns id and email"), "{line}");
}
