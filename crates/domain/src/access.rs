//! Authentication of callers, and authorization to access the data of one user.
//!
//! [`Authenticator`], [`Principal`] and [`Owner`] share this module because their fields are private to it: no other
//! code, in this crate or outside, can construct them.

use std::sync::Arc;

use thiserror::Error;

use crate::ports::{AuthError, AuthPort};
use crate::users::UserId;

/// Authenticates callers. The only source of a [`Principal`].
pub struct Authenticator(Arc<dyn AuthPort>);

impl Authenticator {
    /// Creates an authenticator that trusts the tokens that `auth` accepts.
    #[must_use]
    pub fn new(auth: Arc<dyn AuthPort>) -> Self {
        Self(auth)
    }

    /// Verifies a bearer token and returns the caller.
    ///
    /// # Errors
    /// Returns the [`AuthError`] of the port if the token is invalid or cannot be verified at the moment.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, AuthError> {
        let claims = self.0.verify(token).await?;
        Ok(Principal { id: claims.subject })
    }
}

/// An authenticated caller.
#[derive(Debug)]
pub struct Principal {
    id: UserId,
}

impl Principal {
    /// Returns the id of the caller.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// Authorizes the caller to access the data of the user `requested`, whom the request names, if that user is the
    /// caller. The ids are compared byte for byte.
    ///
    /// # Errors
    /// Returns [`AccessError`] if `requested` is another user.
    pub fn owner_of(self, requested: &UserId) -> Result<Owner, AccessError> {
        if self.id == *requested { Ok(Owner(self.id)) } else { Err(AccessError) }
    }
}

/// The error returned if a caller requests the data of another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the data of another user was requested")]
pub struct AccessError;

/// The authorization to access the data of one user. Every method of [`TaskRepo`](crate::ports::TaskRepo) requires it.
#[derive(Debug)]
pub struct Owner(UserId);

impl Owner {
    /// Returns the id of the user whose data may be accessed. Adapters use it to select only the tasks of this user.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::{principal, user_id};

    #[tokio::test]
    async fn a_caller_may_access_only_the_data_of_exactly_their_own_id() {
        assert_eq!(principal("alice").await.owner_of(&user_id("alice")).unwrap().id(), &user_id("alice"));
        for other in ["bob", "Alice", "alice ", "alic", "ａlice", "alice\u{200b}"] {
            assert_eq!(principal("alice").await.owner_of(&user_id(other)).unwrap_err(), AccessError, "{other:?}");
        }
    }
}
