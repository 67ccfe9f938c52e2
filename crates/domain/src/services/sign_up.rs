//! Sign-up.

use thiserror::Error;

use super::account::AccountContext;
use super::active_session::ActiveSession;
use crate::client_network::ClientNetwork;
use crate::ports::{HashError, RegisterError, Registration, StoreError};
use crate::sessions::ClientInfo;
use crate::users::{Email, InvalidPassword, NewPassword, Restrictions, User, UserImage, UserName};

/// Input of [`SignUpService::sign_up`].
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The name of the user.
    pub name: UserName,
    /// The email address of the user.
    pub email: Email,
    /// The password, or the error from parsing it. The service returns that error only if sign-up is enabled.
    pub password: Result<NewPassword, InvalidPassword>,
    /// The URL of a picture of the user.
    pub image: Option<UserImage>,
    /// Whether the session continues after the browser has been closed.
    pub remember: bool,
    /// The client that sent the request.
    pub client: ClientInfo,
    /// The network of this client.
    pub network: ClientNetwork,
}

/// The result of a sign-up.
#[derive(Debug)]
pub enum SignUpOutcome {
    /// The user is signed in.
    SignedIn(ActiveSession),
    /// The user must verify their email address before they sign in. If the address is taken, the contained user does
    /// not exist in the store, so that the outcome does not reveal that the address is taken.
    Unverified(User),
}

