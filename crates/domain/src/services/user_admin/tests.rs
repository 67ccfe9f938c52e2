use std::time::Duration;

use super::*;
use crate::ports::{MockIdentityRepo, MockPasswordHasher, MockSessionRepo, MockUserAdminRepo};
use crate::testing::fixtures::{clock_at, hasher, identity_repo, moment, user, user_id};
use crate::users::{Ban, PasswordHash};

/// Mocked ports. A call that the test does not expect panics.
struct Ports {
    users: MockUserAdminRepo,
    identity: MockIdentityRepo,
    sessions: MockSessionRepo,
    hasher: MockPasswordHasher,
}

impl Ports {
    fn new() -> Self {
        let (users, sessions) = (MockUserAdminRepo::new(), MockSessionRepo::new());
        Self { users, identity: identity_repo(), sessions, hasher: hasher() }
    }

    /// Expects that one password is hashed, as `hashed`.
    fn hashing(mut self) -> Self {
        self.hasher
            .expect_hash()
            .withf(|network, password| {
                *network == ClientNetwork::UNKNOWN && password.password().expose() == "correct horse"
            })
            .return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
        self
    }

    fn service(self) -> UserAdminService {
        let Self { users, identity, sessions, hasher } = self;
        UserAdminService {
            users: Arc::new(users),
            identity: Arc::new(identity),
            sessions: Arc::new(sessions),
            hasher: Arc::new(hasher),
            clock: Arc::new(clock_at(moment())),
        }
    }
}

fn ann(service: &UserAdminService) -> CreateUser {
    CreateUser {
        name: UserName::parse("Ann").unwrap(),
        email: Email::parse("Ann@example.test").unwrap(),
        email_verified: true,
        password: service.new_password("correct horse").unwrap(),
    }
}

#[tokio::test]
async fn a_user_is_created_with_a_password_and_without_a_session() {
    let mut ports = Ports::new().hashing();
    ports.users.expect_has_email().withf(|email| email.as_str() == "ann@example.test").return_once(|_| Ok(false));
    let expected = User {
        id: user_id("user-1"),
        name: UserName::parse("Ann").unwrap(),
        email: Email::parse("ann@example.test").unwrap(),
        email_verified: true,
        image: None,
        created_at: moment(),
        updated_at: moment(),
        restrictions: Restrictions::default(),
    };
    let registration = Registration {
        user: expected.clone(),
        account_id: "account-1".into(),
        password: PasswordHash::new("hashed".into()),
        session: None,
    };
    ports.identity.expect_register().withf(move |given| *given == registration).return_once(|_| Ok(()));
    let service = ports.service();
    assert_eq!(service.create(ann(&service)).await.unwrap(), expected);
}

#[tokio::test]
async fn no_user_is_created_with_a_taken_address() {
    let mut ports = Ports::new().hashing();
    ports.users.expect_has_email().return_once(|_| Ok(false));
    ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
    let service = ports.service();
    assert!(matches!(service.create(ann(&service)).await, Err(UserAdminError::EmailTaken)));
    for is_same in [true, false] {
        let mut ports = Ports::new();
        ports.users.expect_has_email().return_once(|_| Ok(true));
        let found = is_same.then(|| Credential { user: user("ann"), password: None });
        ports.identity.expect_find_credential().return_once(|_| Ok(found));
        let service = ports.service();
        let refused = service.create(ann(&service)).await.unwrap_err();
        assert_eq!(matches!(refused, UserAdminError::EmailTaken), is_same);
        assert_eq!(matches!(refused, UserAdminError::EmailHasCapitalLetters), !is_same);
    }
    assert_eq!(service.new_password("short").unwrap_err(), InvalidPassword::TooShort);
}

/// The id comes first, then the address exactly as given, then the address in lower case.
#[tokio::test]
async fn a_user_is_found_by_id_or_address() {
    for (given, id, emails) in [
        ("ann", Some("ann"), &[][..]),
        ("ann@example.test", None, &["ann@example.test"][..]),
        ("Ann@Example.test", None, &["Ann@Example.test", "ann@example.test"]),
        ("nobody", None, &["nobody"]),
    ] {
        let mut ports = Ports::new();
        ports.users.expect_find().times(1).returning(move |asked| Ok(id.filter(|id| *id == asked.as_str()).map(user)));
        let mut asked = emails.iter();
        ports.identity.expect_find_credential().times(emails.len()).returning(move |email| {
            assert_eq!(Some(&email.as_str()), asked.next());
            let found = email.as_str() == "ann@example.test";
            Ok(found.then(|| Credential { user: user("ann"), password: None }))
        });
        let found = ports.service().find(given).await.unwrap();
        assert_eq!(found, (given != "nobody").then(|| user("ann")), "{given}");
    }
}

#[tokio::test]
async fn a_new_password_is_hashed_and_stored_if_the_user_exists() {
    for exists in [true, false] {
        let mut ports = Ports::new().hashing();
        let new = PasswordHash::new("hashed".into());
        let expected = PasswordReset { user: user_id("ann"), new, at: moment() };
        ports.users.expect_reset_password().withf(move |given| *given == expected).return_once(move |_| Ok(exists));
        let service = ports.service();
        let password = service.new_password("correct horse").unwrap();
        let set = service.set_password(&user_id("ann"), password).await;
        assert!(if exists { set.is_ok() } else { matches!(set, Err(UserAdminError::UnknownUser)) });
    }
}

#[tokio::test]
async fn a_ban_ends_in_the_future_or_never() {
    let later = moment().after(Duration::from_millis(1));
    let reason = BanReason::parse("spam").unwrap();
    for (until, is_first) in [(None, true), (Some(later), false)] {
        let mut ports = Ports::new();
        ports.users.expect_has_bans().return_once(move || Ok(!is_first));
        let expected = NewBan { user: user_id("ann"), reason: Some(reason.clone()), until, at: moment() };
        ports.users.expect_ban().withf(move |given| *given == expected).return_once(|_| Ok(true));
        let banned = ports.service().ban(&user_id("ann"), Some(reason.clone()), until).await;
        assert_eq!(banned.unwrap(), is_first);
    }
    let refused = Ports::new().service().ban(&user_id("ann"), None, Some(moment())).await;
    assert!(matches!(refused, Err(UserAdminError::BanHasEnded)));
    let mut ports = Ports::new();
    ports.users.expect_has_bans().return_once(|| Ok(false));
    ports.users.expect_ban().return_once(|_| Ok(false));
    let unknown = ports.service().ban(&user_id("ann"), None, None).await;
    assert!(matches!(unknown, Err(UserAdminError::UnknownUser)));
}

/// The store of a user who is not banned may be unable to store bans.
#[tokio::test]
async fn only_a_banned_user_is_unbanned() {
    assert!(!Ports::new().service().unban(&user("ann")).await.unwrap());
    let restrictions = Restrictions { ban: Some(Ban { until: Some(moment()) }), second_factor: false };
    let ann = User { restrictions, ..user("ann") };
    for exists in [true, false] {
        let mut ports = Ports::new();
        ports
            .users
            .expect_unban()
            .withf(|user, now| user.as_str() == "ann" && *now == moment())
            .return_once(move |_, _| Ok(exists));
        let outcome = ports.service().unban(&ann).await;
        assert!(if exists { outcome.unwrap() } else { matches!(outcome, Err(UserAdminError::UnknownUser)) });
    }
}
