//! Changes that signed-in users make to their own profile, password and account.

use thiserror::Error;

use super::account::AccountContext;
use super::active_session::ActiveSession;
use crate::client_network::ClientNetwork;
use crate::ports::{HashError, PasswordChange, StoreError};
use crate::rate_limit::Decision;
use crate::sessions::{ClientInfo, Session};
use crate::users::{Account, InvalidPassword, NewPassword, Password, PasswordHash, ProfileUpdate, UserId};

/// Input of [`ProfileService::change_password`].
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// The current password.
    pub current: Password,
    /// The new password.
    pub new: NewPassword,
    /// Whether to end all existing sessions of the user and create a new one.
    pub revoke_sessions: bool,
    /// The client of the new session, if one is created.
    pub client: ClientInfo,
    /// The network of this client.
    pub network: ClientNetwork,
}

/// Input of [`ProfileService::delete`].
#[derive(Debug, Clone, Default)]
pub struct DeleteUser {
    /// The password of the user. It may be `None` only if the session is fresh.
    pub password: Option<Password>,
    /// A token from a confirmation email. Taskbridge does not send such emails, so every token is invalid.
    pub token: Option<String>,
    /// The network of the client that sent the request.
    pub network: ClientNetwork,
}

/// Errors from confirming or changing a password.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// The user signs in without a password.
    #[error("the user has no password")]
    NoPassword,
    /// The password does not match.
    #[error("wrong password")]
    Wrong,
    /// The limit of wrong passwords for this user has been reached. The password was not checked.
    #[error("too many wrong passwords for one account")]
    TooManyAttempts {
        /// Seconds to wait before the next attempt.
        retry_after_seconds: u64,
    },
    /// The password could not be hashed or verified; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Errors from deleting a user.
#[derive(Debug, Error)]
pub enum DeleteUserError {
    /// The operator has not enabled deletion.
    #[error("users may not delete themselves")]
    Disabled,
    /// The password is wrong or cannot be checked, or the user cannot be deleted from the store.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The confirmation token is invalid.
    #[error("invalid confirmation token")]
    InvalidToken,
    /// No password was given, and the session is not fresh.
    #[error("the session is not fresh")]
    NotFresh,
}

/// Reads and changes the profile, password and account of a signed-in user.
pub struct ProfileService(AccountContext);

impl ProfileService {
    /// Creates a service that uses the ports and the policy of `context`.
    #[must_use]
    pub fn new(context: AccountContext) -> Self {
        Self(context)
    }

    /// Returns `true` if users may delete themselves.
    #[must_use]
    pub fn allows_deletion(&self) -> bool {
        self.0.policy.allow_deletion
    }

