//! Which tables are recognized as Better Auth's.

mod look_alikes;

use sea_orm::DbBackend;

use crate::create::Style::{Camel, Snake};
use crate::map::SchemaMap;
use crate::plan::{Plan, Purpose};
use crate::table::AuthTable::{self, Account, Jwks, RateLimit, Session, User, Verification};
use crate::testing::{
    add, change, core, in_schema, lines, official, plan, plan_on, plan_with, remove, required, settings, statements,
    table, with_rows,
};

/// Returns the names of the core tables, with their schema if it is not the current one.
fn names(plan: &Plan) -> [String; 3] {
    [User, Session, Account].map(|table| plan.map.table(table).quoted().replace('"', ""))
}

fn created(plan: &Plan) -> Vec<AuthTable> {
    plan.additions
        .iter()
        .filter(|addition| addition.statements[0].starts_with("create table"))
        .map(|addition| addition.table)
        .collect()
}

#[test]
fn an_empty_database_gets_all_tables() {
    let plan = plan(Vec::new());
    assert_eq!(created(&plan), AuthTable::ALL);
    assert_eq!(plan.map, SchemaMap::canonical());
    assert!(plan.refusals.is_empty() && plan.existing.is_empty());
}

#[test]
fn official_tables_need_nothing() {
    let plan = plan(official());
    assert_eq!((lines(&plan), statements(&plan)), (vec![], vec![]));
    assert_eq!(plan.existing.len(), 6);
    assert!(plan.map.is_canonical());
}

#[test]
fn renamed_tables_are_recognized() {
    for (names_of_app, style) in [
        (["users", "sessions", "accounts"], Camel),
        (["users", "sessions", "accounts"], Snake),
        (["User", "Session", "Account"], Camel),
        (["auth_user", "auth_session", "auth_account"], Snake),
        (["people", "visitor_sessions", "logins"], Camel),
        (["people", "session", "account"], Camel),
    ] {
        let plan = plan(core(names_of_app, style));
        assert_eq!(lines(&plan), [""; 0], "{names_of_app:?}");
        assert_eq!(names(&plan), names_of_app);
        assert_eq!(created(&plan), [Verification, Jwks, RateLimit]);
        assert_eq!(plan.map.table(User).columns["emailVerified"].name, style.name("emailVerified"));
        assert!(!plan.map.is_canonical());
    }
}

