//! What is adopted, added and refused.

use sea_orm::DbBackend;

use super::Purpose;
use crate::create::Style::{Camel, Snake};
use crate::found::{FoundColumn, FoundTable};
use crate::id::{Generated, IdKind};
use crate::overrides::Overrides;
use crate::table::AuthTable::{Account, RateLimit, Session, User};
use crate::testing::{
    add, change, core, found, lines, official, plan, plan_of, plan_on, remove, required, settings, statements,
};

fn changed(table: &str, column: &str, how: impl Fn(&mut FoundColumn)) -> Vec<FoundTable> {
    let mut tables = official();
    change(&mut tables, table, column, how);
    tables
}

fn with_type(table: &str, column: &str, data_type: &str) -> Vec<FoundTable> {
    changed(table, column, |column| data_type.clone_into(&mut column.data_type))
}

/// Gives all ids, and the columns that refer to users, another type.
fn with_ids(data_type: &str, how: impl Fn(&mut FoundColumn)) -> Vec<FoundTable> {
    let mut tables = official();
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        if column.name == "id" || column.name == "userId" {
            data_type.clone_into(&mut column.data_type);
        }
        if column.name == "id" {
            how(column);
        }
    }
    tables
}

#[test]
fn times_without_a_zone_and_lengths_are_adopted() {
    for (table, column, data_type) in [
        ("user", "createdAt", "timestamp without time zone"),
        ("session", "expiresAt", "timestamp(3) without time zone"),
        ("user", "name", "character varying(255)"),
        ("user", "id", "character varying(36)"),
        ("rateLimit", "count", "bigint"),
        ("verification", "expiresAt", "date"),
    ] {
        let plan = plan(with_type(table, column, data_type));
        assert!(plan.refusals.is_empty() && plan.additions.is_empty(), "{plan:?}");
        assert_eq!(plan.notices.len(), usize::from(data_type.contains("without")));
    }
}

