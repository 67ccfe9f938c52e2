//! Signing up and signing in.

use std::sync::Arc;

use thiserror::Error;

use super::active_session::{ActiveSession, new_session};
use super::wrong_passwords::WrongPasswords;
use crate::ports::{
    Clock, Credential, HashError, IdGenerator, IdentityRepo, PasswordChange, PasswordHasher, RateLimiter,
    RegisterError, Registration, SessionRepo, StoreError,
};
use crate::sessions::{ClientInfo, Session, SessionPolicy};
use crate::users::{
    Email, InvalidPassword, NewPassword, Password, PasswordHash, Restrictions, User, UserId, UserImage, UserName,
};

/// What operators decide about accounts.
#[derive(Debug, Clone, Copy)]
pub struct AccountPolicy {
    /// Whether anybody may sign up.
    pub sign_up: bool,
    /// Whether users must have verified their address to sign in, as Better Auth's `requireEmailVerification`.
    pub require_email_verification: bool,
    /// Whether a password that is stored in another form or strength than new ones is stored anew at sign-in.
    pub rehash: bool,
    /// How long sessions live.
    pub sessions: SessionPolicy,
}

/// What somebody gives to sign up.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// What to call them.
    pub name: UserName,
    /// Their address.
    pub email: Email,
    /// Their password, or why it cannot be one; told only once it is known that anybody may sign up.
    pub password: Result<NewPassword, InvalidPassword>,
    /// A picture of them.
    pub image: Option<UserImage>,
    /// Whether the session outlives the browser.
    pub remember: bool,
    /// From where.
    pub client: ClientInfo,
}

/// What somebody gives to sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Their address.
    pub email: Email,
    /// Their password.
    pub password: Password,
    /// Whether the session outlives the browser.
    pub remember: bool,
    /// From where.
    pub client: ClientInfo,
    /// Whether this account has been signed in on the device before. Wrong passwords from known devices are counted apart,
    /// so that those of other devices do not lock them out.
    pub is_known_device: bool,
}

/// The result of signing up.
#[derive(Debug)]
pub enum SignUpOutcome {
    /// The user is signed in.
    SignedIn(ActiveSession),
    /// The user must verify their address before they sign in. If the address is taken, this is a user that does not
    /// exist, so that the caller does not learn it.
    Unverified(User),
}

