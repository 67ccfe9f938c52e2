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

#[cfg(test)]
mod tests;

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
    /// The reason for the ban, if there is one.
    pub ban_reason: Option<BanReason>,
}

/// Errors from changing users.
#[derive(Debug, Error)]
pub enum UserAdminError {
    /// Another user has this email address.
    #[error("another user has this email address")]
    EmailTaken,
    /// Another user has this email address with capital letters.
    #[error(
        "another user has this email address, stored with capital letters, with which the user cannot sign in; see the \
         check `emails` of `taskbridge doctor`"
    )]
    EmailHasCapitalLetters,
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
        let ban_reason = self.users.ban_reason(user).await?;
        Ok(UserDetails { accounts, totals, ban_reason })
    }

    /// Checks that no user has this email address, also with capital letters, as another program may have stored it.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the email address is taken or the store fails.
    pub async fn check_email(&self, email: &Email) -> Result<(), UserAdminError> {
        if !self.users.has_email(email).await? {
            return Ok(());
        }
        let is_same = self.identity.find_credential(email).await?.is_some();
        Err(if is_same { UserAdminError::EmailTaken } else { UserAdminError::EmailHasCapitalLetters })
    }

    /// Creates a user with a password and without a session, whether or not users may sign up.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the email address is taken or a port fails.
    pub async fn create(&self, request: CreateUser) -> Result<User, UserAdminError> {
        let CreateUser { name, email, email_verified, password } = request;
        self.check_email(&email).await?;
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

    /// Bans the user until this time, or permanently, and ends all sessions of the user. Returns `true` if no user was
    /// banned before, so that a running server may not have noticed yet where the store keeps bans.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the user does not exist, if `until` is not in the future, or if a port fails.
    pub async fn ban(
        &self,
        user: &UserId,
        reason: Option<BanReason>,
        until: Option<Timestamp>,
    ) -> Result<bool, UserAdminError> {
        let at = self.clock.now();
        if until.is_some_and(|until| until <= at) {
            return Err(UserAdminError::BanHasEnded);
        }
        let is_first = !self.users.has_bans().await?;
        known(self.users.ban(&NewBan { user: user.clone(), reason, until, at }).await?)?;
        Ok(is_first)
    }

    /// Ends the ban of the user. Returns `false` and changes nothing if `user` is not banned.
    ///
    /// # Errors
    /// Returns a [`UserAdminError`] if the user does not exist or the store fails.
    pub async fn unban(&self, user: &User) -> Result<bool, UserAdminError> {
        if user.restrictions.ban.is_none() {
            return Ok(false);
        }
        known(self.users.unban(&user.id, self.clock.now()).await?)?;
        Ok(true)
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
