//! Tests that PostgreSQL accepts rewritten statements.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use taskbridge_adapters::database::{SeaSigningKeyRepo, Store};
use taskbridge_adapters::jwt::SigningKeyRepo;
use taskbridge_domain::ports::StoreError;
use taskbridge_schema::{AuthTable, SchemaMap};

use crate::databases::{Backend, rewritten, test_on};

test_on!([Postgres, PostgresMapped], [statements_are_understood, results_have_the_names_of_the_markers]);

mod unknown {
    use super::a_column_that_the_map_does_not_contain_is_an_error;

    crate::databases::test_on!([Sqlite, Postgres], [a_column_that_the_map_does_not_contain_is_an_error]);
}

/// Number of statements that a test prepares.
const STATEMENTS: usize = 300;

/// A table, and some of its columns, at least one.
fn table() -> impl Strategy<Value = (AuthTable, Vec<&'static str>)> {
    select(AuthTable::ALL.to_vec()).prop_flat_map(|table| {
        let columns = table.columns().to_vec();
        (Just(table), subsequence(columns.clone(), 1..=columns.len()).prop_shuffle())
    })
}

fn column(table: AuthTable, column: &str) -> String {
    format!(r#""{}.{column}""#, table.name())
}

/// Returns the column with the name of its table.
fn qualified(table: AuthTable, name: &str) -> String {
    format!(r#""{}".{}"#, table.marker(), column(table, name))
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join(", ")
}

/// The list of a `SELECT` or `RETURNING`: each column with or without the name of its table, a cast and an alias.
fn output((table, columns): (AuthTable, Vec<&'static str>)) -> impl Strategy<Value = String> {
    let item = move |name: &'static str| {
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(move |(is_qualified, is_cast, has_alias)| {
            let item = if is_qualified { qualified(table, name) } else { column(table, name) };
            let item = if is_cast { format!("CAST({item} AS text)") } else { item };
            if has_alias { format!(r#"{item} AS "A_{}.{name}""#, table.name()) } else { item }
        })
    };
    columns.into_iter().map(item).collect::<Vec<_>>().prop_map(list)
}

/// A statement of any kind that the repositories use.
fn statement() -> impl Strategy<Value = String> {
    let selected = table().prop_flat_map(|table| (Just(table.clone()), output(table)));
    (selected, table(), any::<bool>(), 0..6).prop_map(|(((table, columns), output), (other, others), is_joined, kind)| {
        let (first, marker, last) = (columns[0], table.marker(), columns[columns.len() - 1]);
        let is_null = format!("{} IS NULL", qualified(table, first));
        let [one, other_one] = [first, last].map(|name| format!("CAST({} AS text)", qualified(table, name)));
            let same = format!("{one} IS NOT DISTINCT FROM {other_one}");
        let subquery = format!(
            r#"{0} IN (SELECT {0} FROM "{1}" WHERE {2} IS NULL LIMIT 3)"#,
            column(other, others[0]), other.marker(), qualified(other, others[0])
        );
        let names = list(columns.iter().map(|name| column(table, name)));
        match kind {
            0 if is_joined && table != other => {
                let other_columns = list(others.iter().map(|name| {
                    format!(r#"{} AS "B_{}.{name}""#, qualified(other, name), other.name())
                }));
                let qualified_columns = list(columns.iter().map(|name| {
                    format!(r#"{} AS "A_{}.{name}""#, qualified(table, name), table.name())
                }));
                format!(
                    r#"SELECT {qualified_columns}, {other_columns} FROM "{marker}" LEFT JOIN "{}" ON {is_null} AND {} IS NULL ORDER BY {}, {} DESC"#,
                    other.marker(), qualified(other, others[0]), qualified(table, first), qualified(other, others[0])
                )
            }
            0 | 1 => format!(r#"SELECT {output} FROM "{marker}" WHERE {is_null} OR EXISTS (SELECT 1 FROM "{}" WHERE {subquery}) ORDER BY {names} LIMIT 1"#, other.marker()),
            2 => format!(r#"UPDATE "{marker}" SET {0} = {0} WHERE {is_null} RETURNING {output}"#, column(table, first)),
            3 => format!(r#"DELETE FROM "{marker}" WHERE {is_null} AND {same} RETURNING {output}"#),
            4 => format!(
                r#"INSERT INTO "{marker}" ({names}) SELECT {names} FROM "{marker}" ON CONFLICT ({0}) DO UPDATE SET {1} = "excluded".{1} WHERE {is_null} RETURNING {output}"#,
                column(table, "id"), column(table, last)
            ),
            _ => format!(r#"SELECT COUNT({0}) AS "count", '{{"user.email"}}' FROM "{marker}" AS "r0" WHERE "r0".{0} IS NULL GROUP BY {names}"#, column(table, first)),
        }
    })
}

async fn statements_are_understood(postgres: Backend) {
    let store = postgres.store().await;
    let connection = store.dedicated().await.unwrap();
    let mut runner = TestRunner::default();
    for _ in 0..STATEMENTS {
        let marked = statement().new_tree(&mut runner).unwrap().current();
        let sql = rewritten(&store, &marked);
        let prepared =
            connection.execute_unprepared(&format!("prepare rewritten as {sql}; deallocate rewritten")).await;
        assert!(prepared.is_ok(), "{prepared:?}\n{marked}\n{sql}");
    }
}

async fn results_have_the_names_of_the_markers(postgres: Backend) {
    let store = postgres.store().await;
    let connection = store.dedicated().await.unwrap();
    for table in AuthTable::ALL {
        // An outer join with a row has a row even if the table is empty.
        let columns = list(table.columns().iter().map(|name| column(table, name)));
        let casts = list(table.columns().iter().map(|name| format!("CAST({} AS text)", qualified(table, name))));
        for output in [columns, casts] {
            let select = format!(r#"SELECT {output} FROM (select 1) AS "one" LEFT JOIN "{}" ON true"#, table.marker());
            let select = Statement::from_string(DbBackend::Postgres, rewritten(&store, &select));
            let row = connection.query_one_raw(select).await.unwrap().unwrap();
            let mut expected: Vec<_> =
                table.columns().iter().map(|column| format!("{}.{column}", table.name())).collect();
            expected.sort_unstable();
            assert_eq!(row.column_names(), expected);
        }
    }
}

/// Otherwise, SQLite could take the marker of a column for a string literal.
async fn a_column_that_the_map_does_not_contain_is_an_error(backend: Backend) {
    let store = backend.store().await;
    let mut jwks = Store::map(&store).table(AuthTable::Jwks).clone();
    assert!(SeaSigningKeyRepo(store.clone()).all().await.is_ok());
    jwks.columns.remove("alg");
    let store = store.map(|store| store.with_map(SchemaMap::new(BTreeMap::from([(AuthTable::Jwks, jwks)]))));
    let Err(StoreError::Corrupt(error)) = SeaSigningKeyRepo(store.clone()).all().await else { panic!("no error") };
    assert!(error.to_string().contains("jwks.alg"), "{error}");
}