/// Why nobody was signed up.
#[derive(Debug, Error)]
pub enum SignUpError {
    /// The operators have switched it off.
    #[error("sign-up is switched off")]
    Disabled,
    /// The password cannot be one.
    #[error(transparent)]
    Password(#[from] InvalidPassword),
    /// Somebody has this address already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody was signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Address or password is wrong; which one is not told. Whose password it is not, for the log.
    #[error("wrong e-mail address or password")]
    InvalidCredentials(Option<UserId>),
    /// Too many were wrong for this address; no password was looked at.
    #[error("too many wrong passwords for one account")]
    TooManyAttempts {
        /// How long to wait, in whole seconds.
        retry_after_seconds: u64,
    },
    /// The password is right, but the account is restricted.
    #[error("the account of user {user} is restricted: {restriction}")]
    Restricted {
        /// The user.
        user: UserId,
        /// What restricts their access.
        restriction: SignInRestriction,
    },
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A restriction that keeps a user with the right password from signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignInRestriction {
    /// The user has not verified their address, and must.
    #[error("the e-mail address is not verified")]
    EmailNotVerified,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// The user signs in with a second factor, which Taskbridge cannot ask for.
    #[error("the user has a second factor")]
    SecondFactor,
}

/// Signs people up and in.
pub struct AccountService {
    identity: Arc<dyn IdentityRepo>,
    sessions: Arc<dyn SessionRepo>,
    hasher: Arc<dyn PasswordHasher>,
    wrong_passwords: WrongPasswords,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    policy: AccountPolicy,
}

impl AccountService {
    /// A service over these ports, under this policy. Without a limiter
    /// [`WRONG_PASSWORDS`](super::WRONG_PASSWORDS) is no limit.
    #[must_use]
    pub fn new(
        identity: Arc<dyn IdentityRepo>,
        sessions: Arc<dyn SessionRepo>,
        hasher: Arc<dyn PasswordHasher>,
        limiter: Option<Arc<dyn RateLimiter>>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        policy: AccountPolicy,
    ) -> Self {
        let wrong_passwords = WrongPasswords::new(limiter, Arc::clone(&clock));
        Self { identity, sessions, hasher, wrong_passwords, ids, clock, policy }
    }

    /// What was typed as a new password.
    ///
    /// # Errors
    /// [`InvalidPassword`] names the rule that is broken.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        NewPassword::parse(typed, self.hasher.algorithm())
    }

    /// Creates a user with a password, and signs them in unless they must verify their address first.
    ///
    /// # Errors
    /// [`SignUpError`]; then nothing was written.
    pub async fn sign_up(&self, request: SignUp) -> Result<SignUpOutcome, SignUpError> {
        let SignUp { name, email, password, image, remember, client } = request;
        if !self.policy.sign_up {
            return Err(SignUpError::Disabled);
        }
        let password = password?;
        let must_verify = self.policy.require_email_verification;
        // The insert decides. Checking first saves the hash; where addresses must be verified the hash is computed anyway, so
        // that its time does not tell that the address is taken.
        let is_taken = self.identity.find_credential(&email).await?.is_some();
        if is_taken && !must_verify {
            return Err(SignUpError::EmailTaken);
        }
        let password = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let id = UserId::new(self.ids.generate());
        let restrictions = Restrictions::default();
        let user =
            User { id, name, email, email_verified: false, image, created_at: now, updated_at: now, restrictions };
        if is_taken {
            return Ok(SignUpOutcome::Unverified(user));
        }
        let session = (!must_verify).then(|| self.new_session(&user, remember, client));
        let registration = Registration { user, account_id: self.ids.generate().into_string(), password, session };
        match self.identity.register(&registration).await {
            Ok(()) => {}
            Err(RegisterError::EmailTaken) if must_verify => {}
            Err(RegisterError::EmailTaken) => return Err(SignUpError::EmailTaken),
            Err(RegisterError::Store(error)) => return Err(error.into()),
        }
        let Registration { user, session, .. } = registration;
        Ok(match session {
            Some(session) => SignUpOutcome::SignedIn(ActiveSession::opened(session, user)),
            None => SignUpOutcome::Unverified(user),
        })
    }

    /// Opens a session for the user with this address and password.
    ///
    /// After [`WRONG_PASSWORDS`](super::WRONG_PASSWORDS), sign-ins for the address are refused for a while, whether it exists
    /// or not, except on known devices and from addresses at which the user has a session. No session is ended.
    ///
    /// # Errors
    /// [`SignInError`]; an unknown address, a user without a password and a wrong password are one
    /// [`SignInError::InvalidCredentials`], after the same work.
    pub async fn sign_in(&self, request: SignIn) -> Result<ActiveSession, SignInError> {
        let SignIn { email, password, remember, client, is_known_device } = request;
        let guesses = self.admit(&email, is_known_device, &client).await?;
        let (user, stored) = match self.identity.find_credential(&email).await? {
            Some(Credential { user, password }) => (Some(user), password),
            None => (None, None),
        };
        let matches = self.hasher.verify(password.clone(), stored.clone()).await?;
        let (user, stored) = match (user, stored) {
            (Some(user), Some(stored)) if matches => (user, stored),
            (user, _) => {
                self.wrong_passwords.count(&guesses).await?;
                return Err(SignInError::InvalidCredentials(user.map(|user| user.id)));
            }
        };
        if let Some(restriction) = self.restriction(&user) {
            return Err(SignInError::Restricted { user: user.id, restriction });
        }
        let stored = if self.policy.rehash { self.rehash(&user, password, stored).await? } else { stored };
        let session = self.new_session(&user, remember, client);
        // It took its time: the password may be another one by now, or the user gone.
        if self.sessions.create(&session, &stored).await? {
            Ok(ActiveSession::opened(session, user))
        } else {
            Err(SignInError::InvalidCredentials(Some(user.id)))
        }
    }

    /// Returns the key under which a wrong password is counted, or an error if the limit has been reached.
    ///
    /// Runs the same queries for known addresses and unknown ones: their time must not tell who has an account.
    async fn admit(&self, email: &Email, is_known_device: bool, client: &ClientInfo) -> Result<String, SignInError> {
        if is_known_device {
            let key = format!("device|{}", email.as_str());
            if self.wrong_passwords.retry_after_seconds(&key).await?.is_none() {
                return Ok(key);
            }
        }
        let key = format!("account|{}", email.as_str());
        let Some(retry_after_seconds) = self.wrong_passwords.retry_after_seconds(&key).await? else { return Ok(key) };
        let address = client.ip_address.as_str();
        if !address.is_empty() && self.sessions.has_session_from(email, address, self.clock.now()).await? {
            return Ok(key);
        }
        Err(SignInError::TooManyAttempts { retry_after_seconds })
    }

    /// Returns what keeps the user from signing in, in the order in which Better Auth checks it.
    fn restriction(&self, user: &User) -> Option<SignInRestriction> {
        if self.policy.require_email_verification && !user.email_verified {
            Some(SignInRestriction::EmailNotVerified)
        } else if user.restrictions.is_banned(self.clock.now()) {
            Some(SignInRestriction::Banned)
        } else {
            user.restrictions.second_factor.then_some(SignInRestriction::SecondFactor)
        }
    }

    /// Stores a password anew that has just been found right, unless it is stored as it would be now, or would not do
    /// now. While there is too much to hash it waits for another sign-in. What is stored then.
    async fn rehash(&self, user: &User, password: Password, old: PasswordHash) -> Result<PasswordHash, StoreError> {
        if self.hasher.is_current(&old) {
            return Ok(old);
        }
        let Ok(password) = NewPassword::from_existing(password, self.hasher.algorithm()) else { return Ok(old) };
        let Ok(new) = self.hasher.hash(password).await else { return Ok(old) };
        let user = user.id.clone();
        let change = PasswordChange { user, old, new, at: self.clock.now(), only_session: None };
        let changed = self.identity.change_password(&change).await?;
        Ok(if changed { change.new } else { change.old })
    }

    fn new_session(&self, user: &User, remember: bool, client: ClientInfo) -> Session {
        let SessionPolicy { lifetime, unremembered_lifetime, .. } = self.policy.sessions;
        let lifetime = if remember { lifetime } else { unremembered_lifetime };
        new_session(&*self.ids, &user.id, client, self.clock.now(), lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{
        MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockRateLimiter, MockSessionRepo,
    };
    use crate::rate_limit::Decision;
    use crate::services::WRONG_PASSWORDS;
    use crate::testing::fixtures::{clock_at, counting_ids, moment, user};
    use crate::time::Timestamp;
    use crate::users::{Ban, HashAlgorithm};

    const POLICY: AccountPolicy = AccountPolicy {
        sign_up: true,
        require_email_verification: false,
        rehash: false,
        sessions: SessionPolicy::DEFAULT,
    };

    /// The ports of one test; those without expectations panic when they are asked.
    struct Ports {
        identity: MockIdentityRepo,
        sessions: MockSessionRepo,
        hasher: MockPasswordHasher,
        limiter: Option<MockRateLimiter>,
        ids: MockIdGenerator,
        clock: MockClock,
    }

    impl Ports {
        fn new() -> Self {
            Self {
                identity: MockIdentityRepo::new(),
                sessions: MockSessionRepo::new(),
                hasher: MockPasswordHasher::new(),
                limiter: None,
                ids: counting_ids(),
                clock: clock_at(moment()),
            }
        }

        fn service(self, policy: AccountPolicy) -> AccountService {
            let Self { identity, sessions, hasher, limiter, ids, clock } = self;
            AccountService::new(
                Arc::new(identity),
                Arc::new(sessions),
                Arc::new(hasher),
                limiter.map(|limiter| Arc::new(limiter) as _),
                Arc::new(ids),
                Arc::new(clock),
                policy,
            )
        }
    }

    fn sign_up(remember: bool) -> SignUp {
        SignUp {
            name: UserName::parse("Ann").unwrap(),
            email: Email::parse("Ann@example.test").unwrap(),
            password: NewPassword::parse("correct horse", HashAlgorithm::Bcrypt),
            image: None,
            remember,
            client: ClientInfo::default(),
        }
    }

    fn sign_in(email: &str) -> SignIn {
        SignIn {
            email: Email::parse(email).unwrap(),
            password: Password::parse("correct horse").unwrap(),
            remember: true,
            client: ClientInfo::default(),
            is_known_device: false,
        }
    }

    fn signed_in(signed_up: SignUpOutcome) -> ActiveSession {
        let SignUpOutcome::SignedIn(active) = signed_up else { panic!("{signed_up:?}") };
        active
    }

    #[tokio::test]
    async fn signing_up_registers_user_password_and_session_as_one() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports
            .identity
            .expect_register()
            .withf(|registration| {
                let Registration { user, account_id, password, session } = registration;
                user.email.as_str() == "ann@example.test"
                    && !user.email_verified
                    && password.expose() == "hashed"
                    && session.as_ref().is_some_and(|session| {
                        session.user_id == user.id
                            && session.expires_at == moment().after(POLICY.sessions.lifetime)
                            && ![user.id.as_str(), session.id.as_str(), session.token.expose()]
                                .contains(&account_id.as_str())
                            && session.id != session.token.expose()
                    })
            })
            .return_once(|_| Ok(()));
        let active = signed_in(ports.service(POLICY).sign_up(sign_up(true)).await.unwrap());
        assert_eq!(active.user().id, active.session().user_id);
        assert_eq!(active.user().created_at, moment());
    }

    #[tokio::test]
    async fn who_asks_not_to_be_remembered_gets_the_short_session() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Ok(()));
        let active = signed_in(ports.service(POLICY).sign_up(sign_up(false)).await.unwrap());
        assert_eq!(active.session().expires_at, moment().after(POLICY.sessions.unremembered_lifetime));
    }

