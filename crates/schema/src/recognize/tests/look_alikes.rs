//! Which of several tables that look alike are recognized.

use sea_orm::DbBackend;

use super::{created, names};
use crate::create::Style::{Camel, Snake};
use crate::found::{FoundTable, FoundTables};
use crate::plan::Purpose;
use crate::table::AuthTable::{self, Account, Jwks, RateLimit, Session, User, Verification};
use crate::testing::{
    change, core, in_schema, lines, official, plan, plan_of, plan_with, remove, required, settings, table, with_rows,
};

/// Older versions of Taskbridge created a second, empty set beside renamed tables.
#[test]
fn of_two_sets_the_one_with_rows_is_used() {
    let tables =
        [with_rows(false, official()), with_rows(true, core(["users", "sessions", "accounts"], Snake))].concat();
    let plan = plan(tables);
    assert_eq!(names(&plan), ["users", "sessions", "accounts"]);
    let [notice] = plan.notices.as_slice() else { panic!("{:?}", plan.notices) };
    assert!(notice.next.ends_with(r#"run: drop table "account", "session", "user""#), "{notice}");
    let tables =
        [with_rows(true, official()), with_rows(false, core(["users", "sessions", "accounts"], Snake))].concat();
    assert_eq!(names(&crate::testing::plan(tables)), ["user", "session", "account"]);
}

#[test]
fn users_in_the_table_with_better_auths_name_are_the_apps() {
    let both =
        || [with_rows(true, official()), with_rows(true, core(["users", "sessions", "accounts"], Camel))].concat();
    let canonical = plan(both());
    assert_eq!((lines(&canonical), names(&canonical)), (vec![], ["user", "session", "account"].map(String::from)));
    assert!(canonical.notices[0].found.contains(r#""users" look like Better Auth's"#), "{:?}", canonical.notices);
    for given in [&[(User, "users")][..], &[(Account, "accounts")], &[(Session, "public.sessions")]] {
        let plan = plan_with(both(), &settings(given, &[]));
        assert_eq!(lines(&plan), [""; 0], "{given:?}");
        assert_eq!(names(&plan), ["users", "sessions", "accounts"]);
    }
    // Nothing is known about rows that the role must not read.
    for unknown in ["user", "users"] {
        let mut tables =
            [with_rows(false, official()), with_rows(true, core(["users", "sessions", "accounts"], Camel))].concat();
        tables.iter_mut().find(|table| table.name == unknown).unwrap().has_rows = None;
        assert_eq!(names(&plan(tables)), ["user", "session", "account"], "{unknown}");
    }
}

#[test]
fn of_two_renamed_sets_with_rows_the_settings_choose() {
    let both = || {
        let others = core(["members", "member_sessions", "member_accounts"], Camel);
        [with_rows(true, others), with_rows(true, core(["users", "sessions", "accounts"], Camel))].concat()
    };
    let refused = plan(both());
    let line = r#"table "user": could be "members" or "users"; set auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER) to the one that Better Auth uses"#;
    assert_eq!((lines(&refused)[0].as_str(), refused.refusals.len()), (line, 3));
    assert!(!created(&refused).contains(&User));
    let given = settings(&[(Account, "public.accounts"), (User, "users")], &[]);
    assert_eq!(names(&plan_with(both(), &given)), ["users", "sessions", "accounts"]);
}

/// Sets of the same users are told apart by their names, never by their rows.
#[test]
fn backups_and_look_alikes_of_the_same_users_are_ignored() {
    let canonical = || {
        let mut tables = with_rows(false, official());
        tables.retain(|table| ![Jwks.name(), RateLimit.name()].contains(&table.name.as_str()));
        tables
    };
    let plural = || core(["users", "sessions", "accounts"], Snake);
    for (of_app, users) in [(canonical(), "user"), (plural(), "users")] {
        let mut look_alikes = vec![
            table(Account, "account_backup", users, Camel),
            table(Account, "integrations", users, Camel),
            table(Session, "session_old", users, Camel),
            table(Session, "device_tokens", users, Camel),
            table(Verification, "verification_old", users, Camel),
            table(Verification, "confirmations", users, Camel),
            table(Jwks, "ssh_keys", users, Snake),
            table(RateLimit, "quota", users, Snake),
            table(RateLimit, "api_rate_limits", users, Snake),
        ];
        look_alikes[6].columns.push(required("owner", "text"));
        look_alikes[8].columns.push(required("plan", "text"));
        let before = plan(of_app.clone());
        for tables in [[of_app.clone(), look_alikes.clone()].concat(), [look_alikes.clone(), of_app.clone()].concat()] {
            let plan = plan(with_rows(true, tables));
            assert_eq!((lines(&plan), names(&plan)), (lines(&before), names(&before)));
            assert!(!created(&plan).is_empty() && created(&plan).ends_with(&[Jwks, RateLimit]), "{plan:?}");
        }
    }
    // The tables with Better Auth's names stay the same when other tables have rows.
    let mut tables = with_rows(false, official());
    let others = vec![
        table(Session, "user_sessions", "user", Snake),
        table(Jwks, "jwks2", "", Snake),
        table(RateLimit, "rate_limits", "", Snake),
    ];
    tables.splice(0..0, with_rows(true, others));
    let plan = plan(tables);
    assert!(plan.map.is_canonical() && plan.refusals.is_empty() && plan.additions.is_empty(), "{plan:?}");
}

#[test]
fn keys_and_counters_are_recognized_by_their_names() {
    for (of, name, is_used) in [
        (Jwks, "jwkss", true),
        (Jwks, "auth_jwk", true),
        (Jwks, "signing_keys", true),
        (RateLimit, "rate_limits", true),
        (RateLimit, "quota", false),
        (Verification, "verifications", true),
        (Verification, "confirmations", false),
    ] {
        let tables = [core(["users", "sessions", "accounts"], Snake), vec![table(of, name, "", Snake)]].concat();
        let plan = plan(tables.clone());
        assert_eq!(plan.map.table(of).name == name, is_used, "{name}");
        assert_eq!(created(&plan).contains(&of), !is_used, "{name}");
        assert_eq!(plan_with(tables, &settings(&[(of, name)], &[])).map.table(of).name, name);
    }
    let twice = [official(), vec![table(Jwks, "jwk_a", "", Camel), table(Jwks, "jwk_b", "", Camel)]].concat();
    assert!(plan(twice.clone()).refusals.is_empty());
    let without: Vec<_> = twice.into_iter().filter(|table| table.name != "jwks").collect();
    assert!(lines(&plan(without))[0].starts_with(r#"table "jwks": could be "jwk_a" or "jwk_b""#));
}

#[test]
fn a_table_of_sessions_with_an_unknown_column_is_preferred_to_tokens() {
    for name in ["session", "sessions", "auth_sessions"] {
        let mut tables = core(["users", name, "accounts"], Snake);
        change(&mut tables, name, "token", |column| "session_token".clone_into(&mut column.name));
        tables.push(table(Session, "refresh_tokens", "users", Snake));
        let line = format!(
            r#"table "{name}", column "token": missing; set auth.columns.session.token (TASKBRIDGE__AUTH__COLUMNS__SESSION__TOKEN) to its name in the database; it could be "session_token""#
        );
        assert_eq!(lines(&plan(tables.clone())), [line]);
        let given = settings(&[], &[((Session, "token"), "session_token")]);
        assert_eq!(names(&plan_with(tables, &given)), ["users", name, "accounts"]);
    }
    let mut tables = core(["user", "chat_sessions", "account"], Snake);
    for column in ["token", "ip_address", "user_agent"] {
        remove(&mut tables, "chat_sessions", column);
    }
    assert!(created(&plan(tables)).contains(&Session));
}

#[test]
fn accounts_of_something_else_are_ignored() {
    let mut finance = core(["customers", "visits", "accounts"], Snake);
    finance.retain(|table| table.name != "visits");
    let mut without_passwords = finance.clone();
    remove(&mut without_passwords, "accounts", "password");
    remove(&mut finance, "customers", "email");
    remove(&mut finance, "customers", "email_verified");
    for tables in [finance, without_passwords] {
        assert_eq!(created(&plan(tables)), AuthTable::ALL);
    }
}

#[test]
fn of_two_empty_sets_the_one_with_better_auths_names_is_used() {
    let tables =
        [with_rows(false, core(["users", "sessions", "accounts"], Camel)), with_rows(false, official())].concat();
    let plan = plan(tables);
    assert_eq!((names(&plan), lines(&plan)), (["user", "session", "account"].map(String::from), vec![]));
}

#[test]
fn a_set_outside_of_the_search_path_counts_if_there_is_no_other() {
    let renamed = || with_rows(true, core(["users", "sessions", "accounts"], Camel));
    let outside = || in_schema("app", renamed());
    let used = plan(outside());
    assert_eq!((lines(&used), names(&used)), (vec![], ["app.users", "app.sessions", "app.accounts"].map(String::from)));
    assert!(used.notices[0].found.contains("outside of the search path"), "{:?}", used.notices);
    for inside in [official(), with_rows(false, renamed())] {
        let expected = names(&plan(inside.clone()));
        assert_eq!(names(&plan([outside(), inside].concat())), expected);
    }
    // An older version of Taskbridge did not recognize the tables, and created a second set.
    assert_eq!(names(&plan([outside(), with_rows(false, official())].concat())), names(&used));

    let several = plan([outside(), in_schema("backup", renamed())].concat());
    let line = r#"table "user": exists only outside of the search path ("app.users", "backup.users"); if this is the app's, set auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER) to app.users or backup.users; otherwise let Better Auth's own migrator create its tables in the current schema"#;
    assert_eq!((lines(&several)[0].as_str(), several.refusals.len()), (line, 3));
    assert!(!created(&several).contains(&User));
}

#[test]
fn a_set_outside_of_a_search_path_that_was_chosen_needs_settings() {
    let outside = || in_schema("app", with_rows(true, official()));
    let in_tenant = |tables, overrides: &_| {
        let found = FoundTables {
            current_schema: Some("tenant".to_owned()),
            ..crate::testing::found(DbBackend::Postgres, tables)
        };
        plan_of(&found, Purpose::Server, overrides)
    };
    let refused = in_tenant(outside(), &settings(&[], &[]));
    assert_eq!(refused.refusals.len(), 3, "{refused:?}");
    assert!(
        lines(&refused)[0].contains("set auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER) to app.user;"),
        "{refused:?}"
    );
    for given in [&[(User, "app.user")][..], &[(Account, "app.account")]] {
        let plan = in_tenant(outside(), &settings(given, &[]));
        assert_eq!(
            (lines(&plan), names(&plan)),
            (vec![], ["app.user", "app.session", "app.account"].map(String::from))
        );
    }
    let own = in_tenant([outside(), with_rows(false, official())].concat(), &settings(&[], &[]));
    assert_eq!((lines(&own), names(&own)), (vec![], ["user", "session", "account"].map(String::from)));
}

/// Another installation of Taskbridge may use another schema of the database.
#[test]
fn hidden_tables_are_mentioned_if_a_second_set_is_created() {
    let hide: [fn(&mut FoundTable); 3] =
        [|table| table.is_of_another = true, |table| table.is_usable = false, |table| table.schema.push('\u{1b}')];
    for hide in hide {
        let mut tables = in_schema("tenant", with_rows(true, official()));
        tables.iter_mut().for_each(hide);
        let plan = plan([tables.clone(), Vec::new()].concat());
        assert_eq!(created(&plan), AuthTable::ALL);
        let [notice] = plan.notices.as_slice() else { panic!("{:?}", plan.notices) };
        assert!(notice.found.contains("looks like Better Auth's, but") && !notice.found.contains('\u{1b}'), "{notice}");
        assert!(crate::testing::plan([tables, official()].concat()).notices.is_empty());
    }
}

#[test]
fn tables_are_only_dropped_if_all_are_known_to_be_empty() {
    let both = || {
        let users = with_rows(false, core(["users", "sessions", "accounts"], Camel));
        [with_rows(true, official()), users].concat()
    };
    assert!(plan(both()).notices[0].next.contains("drop table"));
    for unknown in ["users", "sessions", "accounts"] {
        let mut tables = both();
        tables.iter_mut().find(|table| table.name == unknown).unwrap().has_rows = None;
        assert!(!plan(tables).notices[0].next.contains("drop table"), "{unknown}");
    }
    let outside = in_schema("app", with_rows(false, official()));
    assert!(!plan([official(), outside].concat()).notices[0].next.contains("drop table"));
}

#[test]
fn tables_of_the_app_are_not_taken_for_better_auths() {
    let mut tables = official();
    let mut tokens = table(Session, "refresh_tokens", "user", Snake);
    tokens.columns.retain(|column| !["ip_address", "user_agent"].contains(&column.name.as_str()));
    let mut keys = table(Jwks, "wallets", "user", Snake);
    keys.columns.push(required("balance", "bigint"));
    let mut customers = table(User, "customers", "user", Snake);
    customers.columns.push(required("number", "bigint"));
    tables.extend(with_rows(true, vec![tokens, keys, customers]));
    let plan = plan(tables);
    assert!(plan.map.is_canonical() && plan.refusals.is_empty() && plan.additions.is_empty(), "{plan:?}");

    let tokens = table(Session, "refresh_tokens", "users", Snake);
    let mut tables = vec![tokens];
    tables[0].columns.retain(|column| !["ip_address", "user_agent"].contains(&column.name.as_str()));
    assert_eq!(created(&crate::testing::plan(tables)), AuthTable::ALL);
}

#[test]
fn the_sessions_with_the_most_columns_are_used() {
    let mut tables = core(["users", "auth_sessions", "accounts"], Snake);
    let mut tokens = table(Session, "session_tokens", "users", Snake);
    tokens.columns.retain(|column| !["ip_address", "user_agent"].contains(&column.name.as_str()));
    tables.insert(0, tokens);
    assert_eq!(names(&plan(with_rows(true, tables))), ["users", "auth_sessions", "accounts"]);
}

#[test]
fn a_copy_without_a_unique_id_is_ignored() {
    let mut tables = official();
    let mut copies = core(["user_copy", "session_copy", "account_copy"], Camel);
    for column in copies.iter_mut().flat_map(|table| &mut table.columns) {
        (column.is_unique, column.references) = (false, None);
    }
    tables.extend(copies);
    let plan = plan(with_rows(true, tables));
    assert!(plan.map.is_canonical() && plan.refusals.is_empty(), "{plan:?}");
}
