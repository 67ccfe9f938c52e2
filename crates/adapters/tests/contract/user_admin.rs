//! Tests of the repository of users, as an operator manages them, on tables that the contract does not create.

use std::error::Error;
use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaUserAdminRepo, Store};
use taskbridge_domain::ports::{BanError, IdentityRepo, NewBan, PasswordReset, SessionRepo, UserAdminRepo};
use taskbridge_domain::testing::fixtures::{moment, registration, session, user, user_id};
use taskbridge_domain::users::{Ban, BanReason, PasswordHash, Restrictions, User};

use crate::databases::{Backend, OnDatabase, execute, rewritten, test_on};

test_on!(
    [Sqlite, Postgres, PostgresMapped],
    [
        a_user_without_a_password_gets_one_account,
        a_credential_account_with_another_account_id_is_repaired,
        a_ban_is_stored_in_the_columns_of_the_plugin,
        a_ban_without_the_columns_says_how_to_add_them,
        a_ban_is_not_stored_in_columns_of_other_types,
    ]
);

/// Creates a database with the users ann and bob, and adds these columns to the table `user`.
async fn with_columns(backend: Backend, columns: &[(&str, &str)]) -> OnDatabase<Store> {
    let store = backend.store().await;
    for (name, data_type) in columns {
        execute(&store, &format!(r#"alter table "better_auth.user" add column "{name}" {data_type}"#)).await;
    }
    for id in ["ann", "bob"] {
        SeaIdentityRepo(store.clone()).register(&registration(id)).await.unwrap();
    }
    store
}

/// Returns the columns of the plugin `admin` with the types that Better Auth's migrator gives them.
fn plugin(backend: Backend, names: [&'static str; 3]) -> [(&'static str, &'static str); 3] {
    let types =
        if backend == Backend::Sqlite { ["integer", "text", "date"] } else { ["boolean", "text", "timestamptz"] };
    [0, 1, 2].map(|index| (names[index], types[index]))
}

/// Returns the number that is the result of a statement.
async fn number(store: &Store, sql: &str) -> i64 {
    let connection = store.dedicated().await.unwrap();
    let statement = Statement::from_string(connection.get_database_backend(), rewritten(store, sql));
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

fn reset(new: &str) -> PasswordReset {
    PasswordReset { user: user_id("ann"), new: PasswordHash::new(new.into()), at: moment() }
}

async fn a_user_without_a_password_gets_one_account(backend: Backend) {
    let store = with_columns(backend, &[]).await;
    execute(&store, r#"update "better_auth.account" set "account.providerId" = 'github', "account.accountId" = '7', "account.password" = null where "account.userId" = 'ann'"#).await;
    let (identity, repo) = (SeaIdentityRepo(store.clone()), SeaUserAdminRepo(store.clone()));
    assert_eq!(identity.find_password(&user_id("ann")).await.unwrap(), None);
    let resets: Vec<_> = (0..8).map(|number| reset(&format!("new{number}"))).collect();
    // Only from the second round on are there connections for all resets at once.
    for _ in 0..3 {
        execute(&store, r#"delete from "better_auth.account" where "account.providerId" = 'credential'"#).await;
        for done in join_all(resets.iter().map(|reset| repo.reset_password(reset))).await {
            assert!(done.unwrap());
        }
    }
    let accounts = identity.list_accounts(&user_id("ann"), 10).await.unwrap();
    let mut methods: Vec<_> =
        accounts.iter().map(|account| (account.provider_id.as_str(), account.account_id.as_str())).collect();
    methods.sort_unstable();
    assert_eq!(methods, [("credential", "ann"), ("github", "7")]);
    let stored = identity.find_credential(&user("ann").email).await.unwrap().unwrap().password.unwrap();
    assert!(stored.expose().starts_with("new"));
    assert_eq!(SeaSessionRepo(store.clone()).find(&session("ann").token).await.unwrap(), None);
}

/// Better Auth finds the account by its provider alone, so it must not keep the old password.
async fn a_credential_account_with_another_account_id_is_repaired(backend: Backend) {
    let store = with_columns(backend, &[]).await;
    let (identity, repo) = (SeaIdentityRepo(store.clone()), SeaUserAdminRepo(store.clone()));
    execute(
        &store,
        r#"update "better_auth.account" set "account.accountId" = 'imported' where "account.userId" = 'ann'"#,
    )
    .await;
    assert!(repo.reset_password(&reset("new")).await.unwrap());
    assert_eq!(identity.list_accounts(&user_id("ann"), 10).await.unwrap().len(), 1);
    assert_eq!(identity.find_password(&user_id("ann")).await.unwrap(), Some(reset("new").new));
}

fn ban(reason: Option<&str>, until: bool) -> NewBan {
    let at = moment().after(Duration::from_secs(1));
    NewBan {
        user: user_id("ann"),
        reason: reason.map(|text| BanReason::parse(text).unwrap()),
        until: until.then(|| at.after(Duration::from_hours(1))),
        at,
    }
}

async fn a_ban_is_stored_in_the_columns_of_the_plugin(backend: Backend) {
    for names in [["banned", "banReason", "banExpires"], ["is_banned_", "ban_reason", "ban_expires"]] {
        let store = with_columns(backend, &plugin(backend, names)).await;
        let (repo, sessions) = (SeaUserAdminRepo(store.clone()), SeaSessionRepo(store.clone()));
        let with_reason =
            format!(r#"select count(*) as n from "better_auth.user" where "{}" = 'it''s spam'"#, names[1]);
        assert!(!repo.has_bans().await.unwrap());
        let reasons = async || number(&store, &with_reason).await;
        for (given, expected) in [(ban(Some("it's spam"), true), 1), (ban(None, false), 0)] {
            assert!(repo.ban(&given).await.unwrap());
            let restrictions = Restrictions { ban: Some(Ban { until: given.until }), second_factor: false };
            let banned = User { restrictions, updated_at: given.at, ..user("ann") };
            assert_eq!(repo.find(&user_id("ann")).await.unwrap(), Some(banned.clone()));
            assert_eq!(repo.list(None, 10).await.unwrap(), [banned, user("bob")]);
            assert_eq!(reasons().await, expected);
            assert_eq!(repo.ban_reason(&user_id("ann")).await.unwrap(), given.reason);
            assert_eq!(repo.ban_reason(&user_id("bob")).await.unwrap(), None);
            assert!(repo.has_bans().await.unwrap());
        }
        assert_eq!(sessions.find(&session("ann").token).await.unwrap(), None);
        assert!(sessions.find(&session("bob").token).await.unwrap().is_some());
        let later = moment().after(Duration::from_secs(2));
        assert!(repo.ban(&ban(Some("it's spam"), true)).await.unwrap());
        assert!(repo.unban(&user_id("ann"), later).await.unwrap());
        assert_eq!(repo.find(&user_id("ann")).await.unwrap(), Some(User { updated_at: later, ..user("ann") }));
        assert_eq!(reasons().await, 0);
        assert!(!repo.has_bans().await.unwrap());
        let nobody = NewBan { user: user_id("nobody"), ..ban(None, false) };
        assert!(!repo.ban(&nobody).await.unwrap() && !repo.unban(&nobody.user, later).await.unwrap());
    }
}

/// Returns why a ban cannot be stored, and checks that it has changed nothing.
async fn refused(store: &Store, given: &NewBan) -> String {
    let error = SeaUserAdminRepo(store.clone()).ban(given).await.unwrap_err();
    assert!(SeaSessionRepo(store.clone()).find(&session("ann").token).await.unwrap().is_some());
    let BanError::Unsupported(cause) = error else { panic!("{error:?}: {:?}", error.source()) };
    cause.to_string()
}

async fn a_ban_without_the_columns_says_how_to_add_them(backend: Backend) {
    let store = with_columns(backend, &[]).await;
    let repo = SeaUserAdminRepo(store.clone());
    assert!(!repo.has_bans().await.unwrap() && repo.ban_reason(&user_id("ann")).await.unwrap().is_none());
    let text = refused(&store, &ban(None, false)).await;
    let (_, rest) = text.split_once("run: ").unwrap();
    let (statements, _) = rest.split_once("; a running server").unwrap();
    let connection = store.dedicated().await.unwrap();
    for statement in statements.split("; ") {
        connection.execute_unprepared(statement).await.unwrap();
    }
    drop(connection);
    // Like another process, this store has not read the columns before.
    let store = store.map(|store| store.clone().with_map(store.map().clone()));
    assert!(SeaUserAdminRepo(store.clone()).ban(&ban(Some("spam"), true)).await.unwrap());
    let found = SeaUserAdminRepo(store.clone()).find(&user_id("ann")).await.unwrap().unwrap();
    assert_eq!(found.restrictions.ban, Some(Ban { until: ban(None, true).until }));

    // A permanent ban without a reason needs one column only.
    let store = with_columns(backend, &plugin(backend, ["banned", "", ""])[..1]).await;
    assert!(refused(&store, &ban(None, true)).await.contains("xpires"));
    assert!(refused(&store, &ban(Some("spam"), false)).await.contains("eason"));
    assert!(SeaUserAdminRepo(store.clone()).ban(&ban(None, false)).await.unwrap());
}

/// Such a ban would be read as none, or as one without an end.
async fn a_ban_is_not_stored_in_columns_of_other_types(backend: Backend) {
    let store = with_columns(backend, &[("banned", "integer"), ("banExpires", "integer")]).await;
    assert!(refused(&store, &ban(None, true)).await.contains("integer"));
    assert!(SeaUserAdminRepo(store.clone()).ban(&ban(None, false)).await.unwrap());
    let found = SeaUserAdminRepo(store.clone()).find(&user_id("ann")).await.unwrap().unwrap();
    assert_eq!(found.restrictions.ban, Some(Ban { until: None }));
    if backend != Backend::Sqlite {
        let store = with_columns(backend, &[("banned", "date")]).await;
        assert!(refused(&store, &ban(None, false)).await.contains("date"));
    }
}
