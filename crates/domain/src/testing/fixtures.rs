//! Example values for tests. Most of their fields differ from the defaults, so that a test notices a field that is
//! lost. The functions panic if an argument is invalid.
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "for tests only")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::access::{Authenticator, Owner, Principal};
use crate::ports::{
    Claims, MockAuthPort, MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockSessionRepo,
    Registration, RegistrationIds,
};
use crate::random_id::RandomId;
use crate::sessions::{ClientInfo, Session, SessionToken};
use crate::tasks::{Description, FieldUpdate, NewTask, SearchText, Task, TaskFilter, TaskId, TaskPatch, Title};
use crate::time::Timestamp;
use crate::users::{Email, HashAlgorithm, PasswordHash, Restrictions, User, UserId, UserImage, UserName};

/// Returns 2026-11-21T01:45:03Z.
#[must_use]
pub fn moment() -> Timestamp {
    Timestamp::from_unix_seconds(1_795_225_503).unwrap()
}

/// Returns a clock that always shows `moment`.
#[must_use]
pub fn clock_at(moment: Timestamp) -> MockClock {
    let mut clock = MockClock::new();
    clock.expect_now().return_const(moment);
    clock
}

/// Returns a generator of ids that differ from each other and are the same in every run.
#[must_use]
pub fn counting_ids() -> MockIdGenerator {
    let count = AtomicUsize::new(1);
    let mut ids = MockIdGenerator::new();
    ids.expect_generate().returning(move || {
        let mut rest = count.fetch_add(1, Ordering::Relaxed);
        RandomId::draw(|bound| {
            let digit = rest % bound;
            rest /= bound;
            digit
        })
    });
    ids
}

/// Returns a mock that provides the ids `user-1`, `account-1` and `session-1`, then `user-2` and so on, and expects no
/// other calls.
#[must_use]
pub fn identity_repo() -> MockIdentityRepo {
    let count = AtomicUsize::new(1);
    let mut identity = MockIdentityRepo::new();
    identity.expect_next_ids().returning(move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        Ok(RegistrationIds {
            user: user_id(&format!("user-{number}")),
            account: format!("account-{number}"),
            session: format!("session-{number}"),
        })
    });
    identity
}

/// Returns a mock that provides the ids `session-1`, `session-2` and so on, and expects no other calls.
#[must_use]
pub fn session_repo() -> MockSessionRepo {
    let count = AtomicUsize::new(1);
    let mut sessions = MockSessionRepo::new();
    sessions.expect_next_id().returning(move || Ok(format!("session-{}", count.fetch_add(1, Ordering::Relaxed))));
    sessions
}

/// Returns a mock whose algorithm is bcrypt and which expects no other calls.
#[must_use]
pub fn hasher() -> MockPasswordHasher {
    let mut hasher = MockPasswordHasher::new();
    hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
    hasher
}

/// Parses a user id.
#[must_use]
pub fn user_id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

/// Returns the caller with this id, from an [`Authenticator`] whose mocked port accepts the token.
pub async fn principal(id: &str) -> Principal {
    let claims = Claims { subject: user_id(id) };
    let mut auth = MockAuthPort::new();
    auth.expect_verify().return_once(move |_| Ok(claims));
    Authenticator::new(Arc::new(auth)).authenticate("token").await.unwrap()
}

/// Returns the authorization to access the data of this user.
pub async fn owner(id: &str) -> Owner {
    principal(id).await.owner_of(&user_id(id)).unwrap()
}

/// Returns the fields of a new task, none of which has its default, with characters that are special in SQL.
#[must_use]
pub fn new_task() -> NewTask {
    NewTask {
        title: Title::parse("Buy milk 🥛").unwrap(),
        description: Some(Description::parse(" two litres\n\"oat\", 100% \\ _ ' ; -- ").unwrap()),
        completed: true,
    }
}

/// Returns the task that a store creates from [`new_task`].
#[must_use]
pub fn task(owner: &str, id: i64) -> Task {
    Task::new(TaskId::new(id), user_id(owner), new_task(), moment())
}

/// Returns a patch that changes every field of a task that was created from [`new_task`].
#[must_use]
pub fn patch_of_all_fields() -> TaskPatch {
    TaskPatch {
        title: Some(Title::parse("another title").unwrap()),
        description: FieldUpdate::Set(Description::parse("another description").unwrap()),
        completed: Some(false),
    }
}

/// Returns a filter for each condition. The task of [`new_task`] meets all of them, and the task that
/// [`patch_of_all_fields`] changes it to meets none.
#[must_use]
pub fn filters() -> Vec<TaskFilter> {
    let all = TaskFilter { completed: Some(true), search: Some(SearchText::parse("milk").unwrap()) };
    let TaskFilter { completed, search } = all;
    vec![TaskFilter { completed, ..TaskFilter::default() }, TaskFilter { search, ..TaskFilter::default() }]
}

/// Returns a user with this id and the address `<id>@example.test`.
#[must_use]
pub fn user(id: &str) -> User {
    User {
        id: user_id(id),
        name: UserName::parse(format!("Bøb 漢字 {id}")).unwrap(),
        email: Email::parse(&format!("{id}@example.test")).unwrap(),
        email_verified: true,
        image: Some(UserImage::parse("https://cdn.example.test/bob.png").unwrap()),
        created_at: moment(),
        updated_at: moment().after(Duration::from_millis(1)),
        restrictions: Restrictions::default(),
    }
}

/// Returns a session of this user with the token `token-of-<user>`.
#[must_use]
pub fn session(user: &str) -> Session {
    Session {
        id: format!("session-of-{user}"),
        token: SessionToken::new(format!("token-of-{user}")),
        user_id: user_id(user),
        expires_at: moment().after(Duration::from_hours(7 * 24)),
        created_at: moment(),
        updated_at: moment().after(Duration::from_millis(2)),
        client: ClientInfo { ip_address: "192.0.2.1".into(), user_agent: "fixtures/1.0".into() },
    }
}

/// Returns the registration of this user, with a session.
#[must_use]
pub fn registration(id: &str) -> Registration {
    Registration {
        user: user(id),
        account_id: format!("account-of-{id}"),
        password: PasswordHash::new(format!("$2b$04$hash-of-{id}")),
        session: Some(session(id)),
    }
}