    #[tokio::test]
    async fn a_taken_address_is_refused_before_hashing_and_again_when_the_store_says_so() {
        let mut ports = Ports::new();
        ports
            .identity
            .expect_find_credential()
            .return_once(|_| Ok(Some(Credential { user: user("ann"), password: None })));
        assert!(matches!(ports.service(POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));

        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
        assert!(matches!(ports.service(POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));
    }

    #[tokio::test]
    async fn sign_up_switched_off_asks_nobody() {
        let policy = AccountPolicy { sign_up: false, ..POLICY };
        for password in ["short", "correct horse"] {
            let request = SignUp { password: NewPassword::parse(password, HashAlgorithm::Bcrypt), ..sign_up(true) };
            let refused = Ports::new().service(policy).sign_up(request).await;
            assert!(matches!(refused, Err(SignUpError::Disabled)));
        }
    }

    #[tokio::test]
    async fn a_password_that_cannot_be_one_asks_nobody() {
        let request = SignUp { password: NewPassword::parse("short", HashAlgorithm::Bcrypt), ..sign_up(true) };
        let refused = Ports::new().service(POLICY).sign_up(request).await;
        assert!(matches!(refused, Err(SignUpError::Password(InvalidPassword::TooShort))));
    }

    #[tokio::test]
    async fn every_refused_sign_in_hashes_once_and_opens_nothing() {
        let cases = [
            (None, None),
            (Some(Credential { user: user("ann"), password: None }), None),
            (
                Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }),
                Some("hashed"),
            ),
        ];
        for (credential, compared) in cases {
            let mut ports = Ports::new();
            let known = credential.as_ref().map(|credential| credential.user.id.clone());
            ports.identity.expect_find_credential().return_once(move |_| Ok(credential));
            ports
                .hasher
                .expect_verify()
                .times(1)
                .withf(move |_, stored| stored.as_ref().map(PasswordHash::expose) == compared)
                .return_once(|_, _| Ok(false));
            let refused = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await;
            assert!(matches!(refused, Err(SignInError::InvalidCredentials(user_id)) if user_id == known));
        }
    }

