//! Users, as an operator manages them.

use std::sync::Arc;

use thiserror::Error;

use crate::client_network::ClientNetwork;
use crate::ports::{
    BanError, Clock, Credential, HashError, IdentityRepo, NewBan, PasswordHasher, PasswordReset, RegisterError,
    Registration, SessionRepo, StoreError, UserAdminRepo, UserTotals,
};
use crate::time::Timestamp;
use crate::users::{Account, BanReason, Email, InvalidPassword, NewPassword, Restrictions, User, UserId, UserName};

/// Input of [`UserAdminService::create`].
#[derive(Debug, Clone)]
pub struct CreateUser {
    /// The name of the user.
    pub name: UserName,
    /// The email address of the user.
    pub email: Email,
    /// `true` if the email address is known to be the user's.
    pub email_verified: bool,
    /// The password.
    pub password: NewPassword,
}

/// A user and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDetails {
    /// The sign-in methods of the user, oldest first, at most [`Account::MAX_LISTED`].
    pub accounts: Vec<Account>,
    /// The numbers of tasks and sessions.
    pub totals: UserTotals,
}

/// Errors from changing users.
#[derive(Debug, Error)]
pub enum UserAdminError {
    /// Another user has this email address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The user does not exist.
    #[error("the user does not exist")]
    UnknownUser,
    /// The end of a ban is not in the future.
    #[error("the end of the ban must be in the future")]
    BanHasEnded,
    /// The password could not be hashed; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The ban could not be changed; see [`BanError`].
    #[error(transparent)]
    Ban(#[from] BanError),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads and changes any user, for an operator. Must not be reachable over HTTP, because it checks no permission.
///
/// After an error, nothing has been changed, unless the error is [`StoreError::OutcomeUnknown`].
pub struct UserAdminService {
    /// The users, for an operator.
    pub users: Arc<dyn UserAdminRepo>,
    /// The users and their passwords.
    pub identity: Arc<dyn IdentityRepo>,
    /// The sessions.
    pub sessions: Arc<dyn SessionRepo>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// The current time.
    pub clock: Arc<dyn Clock>,
}

impl UserAdminService {
    /// Parses a new password by the rules of the algorithm that will hash it.
    ///
    /// # Errors
    /// Returns an [`InvalidPassword`] that says which rule the password breaks.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        NewPassword::parse(typed, self.hasher.algorithm())
    }

    /// Returns the user with this id or email address. The address of another program may be stored with capital letters,
    /// and is then found by exactly this text.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn find(&self, id_or_email: &str) -> Result<Option<User>, StoreError> {
        if let Some(id) = UserId::parse(id_or_email)
            && let Some(user) = self.users.find(&id).await?
        {
            return Ok(Some(user));
        }
        let as_given = Email::from_stored(id_or_email.to_owned());
        let in_lower_case = Email::parse(id_or_email).ok().filter(|email| *email != as_given);
        for email in [Some(as_given), in_lower_case].into_iter().flatten() {
            if let Some(Credential { user, .. }) = self.identity.find_credential(&email).await? {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Returns the users with greater ids than `after`, or the first ones, at most `limit`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.users.list(after, limit).await
    }

    /// Returns what belongs to the user.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn details(&self, user: &UserId) -> Result<UserDetails, StoreError> {
        let accounts = self.identity.list_accounts(user, Account::MAX_LISTED).await?;
        let totals = self.users.totals(user, self.clock.now()).await?;
        Ok(UserDetails { accounts, totals })
    }

    /// Creates a user with a password and without a session, whether or not users may sign up.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the email address is taken or a port fails.
    pub async fn create(&self, request: CreateUser) -> Result<User, UserAdminError> {
        let CreateUser { name, email, email_verified, password } = request;
        let password = self.hasher.hash(ClientNetwork::UNKNOWN, password).await?;
        let ids = self.identity.next_ids().await?;
        let (id, now) = (ids.user, self.clock.now());
        let restrictions = Restrictions::default();
        let user =
            User { id, name, email, email_verified, image: None, created_at: now, updated_at: now, restrictions };
        let registration = Registration { user, account_id: ids.account, password, session: None };
        match self.identity.register(&registration).await {
            Ok(()) => Ok(registration.user),
            Err(RegisterError::EmailTaken) => Err(UserAdminError::EmailTaken),
            Err(RegisterError::Store(error)) => Err(error.into()),
        }
    }

    /// Replaces the password of the user, or adds one, and ends all sessions of the user. The user may be banned.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the user does not exist or a port fails.
    pub async fn set_password(&self, user: &UserId, password: NewPassword) -> Result<(), UserAdminError> {
        let new = self.hasher.hash(ClientNetwork::UNKNOWN, password).await?;
        let reset = PasswordReset { user: user.clone(), new, at: self.clock.now() };
        known(self.users.reset_password(&reset).await?)
    }

    /// Bans the user until this time, or permanently, and ends all sessions of the user.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the user does not exist, if `until` is not in the future, or if a port fails.
    pub async fn ban(
        &self,
        user: &UserId,
        reason: Option<BanReason>,
        until: Option<Timestamp>,
    ) -> Result<(), UserAdminError> {
        let at = self.clock.now();
        if until.is_some_and(|until| until <= at) {
            return Err(UserAdminError::BanHasEnded);
        }
        known(self.users.ban(&NewBan { user: user.clone(), reason, until, at }).await?)
    }

    /// Ends the ban of the user, if there is one.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the user does not exist or the store fails.
    pub async fn unban(&self, user: &UserId) -> Result<(), UserAdminError> {
        known(self.users.unban(user, self.clock.now()).await?)
    }

    /// Ends all sessions of the user.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn end_sessions(&self, user: &UserId) -> Result<(), StoreError> {
        self.sessions.delete_all(user).await
    }

