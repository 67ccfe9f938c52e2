//! Tests of the count of email addresses with capital letters.

use sea_orm::{ConnectionTrait, Statement};
use taskbridge_adapters::database::{CapitalizedEmails, SeaIdentityRepo, Store};
use taskbridge_domain::ports::IdentityRepo;
use taskbridge_domain::testing::fixtures::registration;

use crate::databases::{Backend, execute, rewritten, test_on};

test_on!([Sqlite, Postgres, PostgresMapped], [the_statement_converts_all_addresses_but_those_that_would_collide]);

/// Returns the first column of each row.
async fn texts(store: &Store, sql: &str) -> Vec<String> {
    let connection = store.dedicated().await.unwrap();
    let select = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(select).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

async fn counts(store: &Store) -> (u64, u64) {
    let CapitalizedEmails { users, colliding, .. } = store.capitalized_emails().await.unwrap();
    (users, colliding)
}

async fn the_statement_converts_all_addresses_but_those_that_would_collide(backend: Backend) {
    let store = backend.store().await;
    assert_eq!(counts(&store).await, (0, 0));
    // The accent shows that only the letters A to Z count.
    let emails = [
        ("lower", "lower@example.test"),
        ("other", "\u{c9}tienne@example.test"),
        ("alone", "Alone@Example.test"),
        ("twice", "TWICE@example.test"),
        ("again", "twice@example.test"),
        ("first", "Both@example.test"),
        ("second", "BOTH@example.test"),
    ];
    for (id, email) in emails {
        SeaIdentityRepo(store.clone()).register(&registration(id)).await.unwrap();
        execute(&store, &format!(r#"update "better_auth.user" set "user.email" = '{email}' where "user.id" = '{id}'"#))
            .await;
    }
    // Users without an address, which a table of another program may have, do not affect the others. SQLite cannot drop
    // the constraint of a column.
    if backend != Backend::Sqlite {
        execute(&store, r#"alter table "better_auth.user" alter column "user.email" drop not null"#).await;
        for id in ["none", "neither"] {
            SeaIdentityRepo(store.clone()).register(&registration(id)).await.unwrap();
            execute(&store, &format!(r#"update "better_auth.user" set "user.email" = null where "user.id" = '{id}'"#))
                .await;
        }
    }
    assert_eq!(counts(&store).await, (4, 3));
    let CapitalizedEmails { conversion, collisions, .. } = store.capitalized_emails().await.unwrap();
    execute(&store, &conversion).await;
    assert_eq!(counts(&store).await, (3, 3));
    let mut converted = texts(
        &store,
        &rewritten(&store, r#"select "user.email" from "better_auth.user" where "user.email" is not null"#),
    )
    .await;
    converted.sort_unstable();
    let expected =
        ["BOTH@example.test", "Both@example.test", "TWICE@example.test", "alone@example.test", "lower@example.test"];
    assert_eq!(converted[..5], expected);
    let mut collisions = texts(&store, &collisions).await;
    collisions.sort_unstable();
    assert_eq!(collisions, ["both@example.test", "twice@example.test"]);
}
