//! The rows of the matrix. Each is a test.

use crate::apps::NEWEST;
use crate::row::{Asked, Row};

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

/// A row in which nothing is asked of the operator.
const fn row(tables: &'static str, releases: &'static [&'static str], variant: &'static str) -> Row {
    Row { tables, releases, variant, before: "", asked: Asked::Nothing }
}

/// The tables of the default options.
const DEFAULT: &str = "Better Auth's own migrator";

/// What 1.7.0 to 1.7.2 write in this column for users with a password.
const ISSUER: &str = r#"alter table "account" alter column "issuer" set default 'local:credential'"#;

rows! {
    v1_2: row(DEFAULT, &["better-auth-1-2"], "kysely"),
    v1_3: row(DEFAULT, &["better-auth-1-3"], "kysely"),
    v1_4: row(DEFAULT, &["better-auth-1-4"], "kysely"),
    v1_6: row(DEFAULT, &["better-auth-1-6"], "kysely"),
    v1_7: row(DEFAULT, &["better-auth-1-7"], "kysely"),
    newest: row(DEFAULT, &[NEWEST], "kysely"),
    chain: row(
        "Better Auth's own migrator, updated from release to release",
        &["better-auth-1-2", "better-auth-1-3", "better-auth-1-6", "better-auth-1-7"],
        "kysely"
    ),
    v1_7_0: Row {
        asked: Asked::Sql(ISSUER),
        ..row("Better Auth's own migrator of 1.7.0 to 1.7.2", &["better-auth-1-7-0"], "kysely")
    },
    v1_7_2: Row {
        asked: Asked::Sql(ISSUER),
        ..row("Better Auth's own migrator of 1.7.0 to 1.7.2", &["better-auth-1-7-2"], "kysely")
    },
    additional: Row {
        before: r#"alter table "user" add column "company" text not null default 'none';
            alter table "user" alter column "company" drop default"#,
        asked: Asked::Sql(r#"alter table "user" alter column "company" drop not null"#),
        ..row("an additional column `company` that is required", &[NEWEST], "kysely")
    },
    prisma: row("Prisma", &["better-auth-1-6", NEWEST], "prisma"),
}