#[test]
fn missing_tables_are_created_in_the_style_and_the_schema_of_the_others() {
    let plan = plan(in_schema("auth", core(["users", "sessions", "accounts"], Snake)));
    assert_eq!(names(&plan), ["auth.users", "auth.sessions", "auth.accounts"]);
    assert_eq!(lines(&plan), [""; 0]);
    let keys = r#"create table "auth"."jwks" ("id" text not null primary key, "public_key" text not null, "private_key" text not null, "created_at" timestamptz not null, "expires_at" timestamptz, "alg" text, "crv" text)"#;
    assert!(statements(&plan).contains(&keys.to_owned()), "{:?}", statements(&plan));
    assert_eq!(plan.map.table(RateLimit).quoted(), r#""auth"."rate_limit""#);
}

#[test]
fn a_missing_core_table_is_never_created_beside_renamed_ones() {
    for missing in ["users", "sessions"] {
        let mut tables = core(["users", "sessions", "accounts"], Camel);
        tables.retain(|table| table.name != missing);
        let plan = plan(tables);
        let name = missing.trim_end_matches('s');
        let [line] = lines(&plan).try_into().unwrap();
        assert!(line.contains(&format!("table \"{name}\": was not found")), "{line}");
        assert!(
            line.ends_with(&format!(
                "set auth.tables.{name} (TASKBRIDGE__AUTH__TABLES__{}) to the name of the table",
                name.to_uppercase()
            )),
            "{line}"
        );
        assert_eq!(created(&plan), [Verification, Jwks, RateLimit]);
    }
    // Sessions also prove that tables are Better Auth's, if they record the client.
    let mut tables = core(["users", "sessions", "accounts"], Camel);
    tables.retain(|table| table.name != "accounts");
    assert!(
        lines(&plan(tables))[0]
            .ends_with("set auth.tables.account (TASKBRIDGE__AUTH__TABLES__ACCOUNT) to the name of the table")
    );
}

#[test]
fn a_missing_core_table_is_created_beside_those_with_better_auths_names() {
    let mut tables = official();
    tables.retain(|table| table.name != "session");
    let plan = plan(tables);
    assert_eq!((lines(&plan), created(&plan)), (vec![], vec![Session]));
}

#[test]
fn without_foreign_keys_the_tables_of_one_schema_belong_together() {
    let mut tables = core(["users", "sessions", "accounts"], Camel);
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        column.references = None;
    }
    let mut customers = table(User, "customers", "", Camel);
    customers.has_rows = Some(true);
    let tables = [tables, vec![customers]].concat();
    assert_eq!(names(&plan(tables.clone())), ["users", "sessions", "accounts"]);
    let mut unclear = tables;
    unclear[0].name = "people".to_owned();
    assert!(lines(&plan(unclear))[0].starts_with(r#"table "user": could be "people" or "customers""#));
}

#[test]
fn renamed_columns_are_found_by_settings() {
    let tables = || {
        let mut tables = core(["users", "sessions", "accounts"], Camel);
        change(&mut tables, "accounts", "providerId", |column| "provider".clone_into(&mut column.name));
        tables
    };
    // The sessions prove that the tables are Better Auth's.
    assert!(
        lines(&plan(tables()))[0]
            .ends_with("set auth.tables.account (TASKBRIDGE__AUTH__TABLES__ACCOUNT) to the name of the table")
    );
    let given = settings(&[(Account, "accounts")], &[]);
    let line = r#"table "accounts", column "providerId": missing; set auth.columns.account.providerId (TASKBRIDGE__AUTH__COLUMNS__ACCOUNT__PROVIDER_ID) to its name in the database; it could be "provider""#;
    assert_eq!(lines(&plan_with(tables(), &given)), [line]);
    let given = settings(&[], &[((Account, "providerId"), "provider")]);
    let plan = plan_with(tables(), &given);
    assert_eq!((lines(&plan), names(&plan)), (vec![], ["users", "sessions", "accounts"].map(String::from)));
    assert_eq!(plan.map.table(Account).columns["providerId"].name, "provider");
}

#[test]
fn settings_that_name_nothing_are_refused() {
    let given = settings(&[(User, "people")], &[((Session, "token"), "secret"), ((User, "name"), "email")]);
    let lines = lines(&plan_with(official(), &given));
    assert_eq!(
        lines,
        [
            r#"table "people": is named by the setting auth.tables.user, but does not exist, or the role may not use its schema; correct the setting auth.tables.user"#,
            r#"table "user", column "email": is used as name and as email; correct the settings auth.columns.user.name and auth.columns.user.email"#,
            r#"table "session", column "secret": is named by the setting auth.columns.session.token, but does not exist; correct the setting auth.columns.session.token"#,
        ]
    );
    let twice = settings(&[(Jwks, "account")], &[]);
    assert!(plan_with(official(), &twice).refusals[0].found.contains("is used as account and as jwks"));
}

#[test]
fn a_table_with_better_auths_name_is_checked_although_it_lacks_columns() {
    let mut tables = official();
    remove(&mut tables, "account", "providerId");
    let lines = lines(&plan(tables));
    assert!(lines[0].starts_with(r#"table "account", column "providerId": missing"#), "{lines:?}");
    let mut view = official();
    view[0].is_table = false;
    assert_eq!(super::tests::lines(&plan(view))[0], r#"table "user": exists but is not a table; rename or drop it"#);
}

#[test]
fn on_sqlite_renamed_tables_are_refused() {
    let tables = core(["users", "session", "account"], Camel);
    let plan = plan_on(DbBackend::Sqlite, tables, Purpose::Server, &settings(&[], &[]));
    let line = r#"table "users": is Better Auth's table "user" under another name, which is supported on PostgreSQL only; use AUTH_MODE=bridge, or rename it in the app and run: alter table "users" rename to "user""#;
    assert_eq!(lines(&plan)[0], line);
    assert!(!created(&plan).contains(&User));
}

#[test]
fn bridge_mode_recognizes_the_users_and_refuses_nothing() {
    let bridge = |tables| plan_on(DbBackend::Postgres, tables, Purpose::Bridge, &settings(&[], &[]));
    let mut tables = core(["users", "sessions", "accounts"], Snake);
    add(&mut tables, "users", required("tenant", "text"));
    let plan = bridge(tables);
    assert_eq!(plan.map.table(User).name, "users");
    assert!(plan.refusals.is_empty() && plan.additions.is_empty());
    let others = with_rows(true, core(["members", "member_sessions", "member_accounts"], Camel));
    let plan = bridge([others, with_rows(true, core(["users", "sessions", "accounts"], Camel))].concat());
    assert!(plan.refusals.is_empty() && !plan.existing.contains(&User));
    // A table of another framework is not Better Auth's.
    let mut foreign = vec![table(User, "user", "", Snake)];
    remove(&mut foreign, "user", "email_verified");
    assert!(bridge(foreign).existing.is_empty());
    assert!(bridge(Vec::new()).additions.is_empty());
    let elsewhere = || in_schema("app", official());
    assert!(bridge(elsewhere()).existing.is_empty());
    let mut in_path = elsewhere();
    for table in &mut in_path {
        table.is_in_path = true;
    }
    assert!(bridge(in_path).existing.is_empty());
    let given = settings(&[(User, "app.user")], &[]);
    let plan = plan_on(DbBackend::Postgres, elsewhere(), Purpose::Bridge, &given);
    assert_eq!(plan.existing.into_iter().collect::<Vec<_>>(), [User]);
    let given = settings(&[(User, "people")], &[]);
    assert_eq!(plan_on(DbBackend::Postgres, official(), Purpose::Bridge, &given).refusals.len(), 1);
}