    /// Deletes the user with their accounts, sessions and tasks, whether or not users may delete themselves.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn delete(&self, user: &UserId) -> Result<(), StoreError> {
        self.identity.delete(user).await
    }
}

fn known(exists: bool) -> Result<(), UserAdminError> {
    if exists { Ok(()) } else { Err(UserAdminError::UnknownUser) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::{MockIdentityRepo, MockPasswordHasher, MockSessionRepo, MockUserAdminRepo};
    use crate::testing::fixtures::{clock_at, hasher, identity_repo, moment, user, user_id};
    use crate::users::PasswordHash;

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
        ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
        let service = ports.service();
        assert!(matches!(service.create(ann(&service)).await, Err(UserAdminError::EmailTaken)));
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
            ports
                .users
                .expect_find()
                .times(1)
                .returning(move |asked| Ok(id.filter(|id| *id == asked.as_str()).map(user)));
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
        for until in [None, Some(later)] {
            let mut ports = Ports::new();
            let expected = NewBan { user: user_id("ann"), reason: Some(reason.clone()), until, at: moment() };
            ports.users.expect_ban().withf(move |given| *given == expected).return_once(|_| Ok(true));
            ports.service().ban(&user_id("ann"), Some(reason.clone()), until).await.unwrap();
        }
        let refused = Ports::new().service().ban(&user_id("ann"), None, Some(moment())).await;
        assert!(matches!(refused, Err(UserAdminError::BanHasEnded)));
        let mut ports = Ports::new();
        ports.users.expect_ban().return_once(|_| Ok(false));
        ports
            .users
            .expect_unban()
            .withf(|user, now| user.as_str() == "ann" && *now == moment())
            .return_once(|_, _| Ok(false));
        let service = ports.service();
        for outcome in [service.ban(&user_id("ann"), None, None).await, service.unban(&user_id("ann")).await] {
            assert!(matches!(outcome, Err(UserAdminError::UnknownUser)));
        }
    }
}