#[test]
fn other_types_are_refused_with_the_command_that_changes_them() {
    for (table, column, data_type, expected) in [
        ("session", "token", "uuid", "text"),
        ("user", "email", "citext", "text"),
        ("user", "name", "text[]", "text"),
        ("account", "providerId", "provider", "text"),
        ("user", "emailVerified", "integer", "boolean"),
        ("rateLimit", "lastRequest", "integer", "bigint"),
        ("session", "userId", "uuid", "text"),
    ] {
        let value = match (column, expected) {
            ("email", _) => "lower(\"email\"::text)".to_owned(),
            (_, "boolean") => format!("\"{column}\"::text::boolean"),
            _ => format!("\"{column}\"::{expected}"),
        };
        let line = format!(
            r#"table "{table}", column "{column}": is {data_type}, not {expected}; drop the views that use it, if there are any, and run: alter table "{table}" alter column "{column}" type {expected} using {value}"#
        );
        assert_eq!(lines(&plan(with_type(table, column, data_type))), [line]);
    }
    let line = &lines(&plan(with_type("session", "expiresAt", "date")))[0];
    assert!(
        line.contains("is date, not a timestamp; drop the views that use it, if there are any, and run: alter table")
            && line.contains("type timestamptz using"),
        "{line}"
    );
    let lenient = changed("user", "name", |column| column.collation = Some("loose".to_owned()));
    assert!(lines(&plan(lenient))[0].contains("is text collate loose, not text"));
    let computed = changed("user", "image", |column| column.is_computed = true);
    assert!(lines(&plan(computed))[0].ends_with(r#"run: alter table "user" alter column "image" drop expression"#));
}

#[test]
fn everything_is_refused_at_once() {
    let mut tables = with_type("session", "token", "uuid");
    add(&mut tables, "user", required("tenant", "text"));
    add(&mut tables, "user", required("age", "integer"));
    remove(&mut tables, "account", "scope");
    assert_eq!(
        lines(&plan(tables)),
        [
            r#"table "user", column "tenant": is required, but unknown to Better Auth; run: alter table "user" alter column "tenant" drop not null"#,
            r#"table "user", column "age": is required, but unknown to Better Auth; run: alter table "user" alter column "age" drop not null"#,
            r#"table "session", column "token": is uuid, not text; drop the views that use it, if there are any, and run: alter table "session" alter column "token" type text using "token"::text"#,
            r#"table "account", column "scope": missing; run: alter table "account" add column "scope" text"#,
        ]
    );
}

#[test]
fn the_issuer_of_some_versions_gets_a_default_by_a_command() {
    let mut tables = official();
    add(&mut tables, "account", required("issuer", "text"));
    let line = r#"table "account", column "issuer": is required, and only Better Auth 1.7.0 to 1.7.2 writes it; run: alter table "account" alter column "issuer" set default 'local:credential'"#;
    assert_eq!(lines(&plan(tables.clone())), [line]);
    change(&mut tables, "account", "issuer", |column| column.has_default = true);
    assert!(plan(tables).refusals.is_empty());
}

#[test]
fn columns_of_keys_are_added_in_the_style_of_the_table() {
    let mut tables = official();
    for column in ["alg", "crv", "expiresAt"] {
        remove(&mut tables, "jwks", column);
    }
    assert_eq!(
        statements(&plan(tables)),
        [
            r#"alter table "jwks" add column "expiresAt" timestamptz"#,
            r#"alter table "jwks" add column "alg" text"#,
            r#"alter table "jwks" add column "crv" text"#,
        ]
    );
    let mut tables = core(["user", "session", "account"], Snake);
    tables.push(crate::testing::table(crate::table::AuthTable::Jwks, "jwks", "user", Snake));
    remove(&mut tables, "jwks", "expires_at");
    let plan = plan(tables);
    assert!(statements(&plan).contains(&r#"alter table "jwks" add column "expires_at" timestamptz"#.to_owned()));
    assert_eq!(plan.map.table(crate::table::AuthTable::Jwks).columns["expiresAt"].name, "expires_at");
}

#[test]
fn unique_indices_are_added_unless_values_occur_twice() {
    let counters = plan(changed("rateLimit", "key", |column| column.is_unique = false));
    assert_eq!(
        statements(&counters),
        [r#"truncate table "rateLimit""#, r#"create unique index on "rateLimit" ("key")"#]
    );
    let tokens = |has_duplicates| {
        plan(changed("session", "token", |column| {
            (column.is_unique, column.has_duplicates) = (false, Some(has_duplicates));
        }))
    };
    assert_eq!(statements(&tokens(false)), [r#"create unique index on "session" ("token")"#]);
    let line = r#"table "session", column "token": is not unique, and contains a value twice; find these values: select "token", count(*) from "session" group by "token" having count(*) > 1; delete or change all but one row of each, and run: create unique index on "session" ("token")"#;
    assert_eq!((lines(&tokens(true)), statements(&tokens(true))), (vec![line.to_owned()], vec![]));
    let mut partitioned = changed("session", "token", |column| column.is_unique = false);
    partitioned[1].is_partitioned = true;
    let partitioned = plan(partitioned);
    assert_eq!((partitioned.refusals.len(), partitioned.additions.len()), (1, 0), "{partitioned:?}");
    let ids = plan(changed("user", "id", |column| column.is_unique = false));
    assert_eq!(lines(&ids), [r#"table "user", column "id": is not unique; run: alter table "user" add unique ("id")"#]);
}

#[test]
fn a_missing_index_is_only_reported() {
    let mut tables = changed("session", "userId", |column| column.is_indexed = false);
    let plan_of = |tables: &[FoundTable]| plan(tables.to_vec());
    let missing = plan_of(&tables);
    assert!(missing.additions.is_empty() && missing.refusals.is_empty(), "{missing:?}");
    assert_eq!(missing.notices[0].next, r#"run: create index concurrently on "session" ("userId")"#);
    tables[1].is_partitioned = true;
    assert_eq!(plan_of(&tables).notices[0].next, r#"run: create index on "session" ("userId")"#);
}

#[test]
fn the_time_of_a_verification_becomes_a_flag() {
    let time = changed("user", "emailVerified", |column| {
        "timestamp with time zone".clone_into(&mut column.data_type);
        column.has_default = true;
    });
    let command = r#"run: alter table "user" alter column "emailVerified" drop default, alter column "emailVerified" type boolean using ("emailVerified" is not null)"#;
    assert!(lines(&plan(time))[0].ends_with(command));
}

#[test]
fn columns_that_are_too_short_are_refused() {
    for (table, column, length) in [
        ("session", "token", 32),
        ("session", "userId", 32),
        ("account", "accountId", 32),
        ("account", "providerId", 10),
        ("account", "password", 161),
    ] {
        let refused = |limit| lines(&plan(with_type(table, column, &format!("character varying({limit})"))));
        assert!(refused(length).is_empty(), "{:?}", refused(length));
        let line = format!("has no room for {length} characters; drop the views");
        assert!(refused(length - 1)[0].contains(&line), "{:?}", refused(length - 1));
    }
    let mut uuids = with_ids("uuid", |_| {});
    change(&mut uuids, "account", "accountId", |column| "character varying(32)".clone_into(&mut column.data_type));
    assert!(lines(&plan(uuids))[0].contains("has no room for 36 characters"));
}

#[test]
fn columns_that_contain_null_are_refused_with_the_command_that_fills_them() {
    for (table, column, next) in [
        ("user", "name", r#"run: update "user" set "name" = '' where "name" is null"#),
        ("user", "emailVerified", r#"run: update "user" set "emailVerified" = false where "emailVerified" is null"#),
        ("account", "createdAt", r#"run: update "account" set "createdAt" = now() where "createdAt" is null"#),
        ("session", "token", r#"run: delete from "session" where "token" is null"#),
        ("user", "email", r#"give these rows a value, or delete them: select * from "user" where "email" is null"#),
    ] {
        let nullable = |has_nulls| {
            plan(changed(table, column, |column| (column.is_required, column.has_nulls) = (false, has_nulls)))
        };
        assert!(nullable(None).refusals.is_empty() && nullable(Some(false)).refusals.is_empty());
        assert_eq!(
            lines(&nullable(Some(true))),
            [format!(r#"table "{table}", column "{column}": is null in some rows; {next}"#)]
        );
    }
}

#[test]
fn ids_are_of_the_kind_of_their_column() {
    let uuid = plan(with_ids("uuid", |_| {}));
    assert!(uuid.refusals.is_empty(), "{uuid:?}");
    assert_eq!(uuid.map.table(Session).id, IdKind::Uuid);
    for (data_type, max) in [("integer", i64::from(i32::MAX)), ("bigint", i64::MAX), ("smallint", i64::from(i16::MAX))]
    {
        let serial = plan(with_ids(data_type, |column| column.has_sequence = true));
        assert!(serial.refusals.is_empty(), "{serial:?}");
        assert_eq!(serial.map.table(User).id, IdKind::Integer { max, generated: Generated::ByDefault });
    }
    let always = plan(with_ids("bigint", |column| (column.has_sequence, column.is_always_identity) = (true, true)));
    assert_eq!(always.map.table(Account).id, IdKind::Integer { max: i64::MAX, generated: Generated::Always });
}

#[test]
fn integers_that_nothing_generates_are_refused() {
    let lines_of = |sequence: Option<&str>| {
        lines(&plan(with_ids("integer", |column| column.borrowed_sequence = sequence.map(str::to_owned))))
    };
    let line = r#"table "user", column "id": is an integer that no sequence of the column generates; run: alter table "user" alter column "id" drop default, alter column "id" add generated by default as identity; select setval(pg_get_serial_sequence('"user"', 'id'), (select coalesce(max("id"), 0) + 1 from "user"), false)"#;
    assert_eq!(lines_of(None)[0], line);
    assert!(lines_of(Some("ids"))[0].ends_with(r#"run: alter sequence ids owned by "user"."id""#));
    let short = lines(&plan(with_ids("character varying(20)", |_| {})));
    assert!(
        short[0].contains(
            "has no room for 32 characters; drop the views that use it, if there are any, and run: alter table"
        ),
        "{short:?}"
    );
    let real = lines(&plan(with_type("jwks", "id", "real")));
    assert!(real[0].contains("is real, not text, uuid or an integer"), "{real:?}");
}

#[test]
fn new_tables_have_ids_of_the_same_kind() {
    for (data_type, expected) in [
        ("uuid", r#"("id" uuid default pg_catalog.gen_random_uuid() not null primary key, "key""#),
        ("bigint", r#"("id" bigint generated by default as identity not null primary key, "key""#),
    ] {
        let mut tables = with_ids(data_type, |column| column.has_sequence = true);
        tables.retain(|table| table.name != "rateLimit" && table.name != "session");
        let plan = plan(tables);
        let all = statements(&plan);
        assert!(all.iter().any(|sql| sql.contains(expected)), "{all:?}");
        let reference = format!(r#""userId" {data_type} not null references "user" ("id") on delete cascade"#);
        assert!(all.iter().any(|sql| sql.contains(&reference)), "{all:?}");
        assert_ne!(plan.map.table(RateLimit).id, IdKind::Text);
    }
}

#[test]
fn a_column_with_two_likely_names_is_refused() {
    let mut tables = core(["users", "sessions", "accounts"], Snake);
    add(&mut tables, "users", FoundColumn { is_required: false, ..required("emailverified", "boolean") });
    let line = r#"table "users", column "emailVerified": could be "email_verified" or "emailverified"; set auth.columns.user.emailVerified (TASKBRIDGE__AUTH__COLUMNS__USER__EMAIL_VERIFIED) to the one that Better Auth uses"#;
    assert_eq!(lines(&plan(tables.clone())), [line]);
    let given = settings(&[], &[((User, "emailVerified"), "email_verified")]);
    assert!(crate::testing::plan_with(tables, &given).refusals.is_empty());
}

/// Other backends store passwords with the users. Such a column is not Better Auth's `name`, and must not be dropped.
#[test]
fn the_users_of_another_backend_are_refused_as_a_whole() {
    let mut tables = official();
    tables.retain(|table| table.name == "user");
    remove(&mut tables, "user", "emailVerified");
    remove(&mut tables, "user", "name");
    add(&mut tables, "user", required("hashed_password", "character varying"));
    let line = r#"table "user", column "hashed_password": belongs to the users of another backend: Better Auth stores passwords elsewhere; if that backend has been stopped, run: alter table "user" rename to "user_old" (its tasks are then imported with --users-from), or use AUTH_MODE=bridge"#;
    for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
        let plan = plan_on(backend, tables.clone(), Purpose::Server, &Overrides::default());
        assert_eq!(lines(&plan), [line]);
        let plan = plan_on(backend, tables.clone(), Purpose::Bridge, &Overrides::default());
        assert!(plan.refusals.is_empty() && plan.existing.is_empty());
    }
    add(&mut tables, "user", required("emailVerified", "boolean"));
    assert!(!lines(&plan(tables)).join(" ").contains("another backend"));
}

#[test]
fn hidden_rows_are_reported() {
    let mut tables = official();
    tables[0].hides_rows = true;
    assert!(plan(tables).notices[0].found.contains("row-level security of the table \"user\""));
}

/// Settings of the whole table would show its rows to others.
#[test]
fn row_level_security_is_not_disabled() {
    let mut tables = official();
    tables[0].hides_rows = true;
    let next = &plan(tables).notices[0].next;
    assert!(next.contains("bypassrls") && !next.contains("disable"), "{next}");
}

#[test]
fn names_of_new_tables_must_be_free() {
    for (style, taken) in [(Camel, "rateLimit"), (Snake, "rate_limit")] {
        let mut found = found(DbBackend::Postgres, core(["users", "sessions", "accounts"], style));
        found.taken.insert(("public".to_owned(), taken.to_owned()));
        let plan = plan_of(&found, Purpose::Server, &settings(&[], &[]));
        let line = format!(
            r#"table "{taken}": exists, but is not Better Auth's table of this name; rename it, or create Better Auth's table rateLimit under another name and set auth.tables.rateLimit to that name"#
        );
        assert_eq!(lines(&plan), [line]);
        assert!(!statements(&plan).iter().any(|sql| sql.contains(taken)));
        found.taken = [("other".to_owned(), taken.to_owned())].into();
        assert!(plan_of(&found, Purpose::Server, &settings(&[], &[])).refusals.is_empty());
    }
}

#[test]
fn names_with_control_characters_are_refused() {
    let mut tables = official();
    add(&mut tables, "user", required("a\u{1b}[2J\nb", "text"));
    let line = r#"table "user", column "a\u{1b}[2J\nb": has a control character in its name; rename the column"#;
    assert_eq!(lines(&plan(tables)), [line]);
}

#[test]
fn names_are_quoted_in_statements() {
    let mut tables = core([r#"us"ers"#, "sessions", "accounts"], Camel);
    add(&mut tables, r#"us"ers"#, required(r#"a"; drop table x --"#, "text"));
    let line = &lines(&plan(tables))[0];
    assert!(line.ends_with(r#"alter table "us""ers" alter column "a""; drop table x --" drop not null"#), "{line}");
}

#[test]
fn on_sqlite_nothing_is_changed_but_columns_of_keys_and_missing_tables() {
    let sqlite = |how: &dyn Fn(&mut Vec<FoundTable>)| {
        let mut tables = official();
        for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
            column.data_type = match column.data_type.as_str() {
                "boolean" => "integer".to_owned(),
                "timestamp with time zone" => "date".to_owned(),
                other => other.to_owned(),
            };
        }
        how(&mut tables);
        plan_on(DbBackend::Sqlite, tables, Purpose::Server, &settings(&[], &[]))
    };
    assert!(sqlite(&|_| {}).refusals.is_empty());
    let numbers = sqlite(&|tables| change(tables, "user", "createdAt", |column| column.contains_numbers = true));
    assert_eq!(numbers.refusals[0].found, "contains dates as numbers, not as text");
    let renamed = sqlite(&|tables| {
        change(tables, "user", "emailVerified", |column| "email_verified".clone_into(&mut column.name));
    });
    assert_eq!(renamed.refusals[0].found, r#"missing, but "email_verified" exists (Drizzle's naming)"#);
    let index = sqlite(&|tables| change(tables, "session", "userId", |column| column.is_indexed = false));
    assert_eq!(index.notices[0].next, r#"run: create index "session_userId_idx" on "session" ("userId")"#);
    let unique = sqlite(&|tables| change(tables, "rateLimit", "key", |column| column.is_unique = false));
    assert_eq!((unique.refusals.len(), unique.additions.len()), (1, 0));
    let missing = sqlite(&|tables| remove(tables, "jwks", "crv"));
    assert_eq!(statements(&missing), [r#"alter table "jwks" add column "crv" text"#]);
}