    #[tokio::test]
    async fn a_hasher_that_says_yes_to_nobody_still_signs_nobody_in() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        assert!(matches!(
            ports.service(POLICY).sign_in(sign_in("a@b.co")).await,
            Err(SignInError::InvalidCredentials(None))
        ));
    }

    #[tokio::test]
    async fn the_right_password_opens_a_session_of_its_own() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| {
            Ok(Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }))
        });
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports
            .sessions
            .expect_create()
            .withf(|session, password| {
                session.user_id.as_str() == "ann"
                    && session.expires_at == moment().after(POLICY.sessions.lifetime)
                    && password.expose() == "hashed"
            })
            .return_once(|_, _| Ok(true));
        let active = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await.unwrap();
        assert_eq!(active.user(), &user("ann"));
    }

    #[tokio::test]
    async fn a_password_that_was_changed_while_it_was_looked_at_signs_nobody_in() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.sessions.expect_create().withf(|_, password| password.expose() == "old").return_once(|_, _| Ok(false));
        let refused = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials(Some(user))) if user.as_str() == "ann"));
    }

    fn credential(stored: &str) -> Credential {
        Credential { user: user("ann"), password: Some(PasswordHash::new(stored.into())) }
    }

    /// A limiter that has counted up to the limit.
    fn exhausted() -> MockRateLimiter {
        let mut limiter = MockRateLimiter::new();
        limiter
            .expect_peek()
            .withf(|key, limit, now| (key, *limit, *now) == ("account|ann@example.test", WRONG_PASSWORDS, moment()))
            .returning(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 7 }));
        limiter
    }

    fn from(ip_address: &str) -> SignIn {
        let client = ClientInfo { ip_address: ip_address.into(), ..ClientInfo::default() };
        SignIn { client, ..sign_in("Ann@example.test") }
    }

    #[tokio::test]
    async fn a_wrong_password_is_counted_whether_the_account_is_known_or_not() {
        for known in [Some(credential("hashed")), None] {
            let mut ports = Ports::new();
            ports.identity.expect_find_credential().return_once(move |_| Ok(known));
            ports.hasher.expect_verify().return_once(|_, _| Ok(false));
            let mut limiter = MockRateLimiter::new();
            limiter.expect_peek().return_once(|_, _, _| Ok(Decision::Allowed));
            limiter
                .expect_hit()
                .times(1)
                .withf(|key, limit, now| (key, *limit, *now) == ("account|ann@example.test", WRONG_PASSWORDS, moment()))
                .return_once(|_, _, _| Ok(Decision::Allowed));
            ports.limiter = Some(limiter);
            let refused = ports.service(POLICY).sign_in(sign_in("Ann@example.test")).await;
            assert!(matches!(refused, Err(SignInError::InvalidCredentials(_))));
        }
    }

    /// With no `hit` expected, one would panic.
    #[tokio::test]
    async fn the_right_password_is_not_counted() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.sessions.expect_create().return_once(|_, _| Ok(true));
        let mut limiter = MockRateLimiter::new();
        limiter.expect_peek().return_once(|_, _, _| Ok(Decision::Allowed));
        ports.limiter = Some(limiter);
        assert!(ports.service(POLICY).sign_in(sign_in("Ann@example.test")).await.is_ok());
    }

    /// Neither the user nor the password is looked at: the mocks would panic.
    #[tokio::test]
    async fn after_too_many_wrong_passwords_strangers_are_refused() {
        for ip_address in ["192.0.2.1", ""] {
            let mut ports = Ports::new();
            ports.sessions.expect_has_session_from().returning(|_, _, _| Ok(false));
            ports.limiter = Some(exhausted());
            let refused = ports.service(POLICY).sign_in(from(ip_address)).await;
            assert!(matches!(refused, Err(SignInError::TooManyAttempts { retry_after_seconds: 7 })), "{ip_address:?}");
        }
    }

    #[tokio::test]
    async fn and_the_user_is_let_through_where_they_are_signed_in() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
        ports
            .sessions
            .expect_has_session_from()
            .withf(|email, address, now| (email.as_str(), address, *now) == ("ann@example.test", "192.0.2.1", moment()))
            .return_once(|_, _, _| Ok(true));
        ports.sessions.expect_create().return_once(|_, _| Ok(true));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.limiter = Some(exhausted());
        assert!(ports.service(POLICY).sign_in(from("192.0.2.1")).await.is_ok());
    }

    /// The key of the account is not asked for: the mock would panic.
    #[tokio::test]
    async fn wrong_passwords_from_known_devices_are_counted_apart() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(false));
        let mut limiter = MockRateLimiter::new();
        let is_of_devices = |key: &str| key == "device|ann@example.test";
        limiter
            .expect_peek()
            .withf(move |key, _limit, _now| is_of_devices(key))
            .return_once(|_, _, _| Ok(Decision::Allowed));
        limiter
            .expect_hit()
            .times(1)
            .withf(move |key, limit, _now| is_of_devices(key) && *limit == WRONG_PASSWORDS)
            .return_once(|_, _, _| Ok(Decision::Allowed));
        ports.limiter = Some(limiter);
        let refused = ports.service(POLICY).sign_in(SignIn { is_known_device: true, ..from("192.0.2.1") }).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials(Some(_)))));
    }

    /// Then it is a device like any other.
    #[tokio::test]
    async fn known_devices_have_a_limit_too() {
        for (of_account, is_signed_in, expected) in [(true, false, true), (false, true, true), (false, false, false)] {
            let mut ports = Ports::new();
            ports.identity.expect_find_credential().returning(|_| Ok(Some(credential("hashed"))));
            ports.hasher.expect_verify().returning(|_, _| Ok(true));
            ports.sessions.expect_create().returning(|_, _| Ok(true));
            ports.sessions.expect_has_session_from().returning(move |_, _, _| Ok(is_signed_in));
            let mut limiter = MockRateLimiter::new();
            limiter.expect_peek().returning(move |key, _, _| {
                let is_allowed = key.starts_with("account|") && of_account;
                Ok(if is_allowed { Decision::Allowed } else { Decision::Refused { retry_after_seconds: 7 } })
            });
            ports.limiter = Some(limiter);
            let result = ports.service(POLICY).sign_in(SignIn { is_known_device: true, ..from("192.0.2.1") }).await;
            assert_eq!(result.is_ok(), expected);
        }
    }

    /// No session is opened: the mock would panic.
    #[tokio::test]
    async fn a_restricted_user_is_refused_once_the_password_is_right() {
        let must_verify = AccountPolicy { require_email_verification: true, ..POLICY };
        let banned = Restrictions { ban: Some(Ban { until: None }), second_factor: true };
        let over = Restrictions { ban: Some(Ban { until: Some(Timestamp::EPOCH) }), second_factor: true };
        for (policy, email_verified, restrictions, expected) in [
            (must_verify, false, banned, SignInRestriction::EmailNotVerified),
            (must_verify, true, banned, SignInRestriction::Banned),
            (POLICY, false, banned, SignInRestriction::Banned),
            (POLICY, true, over, SignInRestriction::SecondFactor),
        ] {
            for is_right in [true, false] {
                let mut ports = Ports::new();
                let user = User { email_verified, restrictions, ..user("ann") };
                let found = Credential { user, ..credential("hashed") };
                ports.identity.expect_find_credential().return_once(move |_| Ok(Some(found)));
                ports.hasher.expect_verify().return_once(move |_, _| Ok(is_right));
                match ports.service(policy).sign_in(sign_in("ann@example.test")).await {
                    Err(SignInError::Restricted { restriction, .. }) if is_right => assert_eq!(restriction, expected),
                    Err(SignInError::InvalidCredentials(_)) if !is_right => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// No session is opened, and a taken address is answered like a free one, after the same hash.
    #[tokio::test]
    async fn an_address_that_must_be_verified_opens_no_session() {
        let policy = AccountPolicy { require_email_verification: true, ..POLICY };
        for (known, registered) in
            [(None, Some(Ok(()))), (None, Some(Err(RegisterError::EmailTaken))), (Some(credential("hashed")), None)]
        {
            let mut ports = Ports::new();
            ports.identity.expect_find_credential().return_once(move |_| Ok(known));
            ports.hasher.expect_hash().times(1).return_once(|_| Ok(PasswordHash::new("hashed".into())));
            if let Some(registered) = registered {
                let register = ports.identity.expect_register();
                register.withf(|registration| registration.session.is_none()).return_once(move |_| registered);
            }
            let signed_up = ports.service(policy).sign_up(sign_up(true)).await.unwrap();
            assert!(matches!(signed_up, SignUpOutcome::Unverified(user) if user.email.as_str() == "ann@example.test"));
        }
    }

    #[tokio::test]
    async fn a_password_in_another_form_is_stored_anew_if_that_is_wished() {
        for (rehash, is_current, stored_anew) in [(true, false, 1), (true, true, 0), (false, false, 0)] {
            let mut ports = Ports::new();
            ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
            ports.hasher.expect_verify().return_once(|_, _| Ok(true));
            ports.hasher.expect_is_current().returning(move |_| is_current);
            ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
            ports.hasher.expect_hash().times(stored_anew).returning(|_| Ok(PasswordHash::new("new".into())));
            ports
                .identity
                .expect_change_password()
                .times(stored_anew)
                .withf(|PasswordChange { user, old, new, at, only_session }| {
                    (user.as_str(), old.expose(), new.expose(), *at) == ("ann", "old", "new", moment())
                        && only_session.is_none()
                })
                .returning(|_| Ok(true));
            ports.sessions.expect_create().return_once(|_, _| Ok(true));
            let policy = AccountPolicy { rehash, ..POLICY };
            assert!(ports.service(policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
        }
    }

    /// It stays as it is, and its user gets in.
    #[tokio::test]
    async fn a_busy_hasher_keeps_nobody_out_whose_password_was_right() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.hasher.expect_is_current().return_const(false);
        ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
        ports.hasher.expect_hash().return_once(|_| Err(HashError::Busy));
        ports.sessions.expect_create().return_once(|_, _| Ok(true));
        let policy = AccountPolicy { rehash: true, ..POLICY };
        assert!(ports.service(policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
    }

    /// It stays as it is, and its user gets in.
    #[tokio::test]
    async fn a_password_that_the_new_form_cannot_hold_is_not_stored_anew() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.hasher.expect_is_current().return_const(false);
        ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
        ports.sessions.expect_create().return_once(|_, _| Ok(true));
        let password = Password::parse(&"x".repeat(100)).unwrap();
        let policy = AccountPolicy { rehash: true, ..POLICY };
        let request = SignIn { password, ..sign_in("Ann@example.test") };
        assert!(ports.service(policy).sign_in(request).await.is_ok());
    }
}
