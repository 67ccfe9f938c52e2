//! What users who are signed in see and change of themselves.

use std::sync::Arc;

use thiserror::Error;

use super::active_session::{ActiveSession, new_session};
use super::wrong_passwords::WrongPasswords;
use crate::ports::{
    Clock, HashError, IdGenerator, IdentityRepo, PasswordChange, PasswordHasher, RateLimiter, StoreError,
};
use crate::sessions::{ClientInfo, Session, SessionPolicy};
use crate::users::{Account, InvalidPassword, NewPassword, Password, PasswordHash, ProfileUpdate, UserId};

/// What operators decide about it.
#[derive(Debug, Clone, Copy)]
pub struct ProfilePolicy {
    /// Whether users may delete themselves.
    pub allow_deletion: bool,
    /// How long sessions live.
    pub sessions: SessionPolicy,
}

/// What somebody gives to change their password.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The one they have.
    pub current: Password,
    /// The one they want.
    pub new: NewPassword,
    /// Whether all their sessions are to end, for a new one.
    pub revoke_sessions: bool,
    /// From where, for that new one.
    pub client: ClientInfo,
}

/// What somebody gives to be deleted.
#[derive(Debug, Clone, Default)]
pub struct DeleteUser {
    /// Their password; without it they must have signed in not long ago.
    pub password: Option<Password>,
    /// A confirmation that was mailed, which is not done here: nobody has one.
    pub token: Option<String>,
}

/// Why a password was not accepted or not changed.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// The user signs in some other way.
    #[error("the user has no password")]
    NoPassword,
    /// It is another one.
    #[error("wrong password")]
    Wrong,
    /// Too many were wrong; none was looked at.
    #[error("too many wrong passwords for one account")]
    TooManyAttempts {
        /// How long to wait, in whole seconds.
        retry_after_seconds: u64,
    },
    /// See [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody was deleted.
#[derive(Debug, Error)]
pub enum DeleteUserError {
    /// The operators have not switched it on.
    #[error("users may not delete themselves")]
    Disabled,
    /// The password that was given is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Nobody has been given such a token.
    #[error("unknown token")]
    InvalidToken,
    /// There was no password, and they have signed in too long ago.
    #[error("the session is not fresh")]
    NotFresh,
}

/// Does for users what they may do themselves.
pub struct ProfileService {
    identity: Arc<dyn IdentityRepo>,
    hasher: Arc<dyn PasswordHasher>,
    wrong_passwords: WrongPasswords,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    policy: ProfilePolicy,
}

impl ProfileService {
    /// A service over these ports, under this policy. Without a limiter
    /// [`WRONG_PASSWORDS`](super::WRONG_PASSWORDS) is no limit.
    #[must_use]
    pub fn new(
        identity: Arc<dyn IdentityRepo>,
        hasher: Arc<dyn PasswordHasher>,
        limiter: Option<Arc<dyn RateLimiter>>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        policy: ProfilePolicy,
    ) -> Self {
        let wrong_passwords = WrongPasswords::new(limiter, Arc::clone(&clock));
        Self { identity, hasher, wrong_passwords, ids, clock, policy }
    }

    /// Whether users may delete themselves.
    #[must_use]
    pub fn allows_deletion(&self) -> bool {
        self.policy.allow_deletion
    }

