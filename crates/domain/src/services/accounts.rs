//! Signing up and signing in.

use std::sync::Arc;

use thiserror::Error;

use super::active_session::{ActiveSession, new_session};
use super::wrong_passwords::WrongPasswords;
use crate::password::{InvalidPassword, NewPassword, Password, PasswordHash};
use crate::ports::{
    Clock, Credential, HashError, IdGenerator, IdentityRepo, PasswordChange, PasswordHasher, RateLimiter,
    RegisterError, Registration, SessionRepo, StoreError,
};
use crate::session::{Client, Session, SessionPolicy};
use crate::user::{Email, User, UserId, UserImage, UserName};

/// What operators decide about accounts.
#[derive(Debug, Clone, Copy)]
pub struct AccountPolicy {
    /// Whether anybody may sign up.
    pub sign_up: bool,
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
    pub client: Client,
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
    pub client: Client,
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
    Refused(Option<UserId>),
    /// Too many were wrong for this address; no password was looked at.
    #[error("too many wrong passwords for one account")]
    TooMany {
        /// How long to wait, in whole seconds.
        wait_seconds: u64,
    },
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
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
        NewPassword::parse(typed, self.hasher.form())
    }

    /// Makes a user with a password, and signs them in.
    ///
    /// # Errors
    /// [`SignUpError`]; then nothing was written.
    pub async fn sign_up(&self, request: SignUp) -> Result<ActiveSession, SignUpError> {
        let SignUp { name, email, password, image, remember, client } = request;
        if !self.policy.sign_up {
            return Err(SignUpError::Disabled);
        }
        let password = password?;
        // The store decides in the end; asking first spares the hash when the answer is known already.
        if self.identity.credential(&email).await?.is_some() {
            return Err(SignUpError::EmailTaken);
        }
        let password = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let id = UserId::new(self.ids.generate());
        let user = User { id, name, email, email_verified: false, image, created_at: now, updated_at: now };
        let session = self.new_session(&user, remember, client);
        let registration = Registration {
            user: user.clone(),
            account_id: self.ids.generate().into_string(),
            password,
            session: session.clone(),
        };
        match self.identity.register(&registration).await {
            Ok(()) => Ok(ActiveSession::opened(session, user)),
            Err(RegisterError::EmailTaken) => Err(SignUpError::EmailTaken),
            Err(RegisterError::Store(error)) => Err(error.into()),
        }
    }

    /// Opens a session for whoever knows the password.
    ///
    /// After [`WRONG_PASSWORDS`](super::WRONG_PASSWORDS), known addresses and unknown alike are refused for a while. The user is let through from
    /// every address where they are signed in already, and no session is touched.
    ///
    /// # Errors
    /// [`SignInError`]; an unknown address, a user without a password and a wrong password are one
    /// [`SignInError::Refused`], after the same work.
    pub async fn sign_in(&self, request: SignIn) -> Result<ActiveSession, SignInError> {
        let SignIn { email, password, remember, client } = request;
        let (user, stored) = match self.identity.credential(&email).await? {
            Some(Credential { user, password }) => (Some(user), password),
            None => (None, None),
        };
        self.admit(&email, user.as_ref(), &client).await?;
        let matches = self.hasher.verify(password.clone(), stored.clone()).await?;
        let (user, stored) = match (user, stored) {
            (Some(user), Some(stored)) if matches => (user, stored),
            (user, _) => {
                self.wrong_passwords.count(&key(&email)).await?;
                return Err(SignInError::Refused(user.map(|user| user.id)));
            }
        };
        let stored = if self.policy.rehash { self.rehash(&user, password, stored).await? } else { stored };
        let session = self.new_session(&user, remember, client);
        // It took its time: the password may be another one by now, or the user gone.
        if self.sessions.open(&session, &stored).await? {
            Ok(ActiveSession::opened(session, user))
        } else {
            Err(SignInError::Refused(Some(user.id)))
        }
    }

    /// Whether one more password may be tried for this address.
    async fn admit(&self, email: &Email, user: Option<&User>, client: &Client) -> Result<(), SignInError> {
        let Some(wait_seconds) = self.wrong_passwords.wait_seconds(&key(email)).await? else { return Ok(()) };
        if let Some(user) = user.filter(|_| !client.ip_address.is_empty()) {
            let sessions = self.sessions.live(&user.id, self.clock.now(), Session::LISTED).await?;
            if sessions.iter().any(|session| session.client.ip_address == client.ip_address) {
                return Ok(());
            }
        }
        Err(SignInError::TooMany { wait_seconds })
    }

    /// Stores a password anew that has just been found right, unless it is stored as it would be now, or would not do
    /// now. While there is too much to hash it waits for another sign-in. What is stored then.
    async fn rehash(&self, user: &User, password: Password, old: PasswordHash) -> Result<PasswordHash, StoreError> {
        if self.hasher.is_current(&old) {
            return Ok(old);
        }
        let Ok(password) = NewPassword::set_before(password, self.hasher.form()) else { return Ok(old) };
        let Ok(new) = self.hasher.hash(password).await else { return Ok(old) };
        let user = user.id.clone();
        let change = PasswordChange { user, old, new, at: self.clock.now(), only_session: None };
        let changed = self.identity.change_password(&change).await?;
        Ok(if changed { change.new } else { change.old })
    }

    fn new_session(&self, user: &User, remember: bool, client: Client) -> Session {
        let SessionPolicy { lifetime, unremembered_lifetime, .. } = self.policy.sessions;
        let lifetime = if remember { lifetime } else { unremembered_lifetime };
        new_session(&*self.ids, &user.id, client, self.clock.now(), lifetime)
    }
}

