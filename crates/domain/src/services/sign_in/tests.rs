use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use mockall::predicate::eq;

use super::*;
use crate::ports::{MockRateLimiter, PasswordHasher};
use crate::rate_limit::{Decision, RateLimitState};
use crate::services::test_ports::{POLICY, Ports, credential};
use crate::services::{AccountPolicy, WRONG_PASSWORD_LIMIT};
use crate::testing::fixtures::{moment, user};
use crate::time::Timestamp;
use crate::users::{Ban, HashAlgorithm, Restrictions};

fn service(ports: Ports, policy: AccountPolicy) -> SignInService {
    SignInService::new(ports.context(policy))
}

/// Returns the network of the client.
fn here() -> ClientNetwork {
    ClientNetwork::of(Some("192.0.2.9".parse().unwrap()))
}

fn sign_in(email: &str) -> SignIn {
    SignIn {
        email: Email::parse(email).unwrap(),
        password: Password::parse("correct horse").unwrap(),
        remember: true,
        client: ClientInfo::default(),
        network: here(),
        is_known_device: false,
    }
}

#[tokio::test]
async fn every_failed_sign_in_verifies_once_and_creates_no_session() {
    let cases = [
        (None, None),
        (Some(Credential { user: user("ann"), password: None }), None),
        (Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }), Some("hashed")),
    ];
    for (credential, compared) in cases {
        let mut ports = Ports::new();
        let known = credential.as_ref().map(|credential| credential.user.id.clone());
        ports.identity.expect_find_credential().return_once(move |_| Ok(credential));
        ports
            .hasher
            .expect_verify()
            .times(1)
            .withf(move |network, _, stored| {
                *network == here() && stored.as_ref().map(PasswordHash::expose) == compared
            })
            .return_once(|_, _, _| Ok(false));
        let refused = service(ports, POLICY).sign_in(sign_in("ann@example.test")).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials(user_id)) if user_id == known));
    }
}

#[tokio::test]
async fn an_unknown_address_is_refused_even_if_the_hasher_accepts_the_password() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(None));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    assert!(matches!(
        service(ports, POLICY).sign_in(sign_in("a@b.co")).await,
        Err(SignInError::InvalidCredentials(None))
    ));
}

#[tokio::test]
async fn the_right_password_creates_a_session() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| {
        Ok(Some(Credential { user: user("ann"), password: Some(PasswordHash::new("hashed".into())) }))
    });
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports
        .sessions
        .expect_create()
        .withf(|session, password| {
            session.user_id.as_str() == "ann"
                && session.expires_at == moment().after(POLICY.sessions.lifetime)
                && password.expose() == "hashed"
        })
        .return_once(|_, _| Ok(true));
    let active = service(ports, POLICY).sign_in(sign_in("ann@example.test")).await.unwrap();
    assert_eq!(active.user(), &user("ann"));
}

#[tokio::test]
async fn sign_in_fails_if_the_password_is_changed_during_verification() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.sessions.expect_create().withf(|_, password| password.expose() == "old").return_once(|_, _| Ok(false));
    let refused = service(ports, POLICY).sign_in(sign_in("ann@example.test")).await;
    assert!(matches!(refused, Err(SignInError::InvalidCredentials(Some(user))) if user.as_str() == "ann"));
}

/// Returns a limiter that has reached the limit for the account of `ann`.
fn exhausted() -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_hit()
        .withf(|key, limit, now| (key, *limit, *now) == ("account|ann@example.test", WRONG_PASSWORD_LIMIT, moment()))
        .returning(|_, _, _| Ok(Decision::Refused { retry_after_seconds: 7 }));
    limiter
}

/// Returns a limiter that allows and counts one password for the account of `ann`, and expects that `uncounted`
/// passwords are uncounted.
fn counting(uncounted: usize) -> MockRateLimiter {
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_hit()
        .times(1)
        .withf(|key, limit, now| (key, *limit, *now) == ("account|ann@example.test", WRONG_PASSWORD_LIMIT, moment()))
        .return_once(|_, _, _| Ok(Decision::Allowed));
    limiter.expect_undo_hit().times(uncounted).with(eq("account|ann@example.test")).returning(|_| ());
    limiter
}

fn from(ip_address: &str) -> SignIn {
    let client = ClientInfo { ip_address: ip_address.into(), ..ClientInfo::default() };
    SignIn { client, ..sign_in("Ann@example.test") }
}

#[tokio::test]
async fn a_wrong_password_is_counted_for_known_and_unknown_addresses() {
    for known in [Some(credential("hashed")), None] {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(move |_| Ok(known));
        ports.hasher.expect_verify().return_once(|_, _, _| Ok(false));
        ports.limiter = Some(counting(0));
        let refused = service(ports, POLICY).sign_in(sign_in("Ann@example.test")).await;
        assert!(matches!(refused, Err(SignInError::InvalidCredentials(_))));
    }
}

