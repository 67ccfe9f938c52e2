//! Signing up, signing in, and what a session gives.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::password::{InvalidPassword, NewPassword, Password};
use crate::ports::{
    Clock, HashError, IdGenerator, IdentityRepo, IssueError, PasswordHasher, RegisterError, Registration, StoreError,
    TokenIssuer,
};
use crate::session::{Client, Jwt, Session, SessionToken};
use crate::user::{Email, User, UserId, UserName};

/// What operators decide about accounts.
#[derive(Debug, Clone, Copy)]
pub struct AccountPolicy {
    /// Whether anybody may sign up.
    pub sign_up: bool,
    /// The life of a session.
    pub session_lifetime: Duration,
    /// The life of a session whose user asked not to be remembered.
    pub unremembered_session_lifetime: Duration,
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
    /// The address of a picture.
    pub image: Option<String>,
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
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A session that is alive, and its user. Only [`AccountService`] makes one, from a password or a session token.
#[derive(Debug, PartialEq, Eq)]
pub struct ActiveSession {
    session: Session,
    user: User,
}

impl ActiveSession {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Who is signed in.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// Signs people up and in, and knows their sessions.
pub struct AccountService {
    identity: Arc<dyn IdentityRepo>,
    hasher: Arc<dyn PasswordHasher>,
    issuer: Arc<dyn TokenIssuer>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    policy: AccountPolicy,
}

impl AccountService {
    /// A service over these ports, under this policy.
    #[must_use]
    pub fn new(
        identity: Arc<dyn IdentityRepo>,
        hasher: Arc<dyn PasswordHasher>,
        issuer: Arc<dyn TokenIssuer>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        policy: AccountPolicy,
    ) -> Self {
        Self { identity, hasher, issuer, ids, clock, policy }
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
            Ok(()) => Ok(ActiveSession { session, user }),
            Err(RegisterError::EmailTaken) => Err(SignUpError::EmailTaken),
            Err(RegisterError::Store(error)) => Err(error.into()),
        }
    }

    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// [`SignInError`]; an unknown address, a user without a password and a wrong password are one
    /// [`SignInError::Refused`], after the same work.
    pub async fn sign_in(&self, request: SignIn) -> Result<ActiveSession, SignInError> {
        let SignIn { email, password, remember, client } = request;
        let (user, stored) = match self.identity.credential(&email).await? {
            Some(credential) => (Some(credential.user), credential.password),
            None => (None, None),
        };
        let matches = self.hasher.verify(password, stored).await?;
        let user = match user {
            Some(user) if matches => user,
            other => return Err(SignInError::Refused(other.map(|user| user.id))),
        };
        let session = self.new_session(&user, remember, client);
        self.identity.open_session(&session).await?;
        Ok(ActiveSession { session, user })
    }

    /// The session with this token, if it is alive.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn session(&self, token: &SessionToken) -> Result<Option<ActiveSession>, StoreError> {
        let now = self.clock.now();
        let found = self.identity.session(token).await?;
        Ok(found
            .filter(|(session, _)| !session.has_expired(now))
            .map(|(session, user)| ActiveSession { session, user }))
    }

    /// A token for the user of this session.
    ///
    /// # Errors
    /// [`IssueError`] when no key can sign now.
    pub async fn token(&self, session: &ActiveSession) -> Result<Jwt, IssueError> {
        self.issuer.issue(&session.user).await
    }

    fn new_session(&self, user: &User, remember: bool, client: Client) -> Session {
        let now = self.clock.now();
        let lifetime = if remember { self.policy.session_lifetime } else { self.policy.unremembered_session_lifetime };
        Session {
            id: self.ids.generate().into_string(),
            token: SessionToken::new(self.ids.generate().into_string()),
            user_id: user.id.clone(),
            expires_at: now.after(lifetime),
            created_at: now,
            updated_at: now,
            client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;
    use crate::ports::{Credential, MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockTokenIssuer};
    use crate::testing::fixtures::{clock_at, counting_ids, moment, session, user};

    const WEEK: Duration = Duration::from_hours(7 * 24);
    const DAY: Duration = Duration::from_hours(24);
    const POLICY: AccountPolicy =
        AccountPolicy { sign_up: true, session_lifetime: WEEK, unremembered_session_lifetime: DAY };

    /// The ports of one test; those without expectations panic when they are asked.
    struct Ports {
        identity: MockIdentityRepo,
        hasher: MockPasswordHasher,
        issuer: MockTokenIssuer,
        ids: MockIdGenerator,
        clock: MockClock,
    }

    impl Ports {
        fn new() -> Self {
            Self {
                identity: MockIdentityRepo::new(),
                hasher: MockPasswordHasher::new(),
                issuer: MockTokenIssuer::new(),
                ids: counting_ids(),
                clock: clock_at(moment()),
            }
        }

        fn service(self, policy: AccountPolicy) -> AccountService {
            let Self { identity, hasher, issuer, ids, clock } = self;
            AccountService::new(
                Arc::new(identity),
                Arc::new(hasher),
                Arc::new(issuer),
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
            password: NewPassword::parse("correct horse"),
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
                    && session.expires_at == moment().after(WEEK)
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
        assert_eq!(active.session().expires_at, moment().after(DAY));
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
            let request = SignUp { password: NewPassword::parse(password), ..sign_up(true) };
            let refused = Ports::new().service(policy).sign_up(request).await;
            assert!(matches!(refused, Err(SignUpError::Disabled)));
        }
    }

    #[tokio::test]
    async fn a_password_that_cannot_be_one_asks_nobody() {
        let request = SignUp { password: NewPassword::parse("short"), ..sign_up(true) };
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
            .identity
            .expect_open_session()
            .withf(|session| session.user_id.as_str() == "ann" && session.expires_at == moment().after(WEEK))
            .return_once(|_| Ok(()));
        let active = ports.service(POLICY).sign_in(sign_in("ann@example.test")).await.unwrap();
        assert_eq!(active.user(), &user("ann"));
    }

    #[tokio::test]
    async fn an_expired_session_is_none() {
        for (expires_at, alive) in [(moment(), true), (moment().after(DAY), true)] {
            let mut ports = Ports::new();
            let row = Session { expires_at, ..session("ann") };
            ports.identity.expect_session().return_once(move |_| Ok(Some((row, user("ann")))));
            let found = ports.service(POLICY).session(&SessionToken::new("token".into())).await.unwrap();
            assert_eq!(found.is_some(), alive);
        }
        let mut ports = Ports::new();
        ports.clock = clock_at(moment().after(Duration::from_millis(1)));
        let row = Session { expires_at: moment(), ..session("ann") };
        ports.identity.expect_session().return_once(move |_| Ok(Some((row, user("ann")))));
        assert_eq!(ports.service(POLICY).session(&SessionToken::new("token".into())).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_token_is_issued_for_the_user_of_the_session() {
        let mut ports = Ports::new();
        ports
            .issuer
            .expect_issue()
            .withf(|user| user.id.as_str() == "ann")
            .return_once(|_| Ok(Jwt::new("header.claims.signature".into())));
        let active = ActiveSession { session: session("ann"), user: user("ann") };
        assert_eq!(ports.service(POLICY).token(&active).await.unwrap().expose(), "header.claims.signature");
    }
}
