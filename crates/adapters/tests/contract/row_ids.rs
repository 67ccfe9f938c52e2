//! Tests of ids that are UUIDs or integers: those of new rows, and texts that are not ids of the database.

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use taskbridge_adapters::database::{
    SeaIdentityRepo, SeaRateLimiter, SeaSessionRepo, SeaSigningKeyRepo, SeaTaskRepo, Store,
};
use taskbridge_adapters::jwt::SigningKeyRepo;
use taskbridge_domain::UserId;
use taskbridge_domain::ports::{
    CreateError, IdentityRepo, OwnedRepo, PasswordChange, RateLimiter, RegisterError, Registration, RegistrationIds,
    SessionRepo, StoreError, TaskRepo,
};
use taskbridge_domain::rate_limit::{Decision, RateLimit, WindowStart};
use taskbridge_domain::sessions::Session;
use taskbridge_domain::tasks::{TaskFilter, TaskPatch, TaskQuery};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration, user_id};
use taskbridge_domain::users::{Email, PasswordHash, ProfileUpdate, User, UserName};
use taskbridge_schema::{AuthTable, IdKind};

use crate::databases::{Backend, rewritten, test_on};

test_on!(
    [PostgresUuids, PostgresIntegers, PostgresAlwaysIntegers],
    [
        new_ids_are_of_the_kind_of_the_table,
        a_text_that_is_not_an_id_is_an_unknown_user,
        another_form_of_an_id_is_an_unknown_user,
        a_text_that_is_not_an_id_is_an_unknown_key,
    ]
);

/// Registers a user with new ids, and returns the id of the user.
async fn register(store: &Store) -> (UserId, Registration) {
    let identity = SeaIdentityRepo(store.clone());
    let RegistrationIds { user: id, account, session } = identity.next_ids().await.unwrap();
    let given = registration("ann");
    let session = Session { id: session, user_id: id.clone(), ..given.session.unwrap() };
    let user = User { id: id.clone(), ..given.user };
    let given = Registration { user, account_id: account, session: Some(session), password: given.password };
    identity.register(&given).await.unwrap();
    (id, given)
}

async fn new_ids_are_of_the_kind_of_the_table(backend: Backend) {
    let store = backend.store().await;
    let kind = backend.id_kind();
    assert!(AuthTable::ALL.iter().all(|table| Store::map(&store).table(*table).id == kind));
    let (identity, keys) = (SeaIdentityRepo(store.clone()), SeaSigningKeyRepo(store.clone()));
    let RegistrationIds { user, account, session } = identity.next_ids().await.unwrap();
    let ids = [
        user.to_string(),
        account,
        session,
        SeaSessionRepo(store.clone()).next_id().await.unwrap(),
        keys.next_id().await.unwrap(),
    ];
    for id in &ids {
        assert!(kind.accepts(id), "{id}");
    }
    match kind {
        IdKind::Uuid => assert!(ids.iter().all(|id| id.as_bytes()[14] == b'4'), "{ids:?}: version 4"),
        _ => assert_eq!(ids, ["1", "1", "1", "2", "1"], "the integers of the sequences"),
    }
}

/// Checks that no method finds or changes anything of a user with one of these ids, and that a user who exists stays as
/// they are.
async fn are_unknown(store: &Store, registered: &Registration, ids: &[String]) {
    let (identity, sessions) = (SeaIdentityRepo(store.clone()), SeaSessionRepo(store.clone()));
    let session = registered.session.clone().unwrap();
    let own_tasks = SeaTaskRepo::new(store.clone());
    let task = own_tasks.create(&owner(registered.user.id.as_str()).await, new_task(), moment()).await.unwrap();
    for id in ids {
        for tasks in [SeaTaskRepo::new(store.clone()), SeaTaskRepo::new(store.clone()).with_max_per_owner(5)] {
            let owner = owner(id).await;
            assert_eq!(tasks.list(&owner, &TaskQuery::default()).await.unwrap().items, [], "{id}");
            assert_eq!(tasks.count(&owner, &TaskFilter::default()).await.unwrap(), 0, "{id}");
            assert_eq!(tasks.find(&owner, task.id).await.unwrap(), None, "{id}");
            assert_eq!(tasks.update(&owner, task.id, TaskPatch::default(), moment()).await.unwrap(), None, "{id}");
            assert_eq!(tasks.toggle(&owner, task.id, moment()).await.unwrap(), None, "{id}");
            assert!(!tasks.delete(&owner, task.id).await.unwrap(), "{id}");
            let created = tasks.create(&owner, new_task(), moment()).await;
            assert!(matches!(created, Err(CreateError::UnknownOwner)), "{id}: {created:?}");
        }
        let user = user_id(id);
        let rename = ProfileUpdate { name: Some(UserName::parse("Eve").unwrap()), image: None };
        let change = PasswordChange {
            user: user.clone(),
            old: registered.password.clone(),
            new: PasswordHash::new("new".into()),
            at: moment(),
            only_session: Some(session.clone()),
        };
        assert_eq!(identity.find_password(&user).await.unwrap(), None, "{id}");
        assert_eq!(identity.list_accounts(&user, 10).await.unwrap(), [], "{id}");
        assert!(!identity.update_profile(&user, &rename, moment()).await.unwrap(), "{id}");
        assert!(!identity.change_password(&change).await.unwrap(), "{id}");
        assert_eq!(sessions.list(&user, moment(), 10).await.unwrap(), [], "{id}");
        let theirs = Session { user_id: user.clone(), ..session.clone() };
        assert!(!sessions.create(&theirs, &registered.password).await.unwrap(), "{id}");
        sessions.delete_owned(&user, &session.token).await.unwrap();
        sessions.delete_all(&user).await.unwrap();
        sessions.delete_others(&user, &session.token).await.unwrap();
        identity.delete(&user).await.unwrap();
    }
    assert_eq!(sessions.find(&session.token).await.unwrap(), Some((session, registered.user.clone())));
    assert_eq!(identity.find_password(&registered.user.id).await.unwrap().as_ref(), Some(&registered.password));
    let owner = owner(registered.user.id.as_str()).await;
    assert_eq!(own_tasks.list(&owner, &TaskQuery::default()).await.unwrap().items, [task]);
}