#[tokio::test]
async fn the_right_password_is_not_counted() {
    for restrictions in [Restrictions::default(), Restrictions { second_factor: true, ..Restrictions::default() }] {
        let is_restricted = restrictions.second_factor;
        let mut ports = Ports::new();
        let found = Credential { user: User { restrictions, ..user("ann") }, ..credential("hashed") };
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(found)));
        ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
        ports.sessions.expect_create().returning(|_, _| Ok(true));
        ports.limiter = Some(counting(1));
        let outcome = service(ports, POLICY).sign_in(sign_in("Ann@example.test")).await;
        assert_eq!(outcome.is_err(), is_restricted);
    }
}

/// A busy hasher or an unavailable store must not lock a user out.
#[tokio::test]
async fn a_password_that_cannot_be_verified_is_not_counted() {
    let mut busy = Ports::new();
    busy.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
    busy.hasher.expect_verify().return_once(|_, _, _| Err(HashError::Busy));
    let mut unavailable = Ports::new();
    unavailable.identity.expect_find_credential().return_once(|_| Err(StoreError::Unavailable("no database".into())));
    for mut ports in [busy, unavailable] {
        ports.limiter = Some(counting(1));
        let outcome = service(ports, POLICY).sign_in(sign_in("Ann@example.test")).await;
        assert!(matches!(outcome, Err(SignInError::Hash(_) | SignInError::Store(_))), "{outcome:?}");
    }
}

/// A right password is counted while it is verified. It must not prolong the time for which wrong passwords count.
#[test]
fn a_password_does_not_extend_the_window() {
    let begun = RateLimitState { count: 50, window_start: moment() };
    let next = WRONG_PASSWORD_LIMIT.record(Some(begun), moment().after(WRONG_PASSWORD_LIMIT.window / 2));
    assert_eq!(next, RateLimitState { count: 51, window_start: moment() });
}

/// A hasher whose verification never ends.
struct NeverDone;

#[async_trait]
impl PasswordHasher for NeverDone {
    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::Bcrypt
    }

    fn is_current(&self, _: &PasswordHash) -> bool {
        true
    }

    async fn hash(&self, _: ClientNetwork, _: NewPassword) -> Result<PasswordHash, HashError> {
        pending().await
    }

    async fn verify(&self, _: ClientNetwork, _: Password, _: Option<PasswordHash>) -> Result<bool, HashError> {
        pending().await
    }
}

/// Otherwise, a client could guess any number of passwords: a wrong password takes longer than the right one, so the
/// client could disconnect as soon as it knows that the password is wrong.
#[tokio::test]
async fn a_password_is_counted_even_if_the_client_disconnects_during_the_verification() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
    ports.limiter = Some(counting(0));
    let context = AccountContext { hasher: Arc::new(NeverDone), ..ports.context(POLICY) };
    assert!(SignInService::new(context).sign_in(sign_in("Ann@example.test")).now_or_never().is_none());
}

/// Once the limit is reached, the user is not read and the password is not verified: the mocks expect no such call and
/// would panic.
#[tokio::test]
async fn after_too_many_wrong_passwords_unknown_clients_are_refused() {
    for ip_address in ["192.0.2.1", ""] {
        let mut ports = Ports::new();
        ports.sessions.expect_has_session_from().returning(|_, _, _| Ok(false));
        ports.limiter = Some(exhausted());
        let refused = service(ports, POLICY).sign_in(from(ip_address)).await;
        assert!(matches!(refused, Err(SignInError::TooManyAttempts { retry_after_seconds: 7 })), "{ip_address:?}");
    }
}

#[tokio::test]
async fn after_too_many_wrong_passwords_a_user_signs_in_from_an_address_with_a_session() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
    ports
        .sessions
        .expect_has_session_from()
        .withf(|email, address, now| (email.as_str(), address, *now) == ("ann@example.test", "192.0.2.1", moment()))
        .return_once(|_, _, _| Ok(true));
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.limiter = Some(exhausted());
    assert!(service(ports, POLICY).sign_in(from("192.0.2.1")).await.is_ok());
}

/// For a known device, the limit for the account is not used: the mock expects only the key for devices and would
/// panic.
#[tokio::test]
async fn wrong_passwords_from_known_devices_are_counted_separately() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("hashed"))));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(false));
    let mut limiter = MockRateLimiter::new();
    limiter
        .expect_hit()
        .times(1)
        .withf(|key, limit, _now| (key, *limit) == ("device|ann@example.test", WRONG_PASSWORD_LIMIT))
        .return_once(|_, _, _| Ok(Decision::Allowed));
    ports.limiter = Some(limiter);
    let refused = service(ports, POLICY).sign_in(SignIn { is_known_device: true, ..from("192.0.2.1") }).await;
    assert!(matches!(refused, Err(SignInError::InvalidCredentials(Some(_)))));
}

