//! What users who are signed in see and change of themselves.

use std::sync::Arc;

use thiserror::Error;

use super::accounts::WRONG_PASSWORDS;
use super::active_session::{ActiveSession, new_session};
use crate::limits::Admission;
use crate::password::{InvalidPassword, NewPassword, Password, PasswordHash};
use crate::ports::{
    Clock, HashError, IdGenerator, IdentityRepo, PasswordChange, PasswordHasher, RateLimiter, StoreError,
};
use crate::session::{Client, Session, SessionPolicy};
use crate::user::{Account, ProfileChange, UserId};

/// What operators decide about it.
#[derive(Debug, Clone, Copy)]
pub struct UserPolicy {
    /// Whether users may delete themselves.
    pub deletion: bool,
    /// How long sessions live.
    pub sessions: SessionPolicy,
}

/// What somebody gives to change their password.
#[derive(Debug, Clone)]
pub struct PasswordUpdate {
    /// The one they have.
    pub current: Password,
    /// The one they want.
    pub new: NewPassword,
    /// Whether all their sessions are to end, for a new one.
    pub revoke_sessions: bool,
    /// From where, for that new one.
    pub client: Client,
}

/// What somebody gives to be deleted.
#[derive(Debug, Clone, Default)]
pub struct Deletion {
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
    None,
    /// It is another one.
    #[error("wrong password")]
    Wrong,
    /// Too many were wrong; none was looked at.
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

/// Why nobody was deleted.
#[derive(Debug, Error)]
pub enum DeletionError {
    /// The operators have not switched it on.
    #[error("users may not delete themselves")]
    Disabled,
    /// The password that was given is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Nobody has been given such a token.
    #[error("unknown token")]
    Token,
    /// There was no password, and they have signed in too long ago.
    #[error("the session is not fresh")]
    NotFresh,
}

/// Does for users what they may do themselves.
pub struct UserService {
    identity: Arc<dyn IdentityRepo>,
    hasher: Arc<dyn PasswordHasher>,
    limiter: Option<Arc<dyn RateLimiter>>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    policy: UserPolicy,
}

impl UserService {
    /// A service over these ports, under this policy. Without a limiter [`WRONG_PASSWORDS`] is no limit.
    #[must_use]
    pub fn new(
        identity: Arc<dyn IdentityRepo>,
        hasher: Arc<dyn PasswordHasher>,
        limiter: Option<Arc<dyn RateLimiter>>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        policy: UserPolicy,
    ) -> Self {
        Self { identity, hasher, limiter, ids, clock, policy }
    }

    /// Whether users may delete themselves.
    #[must_use]
    pub fn allows_deletion(&self) -> bool {
        self.policy.deletion
    }

    /// What was typed as a new password.
    ///
    /// # Errors
    /// [`InvalidPassword`] names the rule that is broken.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        NewPassword::parse(typed, self.hasher.form())
    }

    /// The ways in which the user signs in, at most [`Account::LISTED`].
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn accounts(&self, active: &ActiveSession) -> Result<Vec<Account>, StoreError> {
        self.identity.accounts(&active.user.id, Account::LISTED).await
    }

    /// Changes the user. `false` when they are there no more.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn update(&self, active: &ActiveSession, change: &ProfileChange) -> Result<bool, StoreError> {
        self.identity.update(&active.user.id, change, self.clock.now()).await
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
        update: PasswordUpdate,
    ) -> Result<Option<Session>, PasswordError> {
        let PasswordUpdate { current, new, revoke_sessions, client } = update;
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
    /// [`DeletionError`]; then everything is still there.
    pub async fn delete(&self, active: &ActiveSession, deletion: Deletion) -> Result<(), DeletionError> {
        if !self.policy.deletion {
            return Err(DeletionError::Disabled);
        }
        let Deletion { password, token } = deletion;
        let is_confirmed = password.is_some();
        if let Some(password) = password {
            self.confirm(&active.user.id, password).await?;
        }
        if token.is_some() {
            return Err(DeletionError::Token);
        }
        if !is_confirmed && !active.session.is_fresh(self.clock.now(), &self.policy.sessions) {
            return Err(DeletionError::NotFresh);
        }
        self.identity.remove(&active.user.id).await.map_err(PasswordError::Store)?;
        Ok(())
    }

    /// The stored password, if this is it. Whoever has come by a session can guess no more often than a stranger; what
    /// strangers guess is counted apart, so that they keep nobody from changing a password.
    async fn confirm(&self, user: &UserId, password: Password) -> Result<PasswordHash, PasswordError> {
        let Some(stored) = self.identity.password(user).await? else { return Err(PasswordError::None) };
        let key = format!("user|{user}");
        if let Some(limiter) = &self.limiter
            && let Admission::Refused { wait_seconds } = limiter.peek(&key, WRONG_PASSWORDS, self.clock.now()).await?
        {
            return Err(PasswordError::TooMany { wait_seconds });
        }
        if self.hasher.verify(password, Some(stored.clone())).await? {
            return Ok(stored);
        }
        if let Some(limiter) = &self.limiter {
            limiter.hit(&key, WRONG_PASSWORDS, self.clock.now()).await?;
        }
        Err(PasswordError::Wrong)
    }
}