/// What wrong passwords of an account are counted under.
fn key(email: &Email) -> String {
    format!("account|{}", email.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Admission;
    use crate::password::HashForm;
    use crate::ports::{
        MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockRateLimiter, MockSessionRepo,
    };
    use crate::services::WRONG_PASSWORDS;
    use crate::testing::fixtures::{clock_at, counting_ids, moment, session, user};

    const POLICY: AccountPolicy = AccountPolicy { sign_up: true, rehash: false, sessions: SessionPolicy::DEFAULT };

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
            password: NewPassword::parse("correct horse", HashForm::Bcrypt),
            image: None,
            remember,
            client: Client::default(),
        }
    }

    fn sign_in(email: &str) -> SignIn {
        SignIn {
            email: Email::parse(email).unwrap(),
            password: Password::parse("correct horse").unwrap(),
            remember: true,
            client: Client::default(),
        }
    }

    #[tokio::test]
    async fn signing_up_registers_user_password_and_session_as_one() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports
            .identity
            .expect_register()
            .withf(|registration| {
                let Registration { user, account_id, password, session } = registration;
                user.email.as_str() == "ann@example.test"
                    && !user.email_verified
                    && password.expose() == "hashed"
                    && session.user_id == user.id
                    && session.expires_at == moment().after(POLICY.sessions.lifetime)
                    && ![user.id.as_str(), session.id.as_str(), session.token.expose()].contains(&account_id.as_str())
                    && session.id != session.token.expose()
            })
            .return_once(|_| Ok(()));
        let active = ports.service(POLICY).sign_up(sign_up(true)).await.unwrap();
        assert_eq!(active.user().id, active.session().user_id);
        assert_eq!(active.user().created_at, moment());
    }

    #[tokio::test]
    async fn who_asks_not_to_be_remembered_gets_the_short_session() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Ok(()));
        let active = ports.service(POLICY).sign_up(sign_up(false)).await.unwrap();
        assert_eq!(active.session().expires_at, moment().after(POLICY.sessions.unremembered_lifetime));
    }

    #[tokio::test]
    async fn a_taken_address_is_refused_before_hashing_and_again_when_the_store_says_so() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(Some(Credential { user: user("ann"), password: None })));
        assert!(matches!(ports.service(POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));

        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
        assert!(matches!(ports.service(POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));
    }

    #[tokio::test]
    async fn sign_up_switched_off_asks_nobody() {
        let policy = AccountPolicy { sign_up: false, ..POLICY };
        for password in ["short", "correct horse"] {
            let request = SignUp { password: NewPassword::parse(password, HashForm::Bcrypt), ..sign_up(true) };
            let refused = Ports::new().service(policy).sign_up(request).await;
            assert!(matches!(refused, Err(SignUpError::Disabled)));
        }
    }

    #[tokio::test]
    async fn a_password_that_cannot_be_one_asks_nobody() {
        let request = SignUp { password: NewPassword::parse("short", HashForm::Bcrypt), ..sign_up(true) };
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
            ports.identity.expect_credential().return_once(move |_| Ok(credential));
            ports
                .hasher
                .expect_verify()
                .times(1)
                .withf(move |_, stored| stored.as_ref().map(PasswordHash::expose) == compared)
                .return_once(|_, _| Ok(false));
            let refused = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await;
            assert!(matches!(refused, Err(SignInError::Refused(user_id)) if user_id == known));
        }
    }

    #[tokio::test]
    async fn a_hasher_that_says_yes_to_nobody_still_signs_nobody_in() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(None));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        assert!(matches!(ports.service(POLICY).sign_in(sign_in("a@b.co")).await, Err(SignInError::Refused(None))));
    }

    #[tokio::test]
    async fn the_right_password_opens_a_session_of_its_own() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| {
            Ok(Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }))
        });
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports
            .sessions
            .expect_open()
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
        ports.identity.expect_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.sessions.expect_open().withf(|_, password| password.expose() == "old").return_once(|_, _| Ok(false));
        let refused = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await;
        assert!(matches!(refused, Err(SignInError::Refused(Some(user))) if user.as_str() == "ann"));
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
            .returning(|_, _, _| Ok(Admission::Refused { wait_seconds: 7 }));
        limiter
    }

    fn from(ip_address: &str) -> SignIn {
        let client = Client { ip_address: ip_address.into(), ..Client::default() };
        SignIn { client, ..sign_in("Ann@example.test") }
    }

    #[tokio::test]
    async fn a_wrong_password_is_counted_whether_the_account_is_known_or_not() {
        for known in [Some(credential("hashed")), None] {
            let mut ports = Ports::new();
            ports.identity.expect_credential().return_once(move |_| Ok(known));
            ports.hasher.expect_verify().return_once(|_, _| Ok(false));
            let mut limiter = MockRateLimiter::new();
            limiter.expect_peek().return_once(|_, _, _| Ok(Admission::Allowed));
            limiter
                .expect_hit()
                .times(1)
                .withf(|key, limit, now| (key, *limit, *now) == ("account|ann@example.test", WRONG_PASSWORDS, moment()))
                .return_once(|_, _, _| Ok(Admission::Allowed));
            ports.limiter = Some(limiter);
            let refused = ports.service(POLICY).sign_in(sign_in("Ann@example.test")).await;
            assert!(matches!(refused, Err(SignInError::Refused(_))));
        }
    }

    /// With no `hit` expected, one would panic.
    #[tokio::test]
    async fn the_right_password_is_not_counted() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(Some(credential("hashed"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.sessions.expect_open().return_once(|_, _| Ok(true));
        let mut limiter = MockRateLimiter::new();
        limiter.expect_peek().return_once(|_, _, _| Ok(Admission::Allowed));
        ports.limiter = Some(limiter);
        assert!(ports.service(POLICY).sign_in(sign_in("Ann@example.test")).await.is_ok());
    }

    /// Nothing is hashed, known or not.
    #[tokio::test]
    async fn after_too_many_wrong_passwords_strangers_are_refused() {
        for (known, ip_address) in
            [(Some(credential("hashed")), "192.0.2.1"), (Some(credential("hashed")), ""), (None, "192.0.2.1")]
        {
            let mut ports = Ports::new();
            ports.identity.expect_credential().return_once(move |_| Ok(known));
            ports.sessions.expect_live().returning(|_, _, _| {
                let elsewhere = |ip_address: &str| Client { ip_address: ip_address.into(), ..Client::default() };
                Ok(vec![
                    Session { client: elsewhere("192.0.2.2"), ..session("ann") },
                    Session { client: elsewhere(""), ..session("ann") },
                ])
            });
            ports.limiter = Some(exhausted());
            let refused = ports.service(POLICY).sign_in(from(ip_address)).await;
            assert!(matches!(refused, Err(SignInError::TooMany { wait_seconds: 7 })), "{ip_address:?}");
        }
    }

    #[tokio::test]
    async fn and_the_user_is_let_through_where_they_are_signed_in() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(Some(credential("hashed"))));
        ports.sessions.expect_live().withf(|user, now, _| (user.as_str(), *now) == ("ann", moment())).return_once(
            |_, _, _| {
                let client = Client { ip_address: "192.0.2.1".into(), ..Client::default() };
                Ok(vec![Session { client, ..session("ann") }])
            },
        );
        ports.sessions.expect_open().return_once(|_, _| Ok(true));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.limiter = Some(exhausted());
        assert!(ports.service(POLICY).sign_in(from("192.0.2.1")).await.is_ok());
    }

    #[tokio::test]
    async fn a_password_in_another_form_is_stored_anew_if_that_is_wished() {
        for (rehash, is_current, stored_anew) in [(true, false, 1), (true, true, 0), (false, false, 0)] {
            let mut ports = Ports::new();
            ports.identity.expect_credential().return_once(|_| Ok(Some(credential("old"))));
            ports.hasher.expect_verify().return_once(|_, _| Ok(true));
            ports.hasher.expect_is_current().returning(move |_| is_current);
            ports.hasher.expect_form().return_const(HashForm::Bcrypt);
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
            ports.sessions.expect_open().return_once(|_, _| Ok(true));
            let policy = AccountPolicy { rehash, ..POLICY };
            assert!(ports.service(policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
        }
    }

    /// It stays as it is, and its user gets in.
    #[tokio::test]
    async fn a_busy_hasher_keeps_nobody_out_whose_password_was_right() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.hasher.expect_is_current().return_const(false);
        ports.hasher.expect_form().return_const(HashForm::Bcrypt);
        ports.hasher.expect_hash().return_once(|_| Err(HashError::Busy));
        ports.sessions.expect_open().return_once(|_, _| Ok(true));
        let policy = AccountPolicy { rehash: true, ..POLICY };
        assert!(ports.service(policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
    }

    /// It stays as it is, and its user gets in.
    #[tokio::test]
    async fn a_password_that_the_new_form_cannot_hold_is_not_stored_anew() {
        let mut ports = Ports::new();
        ports.identity.expect_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _| Ok(true));
        ports.hasher.expect_is_current().return_const(false);
        ports.hasher.expect_form().return_const(HashForm::Bcrypt);
        ports.sessions.expect_open().return_once(|_, _| Ok(true));
        let password = Password::parse(&"x".repeat(100)).unwrap();
        let policy = AccountPolicy { rehash: true, ..POLICY };
        let request = SignIn { password, ..sign_in("Ann@example.test") };
        assert!(ports.service(policy).sign_in(request).await.is_ok());
    }
}
