//! Who is calling, and what that gives the right to.
//!
//! [`Authenticator`], [`Principal`] and [`Owner`] share this module because their fields are private to it:
//! no other code, in this crate or outside, can make one.

use std::sync::Arc;

use thiserror::Error;

use crate::ports::{AuthError, AuthPort};
use crate::users::UserId;

/// Turns a token into a [`Principal`]; the only maker of one.
pub struct Authenticator(Arc<dyn AuthPort>);

impl Authenticator {
    /// An authenticator that trusts what `auth` verifies.
    #[must_use]
    pub fn new(auth: Arc<dyn AuthPort>) -> Self {
        Self(auth)
    }

    /// The caller a bearer token speaks for.
    ///
    /// # Errors
    /// [`AuthError`] as the port gives it: the token is not good, or cannot be checked now.
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
    /// Who is calling.
    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.id
    }

    /// The right to the data of the user a request names, if that is the caller, byte for byte.
    ///
    /// # Errors
    /// [`AccessError`] when it is somebody else.
    pub fn owner_of(self, requested: &UserId) -> Result<Owner, AccessError> {
        if self.id == *requested { Ok(Owner(self.id)) } else { Err(AccessError) }
    }
}

/// The data of another user was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the data of another user was asked for")]
pub struct AccessError;

/// The right to one user's data. Every method of [`TaskRepo`](crate::ports::TaskRepo) wants one.
#[derive(Debug)]
pub struct Owner(UserId);

impl Owner {
    /// The user whose data it is: what an adapter filters by.
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
    async fn a_caller_owns_what_bears_the_same_id_and_nothing_else() {
        assert_eq!(principal("alice").await.owner_of(&user_id("alice")).unwrap().id(), &user_id("alice"));
        for other in ["bob", "Alice", "alice ", "alic", "ａlice", "alice\u{200b}"] {
            assert_eq!(principal("alice").await.owner_of(&user_id(other)).unwrap_err(), AccessError, "{other:?}");
        }
    }
}