async fn a_text_that_is_not_an_id_is_an_unknown_user(backend: Backend) {
    let store = backend.store().await;
    let (_, registered) = register(&store).await;
    let foreign = ["alice", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "1.0", "-1", "2147483648", "9223372036854775808", "'"];
    are_unknown(&store, &registered, &foreign.map(str::to_owned)).await;
}

/// PostgreSQL would read each of these texts as the id of the user.
async fn another_form_of_an_id_is_an_unknown_user(backend: Backend) {
    let store = backend.store().await;
    let (id, registered) = register(&store).await;
    let id = id.as_str();
    let forms = match backend.id_kind() {
        IdKind::Uuid => vec![id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}")],
        _ => vec![format!("0{id}"), format!("+{id}"), format!(" {id}"), format!("{id} ")],
    };
    for form in &forms {
        let cast = format!(r#"select count(*) as count from "better_auth.user" where "user.id" = '{form}'"#);
        assert_eq!(number(&store, &cast).await, 1, "PostgreSQL reads {form:?}");
    }
    are_unknown(&store, &registered, &forms).await;
}

async fn a_text_that_is_not_an_id_is_an_unknown_key(backend: Backend) {
    let store = backend.store().await;
    let repo = SeaSigningKeyRepo(store.clone());
    let mut key = crate::signing_key_repo::stored_key("");
    key.id = repo.next_id().await.unwrap();
    assert!(repo.add(&key, &["made-up".into()]).await.unwrap());
    repo.expire(&["made-up".into(), key.id.to_uppercase() + " "], moment()).await.unwrap();
    assert_eq!(repo.all().await.unwrap(), [key]);
}

/// Executes a query for a number, in the column `count`.
async fn number(store: &Store, sql: &str) -> i64 {
    let connection = store.dedicated().await.unwrap();
    let statement = Statement::from_string(DbBackend::Postgres, rewritten(store, sql));
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "count").unwrap()
}

mod sequences {
    use super::*;

    test_on!(
        [PostgresIntegers, PostgresAlwaysIntegers],
        [a_counted_request_does_not_use_up_an_integer, an_integer_that_is_taken_is_not_a_taken_address]
    );
    test_on!([Postgres], [integers_without_a_sequence_are_an_error]);

    /// Otherwise, the integers for the rows would run out.
    async fn a_counted_request_does_not_use_up_an_integer(backend: Backend) {
        let store = backend.store().await;
        let limiter = SeaRateLimiter(store.clone());
        let limit = RateLimit { window: std::time::Duration::from_mins(1), begins: WindowStart::LastRequest, max: 20 };
        assert_eq!(limiter.hit("key", limit, moment()).await.unwrap(), Decision::Allowed);
        let hits = join_all((0..30).map(|_| limiter.hit("key", limit, moment()))).await;
        let allowed = hits.iter().filter(|hit| matches!(hit, Ok(Decision::Allowed))).count();
        assert_eq!(allowed, 19, "{hits:?}");
        let table = Store::map(&store).table(AuthTable::RateLimit).quoted();
        let last = format!(
            "select last_value as count from pg_sequences
             where format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence('{table}', 'id')"
        );
        assert_eq!(number(&store, &last).await, 1);
    }

    /// Rows can be imported without advancing the sequence.
    async fn an_integer_that_is_taken_is_not_a_taken_address(backend: Backend) {
        let store = backend.store().await;
        let (_, ann) = register(&store).await;
        let address = Email::parse("bob@example.test").unwrap();
        let bob = Registration { user: User { email: address, ..ann.user.clone() }, ..ann.clone() };
        let identity = SeaIdentityRepo(store.clone());
        let error = identity.register(&bob).await.unwrap_err();
        assert!(matches!(error, RegisterError::Store(StoreError::Corrupt(_))), "{error:?}");
        let error = identity.register(&ann).await.unwrap_err();
        assert!(matches!(error, RegisterError::EmailTaken), "{error:?}");
    }

    async fn integers_without_a_sequence_are_an_error(backend: Backend) {
        let store = backend.store().await;
        let integer = Backend::PostgresIntegers.id_kind();
        let mut user = taskbridge_schema::TableMap::canonical(AuthTable::User);
        user.id = integer;
        let store = Store::clone(&store).with_map(taskbridge_schema::SchemaMap::new([(AuthTable::User, user)].into()));
        let error = SeaIdentityRepo(store).next_ids().await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    }
}