    /// Parses the new password of a user.
    ///
    /// # Errors
    /// Returns an [`InvalidPassword`] that says which rule the password breaks.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        self.0.new_password(typed)
    }

    /// Returns the accounts of the user, at most [`Account::MAX_LISTED`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn accounts(&self, active: &ActiveSession) -> Result<Vec<Account>, StoreError> {
        self.0.identity.list_accounts(&active.user.id, Account::MAX_LISTED).await
    }

    /// Updates the profile. Returns `false` if the user no longer exists.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn update(&self, active: &ActiveSession, update: &ProfileUpdate) -> Result<bool, StoreError> {
        self.0.identity.update_profile(&active.user.id, update, self.0.clock.now()).await
    }

    /// Checks that `password`, which a client in `network` has sent, is the password of the user.
    ///
    /// # Errors
    /// Returns a [`PasswordError`] if the password is wrong or cannot be checked.
    pub async fn verify_password(
        &self,
        active: &ActiveSession,
        network: ClientNetwork,
        password: Password,
    ) -> Result<(), PasswordError> {
        self.confirm(&active.user.id, network, password).await.map(drop)
    }

    /// Changes the password. If `revoke_sessions` is `true`, also ends all sessions of the user and returns a new
    /// session.
    ///
    /// # Errors
    /// Returns a [`PasswordError`] if the current password is wrong or a port fails. After an error, nothing has been
    /// changed, unless the error is [`StoreError::OutcomeUnknown`].
    pub async fn change_password(
        &self,
        active: &ActiveSession,
        request: ChangePassword,
    ) -> Result<Option<Session>, PasswordError> {
        let ChangePassword { current, new, revoke_sessions, client, network } = request;
        let AccountContext { identity, sessions, hasher, clock, policy, .. } = &self.0;
        let user = &active.user.id;
        let old = self.confirm(user, network, current).await?;
        let new = hasher.hash(network, new).await?;
        let session = if revoke_sessions {
            Some(self.0.new_session(sessions.next_id().await?, user, client, policy.sessions.lifetime))
        } else {
            None
        };
        let at = clock.now();
        let change = PasswordChange { user: user.clone(), old, new, at, only_session: session.clone() };
        // `false` means that another request has changed the password meanwhile, so `current` is no longer the right
        // password.
        if identity.change_password(&change).await? { Ok(session) } else { Err(PasswordError::Wrong) }
    }

    /// Deletes the user with their accounts, sessions and tasks.
    ///
    /// # Errors
    /// Returns a [`DeleteUserError`] if deletion is disabled or not confirmed, or if a port fails. After an error,
    /// nothing has been deleted, unless the error is [`StoreError::OutcomeUnknown`].
    pub async fn delete(&self, active: &ActiveSession, request: DeleteUser) -> Result<(), DeleteUserError> {
        let AccountContext { identity, clock, policy, .. } = &self.0;
        if !policy.allow_deletion {
            return Err(DeleteUserError::Disabled);
        }
        let DeleteUser { password, token, network } = request;
        let is_confirmed = password.is_some();
        if let Some(password) = password {
            self.confirm(&active.user.id, network, password).await?;
        }
        if token.is_some() {
            return Err(DeleteUserError::InvalidToken);
        }
        if !is_confirmed && !active.session.is_fresh(clock.now(), &policy.sessions) {
            return Err(DeleteUserError::NotFresh);
        }
        identity.delete(&active.user.id).await.map_err(PasswordError::Store)?;
        Ok(())
    }

    /// Returns the stored hash if it is a hash of `password`, otherwise an error.
    ///
    /// The number of wrong passwords is limited, so that an attacker with a stolen session cannot make an unlimited
    /// number of guesses. The same limit applies at sign-in, but wrong passwords at sign-in are counted separately, so
    /// that an attacker without a session cannot prevent the user from changing the password.
    async fn confirm(
        &self,
        user: &UserId,
        network: ClientNetwork,
        password: Password,
    ) -> Result<PasswordHash, PasswordError> {
        let Some(stored) = self.0.identity.find_password(user).await? else { return Err(PasswordError::NoPassword) };
        let key = format!("user|{user}");
        if let Decision::Refused { retry_after_seconds } = self.0.count_password(&key).await? {
            return Err(PasswordError::TooManyAttempts { retry_after_seconds });
        }
        let verified = self.0.hasher.verify(network, password, Some(stored.clone())).await;
        if !matches!(verified, Ok(false)) {
            self.0.uncount_password(&key).await;
        }
        if verified? { Ok(stored) } else { Err(PasswordError::Wrong) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mockall::predicate::eq;

    use super::*;
    use crate::ports::MockRateLimiter;
    use crate::rate_limit::RateLimit;
    use crate::services::test_ports::{POLICY, Ports};
    use crate::services::{AccountPolicy, WRONG_PASSWORD_LIMIT};
    use crate::sessions::SessionPolicy;
    use crate::testing::fixtures::{moment, session, user, user_id};

    fn service(ports: Ports, policy: AccountPolicy) -> ProfileService {
        ProfileService::new(ports.context(policy))
    }

    /// Returns ports that expect one read of the stored hash of the user `ann` and one verification, which returns
    /// `is_right`.
    fn with_password(is_right: bool) -> Ports {
        let mut ports = Ports::new();
        ports
            .identity
            .expect_find_password()
            .withf(|user| user.as_str() == "ann")
            .return_once(|_| Ok(Some(PasswordHash::new("stored".into()))));
        ports
            .hasher
            .expect_verify()
            .withf(|network, given, stored| {
                *network == here()
                    && given.expose() == "given"
                    && stored.as_ref().is_some_and(|stored| stored.expose() == "stored")
            })
            .return_once(move |_, _, _| Ok(is_right));
        ports
    }

    fn ann() -> ActiveSession {
        ActiveSession::new(session("ann"), user("ann"))
    }

    /// Returns the network of the client.
    fn here() -> ClientNetwork {
        ClientNetwork::of(Some("192.0.2.9".parse().unwrap()))
    }

    fn given() -> Password {
        Password::parse("given").unwrap()
    }

    fn update(revoke_sessions: bool) -> ChangePassword {
        let new = NewPassword::parse("new password", crate::users::HashAlgorithm::Bcrypt).unwrap();
        let client = ClientInfo { ip_address: "192.0.2.9".into(), user_agent: "elsewhere".into() };
        ChangePassword { current: given(), new, revoke_sessions, client, network: here() }
    }

    #[tokio::test]
    async fn a_confirmed_password_is_replaced() {
        for (revoke, changed) in [(false, true), (true, true), (true, false)] {
            let mut ports = with_password(true);
            ports
                .hasher
                .expect_hash()
                .withf(|network, _| *network == here())
                .return_once(|_, _| Ok(PasswordHash::new("new".into())));
            ports
                .identity
                .expect_change_password()
                .withf(move |PasswordChange { user, old, new, at, only_session }| {
                    (user.as_str(), old.expose(), new.expose(), *at) == ("ann", "stored", "new", moment())
                        && only_session.is_some() == revoke
                })
                .return_once(move |_| Ok(changed));
            let outcome = service(ports, POLICY).change_password(&ann(), update(revoke)).await;
            match outcome {
                Ok(None) => assert!(!revoke && changed),
                Ok(Some(Session { user_id: owner, created_at, expires_at, client, token, .. })) => {
                    assert!(revoke && changed && token != session("ann").token);
                    assert_eq!((owner, created_at), (user_id("ann"), moment()));
                    assert_eq!(expires_at, moment().after(SessionPolicy::DEFAULT.lifetime));
                    assert_eq!(client.user_agent, "elsewhere");
                }
                Err(PasswordError::Wrong) => assert!(!changed, "a concurrent change came first"),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    /// After a wrong password, nothing is hashed or stored: the mocks expect no such call and would panic.
    #[tokio::test]
    async fn a_wrong_password_changes_nothing() {
        let outcome = service(with_password(false), POLICY).change_password(&ann(), update(true)).await;
        assert!(matches!(outcome, Err(PasswordError::Wrong)));
        let mut ports = Ports::new();
        ports.identity.expect_find_password().return_once(|_| Ok(None));
        let outcome = service(ports, POLICY).change_password(&ann(), update(true)).await;
        assert!(matches!(outcome, Err(PasswordError::NoPassword)));
    }

    fn is_anns(key: &str, limit: RateLimit) -> bool {
        key == "user|ann" && limit == WRONG_PASSWORD_LIMIT
    }

    #[tokio::test]
    async fn wrong_passwords_are_counted_and_not_checked_over_the_limit() {
        let limiter = |decision| {
            let mut limiter = MockRateLimiter::new();
            let hit = limiter.expect_hit().times(1).withf(|key, limit, _| is_anns(key, *limit));
            hit.return_once(move |_, _, _| Ok(decision));
            limiter
        };
        for (is_right, uncounted) in [(true, 1), (false, 0)] {
            let mut ports = with_password(is_right);
            let mut limiter = limiter(Decision::Allowed);
            limiter.expect_undo_hit().times(uncounted).with(eq("user|ann")).returning(|_| ());
            ports.limiter = Some(limiter);
            assert_eq!(service(ports, POLICY).verify_password(&ann(), here(), given()).await.is_ok(), is_right);
        }
        let mut ports = Ports::new();
        ports.identity.expect_find_password().return_once(|_| Ok(Some(PasswordHash::new("stored".into()))));
        ports.hasher.expect_verify().return_once(|_, _, _| Err(HashError::Busy));
        let mut busy = limiter(Decision::Allowed);
        busy.expect_undo_hit().times(1).with(eq("user|ann")).returning(|_| ());
        ports.limiter = Some(busy);
        let outcome = service(ports, POLICY).verify_password(&ann(), here(), given()).await;
        assert!(matches!(outcome, Err(PasswordError::Hash(HashError::Busy))));
        let mut ports = Ports::new();
        ports.identity.expect_find_password().return_once(|_| Ok(Some(PasswordHash::new("stored".into()))));
        ports.limiter = Some(limiter(Decision::Refused { retry_after_seconds: 7 }));
        let refused = service(ports, POLICY).verify_password(&ann(), here(), given()).await;
        assert!(matches!(refused, Err(PasswordError::TooManyAttempts { retry_after_seconds: 7 })));
    }

    fn expecting_deletion(mut ports: Ports) -> Ports {
        ports.identity.expect_delete().withf(|user| user.as_str() == "ann").times(1).return_once(|_| Ok(()));
        ports
    }

    #[tokio::test]
    async fn a_user_is_deleted_with_a_fresh_session_or_a_password() {
        let fresh = moment().after(SessionPolicy::DEFAULT.fresh_age.saturating_sub(Duration::from_millis(1)));
        assert!(
            service(expecting_deletion(Ports::at(fresh)), POLICY).delete(&ann(), DeleteUser::default()).await.is_ok()
        );
        let by_password = DeleteUser { password: Some(given()), token: None, network: here() };
        let ports = expecting_deletion(with_password(true));
        assert!(service(ports, POLICY).delete(&ann(), by_password).await.is_ok());
    }

    #[tokio::test]
    async fn a_user_is_not_deleted_without_confirmation() {
        let stale = moment().after(SessionPolicy::DEFAULT.fresh_age);
        let outcome = service(Ports::at(stale), POLICY).delete(&ann(), DeleteUser::default()).await;
        assert!(matches!(outcome, Err(DeleteUserError::NotFresh)));
        let by_password = DeleteUser { password: Some(given()), token: None, network: here() };
        let outcome = service(with_password(false), POLICY).delete(&ann(), by_password.clone()).await;
        assert!(matches!(outcome, Err(DeleteUserError::Password(PasswordError::Wrong))));
        let by_token = DeleteUser { token: Some("made-up".into()), ..DeleteUser::default() };
        let outcome = service(Ports::new(), POLICY).delete(&ann(), by_token).await;
        assert!(matches!(outcome, Err(DeleteUserError::InvalidToken)));
        let policy = AccountPolicy { allow_deletion: false, ..POLICY };
        let outcome = service(Ports::new(), policy).delete(&ann(), by_password).await;
        assert!(matches!(outcome, Err(DeleteUserError::Disabled)));
    }
}