/// Errors from signing up.
#[derive(Debug, Error)]
pub enum SignUpError {
    /// The operator has disabled sign-up.
    #[error("sign-up is disabled")]
    Disabled,
    /// The password is invalid.
    #[error(transparent)]
    Password(#[from] InvalidPassword),
    /// Another user has this email address.
    #[error("another user has this email address")]
    EmailTaken,
    /// The password could not be hashed or verified; see [`HashError`].
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates users who sign in with an email address and a password.
pub struct SignUpService(AccountContext);

impl SignUpService {
    /// Creates a service that uses the ports and the policy of `context`.
    #[must_use]
    pub fn new(context: AccountContext) -> Self {
        Self(context)
    }

    /// Parses the password of a new user.
    ///
    /// # Errors
    /// Returns an [`InvalidPassword`] that says which rule the password breaks.
    pub fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        self.0.new_password(typed)
    }

    /// Creates a user with a password, and signs them in unless they must verify their email address first.
    ///
    /// # Errors
    /// Returns a [`SignUpError`] if sign-up is disabled, the password is invalid, the email address is taken, or a port
    /// fails. After an error, nothing has been stored, unless the error is [`StoreError::OutcomeUnknown`].
    pub async fn sign_up(&self, request: SignUp) -> Result<SignUpOutcome, SignUpError> {
        let SignUp { name, email, password, image, remember, client, network } = request;
        let AccountContext { identity, hasher, clock, policy, .. } = &self.0;
        if !policy.allow_sign_up {
            return Err(SignUpError::Disabled);
        }
        let password = password?;
        let must_verify = policy.require_email_verification;
        // This check only avoids hashing in vain: `register` finally decides whether the address is taken. If addresses
        // must be verified, the password is always hashed and ids are always generated, so that the response time does
        // not reveal a taken address.
        let is_taken = identity.find_credential(&email).await?.is_some();
        if is_taken && !must_verify {
            return Err(SignUpError::EmailTaken);
        }
        let password = hasher.hash(network, password).await?;
        let ids = identity.next_ids().await?;
        let (id, now) = (ids.user, clock.now());
        let restrictions = Restrictions::default();
        let user =
            User { id, name, email, email_verified: false, image, created_at: now, updated_at: now, restrictions };
        if is_taken {
            return Ok(SignUpOutcome::Unverified(user));
        }
        let lifetime = policy.sessions.lifetime_for(remember);
        let session = (!must_verify).then(|| self.0.new_session(ids.session, &user.id, client, lifetime));
        let registration = Registration { user, account_id: ids.account, password, session };
        match identity.register(&registration).await {
            Ok(()) => {}
            Err(RegisterError::EmailTaken) if must_verify => {}
            Err(RegisterError::EmailTaken) => return Err(SignUpError::EmailTaken),
            Err(RegisterError::Store(error)) => return Err(error.into()),
        }
        let Registration { user, session, .. } = registration;
        Ok(match session {
            Some(session) => SignUpOutcome::SignedIn(ActiveSession::new(session, user)),
            None => SignUpOutcome::Unverified(user),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Credential, IdentityRepo};
    use crate::services::AccountPolicy;
    use crate::services::test_ports::{POLICY, Ports, credential};
    use crate::testing::fixtures::{moment, user};
    use crate::users::{HashAlgorithm, PasswordHash};

    fn service(ports: Ports, policy: AccountPolicy) -> SignUpService {
        SignUpService::new(ports.context(policy))
    }

    fn sign_up(remember: bool) -> SignUp {
        SignUp {
            name: UserName::parse("Ann").unwrap(),
            email: Email::parse("Ann@example.test").unwrap(),
            password: NewPassword::parse("correct horse", HashAlgorithm::Bcrypt),
            image: None,
            remember,
            client: ClientInfo::default(),
            network: ClientNetwork::UNKNOWN,
        }
    }

    fn signed_in(signed_up: SignUpOutcome) -> ActiveSession {
        let SignUpOutcome::SignedIn(active) = signed_up else { panic!("{signed_up:?}") };
        active
    }

    #[tokio::test]
    async fn sign_up_registers_user_password_and_session_together() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
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
                            && session.token.expose() != session.id
                            && [user.id.as_str(), account_id, &session.id] == ["user-1", "account-1", "session-1"]
                    })
            })
            .return_once(|_| Ok(()));
        let active = signed_in(service(ports, POLICY).sign_up(sign_up(true)).await.unwrap());
        assert_eq!(active.user().id, active.session().user_id);
        assert_eq!(active.user().created_at, moment());
    }

    #[tokio::test]
    async fn a_user_who_is_not_remembered_gets_a_short_session() {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Ok(()));
        let active = signed_in(service(ports, POLICY).sign_up(sign_up(false)).await.unwrap());
        assert_eq!(active.session().expires_at, moment().after(POLICY.sessions.unremembered_lifetime));
    }

    #[tokio::test]
    async fn a_taken_address_is_refused_before_hashing_and_by_the_store() {
        let mut ports = Ports::new();
        ports
            .identity
            .expect_find_credential()
            .return_once(|_| Ok(Some(Credential { user: user("ann"), password: None })));
        assert!(matches!(service(ports, POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));

        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
        ports.identity.expect_register().return_once(|_| Err(RegisterError::EmailTaken));
        assert!(matches!(service(ports, POLICY).sign_up(sign_up(true)).await, Err(SignUpError::EmailTaken)));
    }

    #[tokio::test]
    async fn disabled_sign_up_calls_no_port() {
        let policy = AccountPolicy { allow_sign_up: false, ..POLICY };
        for password in ["short", "correct horse"] {
            let request = SignUp { password: NewPassword::parse(password, HashAlgorithm::Bcrypt), ..sign_up(true) };
            let refused = service(Ports::new(), policy).sign_up(request).await;
            assert!(matches!(refused, Err(SignUpError::Disabled)));
        }
    }

    #[tokio::test]
    async fn an_invalid_password_calls_no_port() {
        let request = SignUp { password: NewPassword::parse("short", HashAlgorithm::Bcrypt), ..sign_up(true) };
        let refused = service(Ports::new(), POLICY).sign_up(request).await;
        assert!(matches!(refused, Err(SignUpError::Password(InvalidPassword::TooShort))));
    }

    #[tokio::test]
    async fn without_new_ids_no_user_is_registered() {
        let mut ports = Ports::new();
        ports.identity.checkpoint();
        ports.identity.expect_find_credential().return_once(|_| Ok(None));
        ports.identity.expect_next_ids().return_once(|| Err(StoreError::Unavailable("away".into())));
        ports.hasher.expect_hash().return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
        let refused = service(ports, POLICY).sign_up(sign_up(true)).await;
        assert!(matches!(refused, Err(SignUpError::Store(StoreError::Unavailable(_)))));
    }

    /// If the email address is taken, the outcome is the same as for a free one. The password is hashed and ids are
    /// generated as well, so that neither the response nor its time reveals that the address is taken.
    #[tokio::test]
    async fn sign_up_creates_no_session_if_the_address_must_be_verified() {
        let policy = AccountPolicy { require_email_verification: true, ..POLICY };
        for (known, registered) in
            [(None, Some(Ok(()))), (None, Some(Err(RegisterError::EmailTaken))), (Some(credential("hashed")), None)]
        {
            let mut ports = Ports::new();
            let ids = ports.identity.next_ids().await.unwrap();
            ports.identity.checkpoint();
            ports.identity.expect_next_ids().times(1).return_once(|| Ok(ids));
            ports.identity.expect_find_credential().return_once(move |_| Ok(known));
            ports.hasher.expect_hash().times(1).return_once(|_, _| Ok(PasswordHash::new("hashed".into())));
            if let Some(registered) = registered {
                let register = ports.identity.expect_register();
                register.withf(|registration| registration.session.is_none()).return_once(move |_| registered);
            }
            let signed_up = service(ports, policy).sign_up(sign_up(true)).await.unwrap();
            assert!(matches!(signed_up, SignUpOutcome::Unverified(user) if user.email.as_str() == "ann@example.test"));
        }
    }
}