/// A known device that has reached its own limit is treated like any other client.
#[tokio::test]
async fn known_devices_have_a_limit_too() {
    for (of_account, is_signed_in, expected) in [(true, false, true), (false, true, true), (false, false, false)] {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().returning(|_| Ok(Some(credential("hashed"))));
        ports.hasher.expect_verify().returning(|_, _, _| Ok(true));
        ports.sessions.expect_create().returning(|_, _| Ok(true));
        ports.sessions.expect_has_session_from().returning(move |_, _, _| Ok(is_signed_in));
        let mut limiter = MockRateLimiter::new();
        limiter.expect_hit().returning(move |key, _, _| {
            let is_allowed = key.starts_with("account|") && of_account;
            Ok(if is_allowed { Decision::Allowed } else { Decision::Refused { retry_after_seconds: 7 } })
        });
        limiter.expect_undo_hit().times(usize::from(of_account)).returning(|_| ());
        ports.limiter = Some(limiter);
        let result = service(ports, POLICY).sign_in(SignIn { is_known_device: true, ..from("192.0.2.1") }).await;
        assert_eq!(result.is_ok(), expected);
    }
}

/// A restricted user gets no session: the mock does not expect a call of `create` and would panic.
#[tokio::test]
async fn the_restriction_of_a_user_is_reported_only_if_the_password_is_right() {
    let must_verify = AccountPolicy { require_email_verification: true, ..POLICY };
    let banned = Restrictions { ban: Some(Ban { until: None }), second_factor: true };
    let expired = Restrictions { ban: Some(Ban { until: Some(Timestamp::EPOCH) }), second_factor: true };
    for (policy, email_verified, restrictions, expected) in [
        (must_verify, false, banned, SignInRestriction::EmailNotVerified),
        (must_verify, true, banned, SignInRestriction::Banned),
        (POLICY, false, banned, SignInRestriction::Banned),
        (POLICY, true, expired, SignInRestriction::SecondFactor),
    ] {
        for is_right in [true, false] {
            let mut ports = Ports::new();
            let user = User { email_verified, restrictions, ..user("ann") };
            let found = Credential { user, ..credential("hashed") };
            ports.identity.expect_find_credential().return_once(move |_| Ok(Some(found)));
            ports.hasher.expect_verify().return_once(move |_, _, _| Ok(is_right));
            match service(ports, policy).sign_in(sign_in("ann@example.test")).await {
                Err(SignInError::Restricted { restriction, .. }) if is_right => assert_eq!(restriction, expected),
                Err(SignInError::InvalidCredentials(_)) if !is_right => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_if_the_policy_says_so() {
    for (rehash, is_current, replaced) in [(true, false, 1), (true, true, 0), (false, false, 0)] {
        let mut ports = Ports::new();
        ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
        ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
        ports.hasher.expect_is_current().returning(move |_| is_current);
        ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
        ports
            .hasher
            .expect_hash()
            .times(replaced)
            .withf(|network, _| *network == here())
            .returning(|_, _| Ok(PasswordHash::new("new".into())));
        ports
            .identity
            .expect_change_password()
            .times(replaced)
            .withf(|PasswordChange { user, old, new, at, only_session }| {
                (user.as_str(), old.expose(), new.expose(), *at) == ("ann", "old", "new", moment())
                    && only_session.is_none()
            })
            .returning(|_| Ok(true));
        ports.sessions.expect_create().return_once(|_, _| Ok(true));
        let policy = AccountPolicy { rehash, ..POLICY };
        assert!(service(ports, policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
    }
}

/// The sign-in keeps the stored hash: the mock does not expect a call of `change_password` and would panic.
#[tokio::test]
async fn sign_in_succeeds_if_the_hasher_is_too_busy_to_replace_the_hash() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.hasher.expect_is_current().return_const(false);
    ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
    ports.hasher.expect_hash().return_once(|_, _| Err(HashError::Busy));
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    let policy = AccountPolicy { rehash: true, ..POLICY };
    assert!(service(ports, policy).sign_in(sign_in("Ann@example.test")).await.is_ok());
}

/// The sign-in keeps the stored hash: the mock does not expect a call of `change_password` and would panic.
#[tokio::test]
async fn sign_in_succeeds_if_the_new_algorithm_does_not_support_the_password() {
    let mut ports = Ports::new();
    ports.identity.expect_find_credential().return_once(|_| Ok(Some(credential("old"))));
    ports.hasher.expect_verify().return_once(|_, _, _| Ok(true));
    ports.hasher.expect_is_current().return_const(false);
    ports.hasher.expect_algorithm().return_const(HashAlgorithm::Bcrypt);
    ports.sessions.expect_create().return_once(|_, _| Ok(true));
    let password = Password::parse(&"x".repeat(100)).unwrap();
    let policy = AccountPolicy { rehash: true, ..POLICY };
    let request = SignIn { password, ..sign_in("Ann@example.test") };
    assert!(service(ports, policy).sign_in(request).await.is_ok());
}
