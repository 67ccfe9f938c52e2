//! Sign-in with an email address and a password.

use thiserror::Error;

use super::account::AccountContext;
use super::active_session::ActiveSession;
use crate::client_network::ClientNetwork;
use crate::ports::{Credential, HashError, PasswordChange, StoreError};
use crate::rate_limit::Decision;
use crate::sessions::ClientInfo;
use crate::users::{Email, NewPassword, Password, PasswordHash, User, UserId};

#[cfg(test)]
mod tests;

/// Input of [`SignInService::sign_in`].
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The email address of the user.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Whether the session continues after the browser has been closed.
    pub remember: bool,
    /// The client that sent the request.
    pub client: ClientInfo,
    /// The network of this client.
    pub network: ClientNetwork,
    /// Whether the user has signed in on this device before. Wrong passwords from known devices are counted separately,
    /// so that those from other devices do not lock the user out.
    pub is_known_device: bool,
}

/// Errors from signing in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// The email address or the password is wrong; the caller does not learn which. Contains the id of the user with
    /// this address, if there is one, for the log.
    #[error("wrong email address or password")]
    InvalidCredentials(Option<UserId>),
    /// The limit of wrong passwords for this email address has been reached. The password was not checked.
    #[error("too many wrong passwords for one account")]
    TooManyAttempts {
        /// Seconds to wait before the next attempt.
        retry_after_seconds: u64,
    },
    /// The password is right, but a restriction keeps the user from signing in.
    #[error("the account of user {user} is restricted: {restriction}")]
    Restricted {
        /// The id of the user.
        user: UserId,
        /// The restriction that keeps the user from signing in.
        restriction: SignInRestriction,
    },
    /// The password could not be hashed or verified; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A restriction that keeps a user with the right password from signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignInRestriction {
    /// The user must verify their email address first.
    #[error("the email address is not verified")]
    EmailNotVerified,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// The user has a second factor, which Taskbridge cannot verify.
    #[error("the user has a second factor")]
    SecondFactor,
}

/// Signs users in.
pub struct SignInService(AccountContext);

impl SignInService {
    /// Creates a service that uses the ports and the policy of `context`.
    #[must_use]
    pub fn new(context: AccountContext) -> Self {
        Self(context)
    }

    /// Creates a session for the user with this email address and password.
    ///
    /// Once [`WRONG_PASSWORD_LIMIT`](super::WRONG_PASSWORD_LIMIT) is reached for an email address, sign-ins with it
    /// are refused until the window of the limit has ended, whether or not a user has this address. Two kinds of
    /// clients are exempt: known devices, which have a limit of their own, and IP addresses from which the user has a
    /// session. Existing sessions are not affected.
    ///
    /// # Errors
    /// Returns a [`SignInError`]. The error is [`SignInError::InvalidCredentials`], after the same work, for an unknown
    /// email address, for a user without a password and for a wrong password.
    pub async fn sign_in(&self, request: SignIn) -> Result<ActiveSession, SignInError> {
        let SignIn { email, password, remember, client, network, is_known_device } = request;
        let AccountContext { sessions, policy, .. } = &self.0;
        let counted = self.admit(&email, is_known_device, &client).await?;
        let verified = self.verify(&email, network, password.clone()).await;
        if let Some(key) = counted
            && !matches!(verified, Err(SignInError::InvalidCredentials(_)))
        {
            self.0.uncount_password(&key).await;
        }
        let (user, stored) = verified?;
        if let Some(restriction) = self.restriction(&user) {
            return Err(SignInError::Restricted { user: user.id, restriction });
        }
        let stored = if policy.rehash { self.rehash(network, &user, password, stored).await? } else { stored };
        let id = sessions.next_id().await?;
        let session = self.0.new_session(id, &user.id, client, policy.sessions.lifetime_for(remember));
        // While the password was verified, it may have been changed or the user deleted. `create` then returns `false`.
        if sessions.create(&session, &stored).await? {
            Ok(ActiveSession::new(session, user))
        } else {
            Err(SignInError::InvalidCredentials(Some(user.id)))
        }
    }

    /// Counts the password, and returns the key under which it is counted, or an error if the limit has been reached.
    /// Returns `None` if the limit has been reached and the client is exempt from it.
    ///
    /// Runs the same queries for known and unknown email addresses: the response time must not reveal who has an
    /// account.
    async fn admit(
        &self,
        email: &Email,
        is_known_device: bool,
        client: &ClientInfo,
    ) -> Result<Option<String>, SignInError> {
        if is_known_device {
            let key = format!("device|{}", email.as_str());
            if self.0.count_password(&key).await? == Decision::Allowed {
                return Ok(Some(key));
            }
        }
        let key = format!("account|{}", email.as_str());
        let Decision::Refused { retry_after_seconds } = self.0.count_password(&key).await? else {
            return Ok(Some(key));
        };
        let address = client.ip_address.as_str();
        let AccountContext { sessions, clock, .. } = &self.0;
        if !address.is_empty() && sessions.has_session_from(email, address, clock.now()).await? {
            return Ok(None);
        }
        Err(SignInError::TooManyAttempts { retry_after_seconds })
    }

    /// Returns the user with this email address and password, and the stored hash.
    async fn verify(
        &self,
        email: &Email,
        network: ClientNetwork,
        password: Password,
    ) -> Result<(User, PasswordHash), SignInError> {
        let (user, stored) = match self.0.identity.find_credential(email).await? {
            Some(Credential { user, password }) => (Some(user), password),
            None => (None, None),
        };
        let is_right = self.0.hasher.verify(network, password, stored.clone()).await?;
        match (user, stored) {
            (Some(user), Some(stored)) if is_right => Ok((user, stored)),
            (user, _) => Err(SignInError::InvalidCredentials(user.map(|user| user.id))),
        }
    }

    /// Returns the restriction that keeps the user from signing in; if there are several, the one that Better Auth
    /// checks first.
    fn restriction(&self, user: &User) -> Option<SignInRestriction> {
        if self.0.policy.require_email_verification && !user.email_verified {
            Some(SignInRestriction::EmailNotVerified)
        } else if user.restrictions.is_banned(self.0.clock.now()) {
            Some(SignInRestriction::Banned)
        } else {
            user.restrictions.second_factor.then_some(SignInRestriction::SecondFactor)
        }
    }

    /// Replaces `old`, the hash of `password`, if its algorithm or cost is not current. Returns the new hash if it was
    /// stored, otherwise `old`.
    ///
    /// Keeps `old` if the current algorithm does not support the password or the hasher fails. The user is signed in
    /// nevertheless, and the next sign-in tries again.
    async fn rehash(
        &self,
        network: ClientNetwork,
        user: &User,
        password: Password,
        old: PasswordHash,
    ) -> Result<PasswordHash, StoreError> {
        let AccountContext { identity, hasher, clock, .. } = &self.0;
        if hasher.is_current(&old) {
            return Ok(old);
        }
        let Ok(password) = NewPassword::from_existing(password, hasher.algorithm()) else { return Ok(old) };
        let Ok(new) = hasher.hash(network, password).await else { return Ok(old) };
        let change = PasswordChange { user: user.id.clone(), old, new, at: clock.now(), only_session: None };
        let changed = identity.change_password(&change).await?;
        Ok(if changed { change.new } else { change.old })
    }
}
