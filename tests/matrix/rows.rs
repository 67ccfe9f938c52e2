//! The rows of the matrix. Each is a test.

use crate::apps::NEWEST;
use crate::row::Row;

/// Defines a test for each row, and the list of all rows.
macro_rules! rows {
    ($($name:ident: $row:expr),+ $(,)?) => {
        /// All rows, in the order of docs/moving.md.
        pub(crate) const ROWS: &[Row] = &[$($row),+];
        $(#[tokio::test]
        async fn $name() {
            const ROW: Row = $row;
            ROW.run().await;
        })+
    };
}

/// Returns a row.
const fn row(tables: &'static str, releases: &'static [&'static str], variant: &'static str) -> Row {
    Row { tables, releases, variant }
}

/// The tables of the default options.
const DEFAULT: &str = "Better Auth's own migrator";

rows! {
    v1_7: row(DEFAULT, &["better-auth-1-7"], "kysely"),
    newest: row(DEFAULT, &[NEWEST], "kysely"),
    prisma: row("Prisma", &["better-auth-1-6", NEWEST], "prisma"),
}