    /// What was typed as a new password.
    ///
    /// # Errors
    /// [`InvalidPassword`] names the rule that is broken.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        NewPassword::parse(typed, self.hasher.algorithm())
    }

    /// The ways in which the user signs in, at most [`Account::MAX_LISTED`].
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn accounts(&self, active: &ActiveSession) -> Result<Vec<Account>, StoreError> {
        self.identity.list_accounts(&active.user.id, Account::MAX_LISTED).await
    }

    /// Changes the user. `false` when they are there no more.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn update(&self, active: &ActiveSession, change: &ProfileUpdate) -> Result<bool, StoreError> {
        self.identity.update_profile(&active.user.id, change, self.clock.now()).await
    }

    /// Whether this is the user's password.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify_password(&self, active: &ActiveSession, password: Password) -> Result<(), PasswordError> {
        self.confirm(&active.user.id, password).await.map(drop)
    }

    /// Changes the user's password; if all sessions were to end, the new one is the only one there is.
    ///
    /// # Errors
    /// [`PasswordError`]; then nothing was changed.
    pub async fn change_password(
        &self,
        active: &ActiveSession,
        update: ChangePassword,
    ) -> Result<Option<Session>, PasswordError> {
        let ChangePassword { current, new, revoke_sessions, client } = update;
        let user = &active.user.id;
        let old = self.confirm(user, current).await?;
        let new = self.hasher.hash(new).await?;
        let at = self.clock.now();
        let session = revoke_sessions.then(|| new_session(&*self.ids, user, client, at, self.policy.sessions.lifetime));
        let change = PasswordChange { user: user.clone(), old, new, at, only_session: session.clone() };
        // Somebody else may have changed it meanwhile: then it is the wrong one by now.
        if self.identity.change_password(&change).await? { Ok(session) } else { Err(PasswordError::Wrong) }
    }

    /// Deletes the user and all that is theirs.
    ///
    /// # Errors
    /// [`DeleteUserError`]; then everything is still there.
    pub async fn delete(&self, active: &ActiveSession, deletion: DeleteUser) -> Result<(), DeleteUserError> {
        if !self.policy.allow_deletion {
            return Err(DeleteUserError::Disabled);
        }
        let DeleteUser { password, token } = deletion;
        let is_confirmed = password.is_some();
        if let Some(password) = password {
            self.confirm(&active.user.id, password).await?;
        }
        if token.is_some() {
            return Err(DeleteUserError::InvalidToken);
        }
        if !is_confirmed && !active.session.is_fresh(self.clock.now(), &self.policy.sessions) {
            return Err(DeleteUserError::NotFresh);
        }
        self.identity.delete(&active.user.id).await.map_err(PasswordError::Store)?;
        Ok(())
    }

    /// The stored password, if this is it. Whoever has come by a session can guess no more often than a stranger; what
    /// strangers guess is counted apart, so that they keep nobody from changing a password.
    async fn confirm(&self, user: &UserId, password: Password) -> Result<PasswordHash, PasswordError> {
        let Some(stored) = self.identity.find_password(user).await? else { return Err(PasswordError::NoPassword) };
        let key = format!("user|{user}");
        if let Some(retry_after_seconds) = self.wrong_passwords.retry_after_seconds(&key).await? {
            return Err(PasswordError::TooManyAttempts { retry_after_seconds });
        }
        if self.hasher.verify(password, Some(stored.clone())).await? {
            return Ok(stored);
        }
        self.wrong_passwords.count(&key).await?;
        Err(PasswordError::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::{MockClock, MockIdGenerator, MockIdentityRepo, MockPasswordHasher, MockRateLimiter};
    use crate::rate_limit::{Decision, RateLimit};
    use crate::services::WRONG_PASSWORDS;
    use crate::testing::fixtures::{clock_at, counting_ids, moment, session, user, user_id};
    use crate::time::Timestamp;

    const POLICY: ProfilePolicy = ProfilePolicy { allow_deletion: true, sessions: SessionPolicy::DEFAULT };

    /// The ports of one test; those without expectations panic when they are asked.
    struct Ports {
        identity: MockIdentityRepo,
        hasher: MockPasswordHasher,
        limiter: Option<MockRateLimiter>,
        ids: MockIdGenerator,
        clock: MockClock,
    }

    impl Ports {
        fn at(now: Timestamp) -> Self {
            Self {
                identity: MockIdentityRepo::new(),
                hasher: MockPasswordHasher::new(),
                limiter: None,
                ids: counting_ids(),
                clock: clock_at(now),
            }
        }

        fn new() -> Self {
            Self::at(moment())
        }

        /// Ann has a password, which is asked for once.
        fn with_password(is_right: bool) -> Self {
            let mut ports = Self::new();
            ports
                .identity
                .expect_find_password()
                .withf(|user| user.as_str() == "ann")
                .return_once(|_| Ok(Some(PasswordHash::new("stored".into()))));
            ports
                .hasher
                .expect_verify()
                .withf(|given, stored| {
                    given.expose() == "given" && stored.as_ref().is_some_and(|stored| stored.expose() == "stored")
                })
                .return_once(move |_, _| Ok(is_right));
            ports
        }

        fn service(self, policy: ProfilePolicy) -> ProfileService {
            let Self { identity, hasher, limiter, ids, clock } = self;
            let limiter = limiter.map(|limiter| Arc::new(limiter) as _);
            ProfileService::new(Arc::new(identity), Arc::new(hasher), limiter, Arc::new(ids), Arc::new(clock), policy)
        }
    }

    fn ann() -> ActiveSession {
        ActiveSession::opened(session("ann"), user("ann"))
    }

    fn given() -> Password {
        Password::parse("given").unwrap()
    }

    fn update(revoke_sessions: bool) -> ChangePassword {
        let new = NewPassword::parse("new password", crate::users::HashAlgorithm::Bcrypt).unwrap();
        let client = ClientInfo { ip_address: "192.0.2.9".into(), user_agent: "elsewhere".into() };
        ChangePassword { current: given(), new, revoke_sessions, client }
    }

    #[tokio::test]
    async fn a_new_password_takes_the_place_of_the_one_that_was_right() {
        for (revoke, changed) in [(false, true), (true, true), (true, false)] {
            let mut ports = Ports::with_password(true);
            ports.hasher.expect_hash().return_once(|_| Ok(PasswordHash::new("new".into())));
            ports
                .identity
                .expect_change_password()
                .withf(move |PasswordChange { user, old, new, at, only_session }| {
                    (user.as_str(), old.expose(), new.expose(), *at) == ("ann", "stored", "new", moment())
                        && only_session.is_some() == revoke
                })
                .return_once(move |_| Ok(changed));
            let outcome = ports.service(POLICY).change_password(&ann(), update(revoke)).await;
            match outcome {
                Ok(None) => assert!(!revoke && changed),
                Ok(Some(Session { user_id: owner, created_at, expires_at, client, token, .. })) => {
                    assert!(revoke && changed && token != session("ann").token);
                    assert_eq!((owner, created_at), (user_id("ann"), moment()));
                    assert_eq!(expires_at, moment().after(SessionPolicy::DEFAULT.lifetime));
                    assert_eq!(client.user_agent, "elsewhere");
                }
                Err(PasswordError::Wrong) => assert!(!changed, "somebody else was quicker"),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    /// Nothing is hashed or stored.
    #[tokio::test]
    async fn a_wrong_password_changes_nothing() {
        let outcome = Ports::with_password(false).service(POLICY).change_password(&ann(), update(true)).await;
        assert!(matches!(outcome, Err(PasswordError::Wrong)));
        let mut ports = Ports::new();
        ports.identity.expect_find_password().return_once(|_| Ok(None));
        let outcome = ports.service(POLICY).change_password(&ann(), update(true)).await;
        assert!(matches!(outcome, Err(PasswordError::NoPassword)));
    }

    fn is_anns(key: &str, limit: RateLimit) -> bool {
        key == "user|ann" && limit == WRONG_PASSWORDS
    }

    #[tokio::test]
    async fn wrong_passwords_are_counted_and_too_many_are_not_looked_at() {
        let limiter = |admission| {
            let mut limiter = MockRateLimiter::new();
            limiter.expect_peek().withf(|key, limit, _| is_anns(key, *limit)).return_once(move |_, _, _| Ok(admission));
            limiter
        };
        for (is_right, counted) in [(true, 0), (false, 1)] {
            let mut ports = Ports::with_password(is_right);
            let mut limiter = limiter(Decision::Allowed);
            let hit = limiter.expect_hit().withf(|key, limit, _| is_anns(key, *limit));
            hit.times(counted).returning(|_, _, _| Ok(Decision::Allowed));
            ports.limiter = Some(limiter);
            assert_eq!(ports.service(POLICY).verify_password(&ann(), given()).await.is_ok(), is_right);
        }
        let mut ports = Ports::new();
        ports.identity.expect_find_password().return_once(|_| Ok(Some(PasswordHash::new("stored".into()))));
        ports.limiter = Some(limiter(Decision::Refused { retry_after_seconds: 7 }));
        let refused = ports.service(POLICY).verify_password(&ann(), given()).await;
        assert!(matches!(refused, Err(PasswordError::TooManyAttempts { retry_after_seconds: 7 })));
    }

    fn expecting_removal(mut ports: Ports) -> Ports {
        ports.identity.expect_delete().withf(|user| user.as_str() == "ann").times(1).return_once(|_| Ok(()));
        ports
    }

    #[tokio::test]
    async fn a_user_who_confirms_it_is_removed() {
        let fresh = moment().after(SessionPolicy::DEFAULT.fresh_age.saturating_sub(Duration::from_millis(1)));
        assert!(
            expecting_removal(Ports::at(fresh)).service(POLICY).delete(&ann(), DeleteUser::default()).await.is_ok()
        );
        let by_password = DeleteUser { password: Some(given()), token: None };
        let ports = expecting_removal(Ports::with_password(true));
        assert!(ports.service(POLICY).delete(&ann(), by_password).await.is_ok());
    }

    #[tokio::test]
    async fn a_user_who_does_not_confirm_it_stays() {
        let stale = moment().after(SessionPolicy::DEFAULT.fresh_age);
        let outcome = Ports::at(stale).service(POLICY).delete(&ann(), DeleteUser::default()).await;
        assert!(matches!(outcome, Err(DeleteUserError::NotFresh)));
        let by_password = DeleteUser { password: Some(given()), token: None };
        let outcome = Ports::with_password(false).service(POLICY).delete(&ann(), by_password.clone()).await;
        assert!(matches!(outcome, Err(DeleteUserError::Password(PasswordError::Wrong))));
        let by_token = DeleteUser { password: None, token: Some("made-up".into()) };
        let outcome = Ports::new().service(POLICY).delete(&ann(), by_token).await;
        assert!(matches!(outcome, Err(DeleteUserError::InvalidToken)));
        let policy = ProfilePolicy { allow_deletion: false, ..POLICY };
        let outcome = Ports::new().service(policy).delete(&ann(), by_password).await;
        assert!(matches!(outcome, Err(DeleteUserError::Disabled)));
    }
}
