//! Sessions of signed-in users.

use std::sync::Arc;

use thiserror::Error;

use super::active_session::ActiveSession;
use crate::ports::{Clock, PublicKey, SessionRepo, SigningError, StoreError, TokenIssuer};
use crate::sessions::{Jwt, Session, SessionPolicy, SessionToken};
use crate::users::User;

/// Whether resuming a session may extend its expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Renewal {
    /// Extends the expiry if [`Session::is_due_for_renewal`] returns `true`.
    #[default]
    WhenDue,
    /// Never extends the expiry, because the user has chosen not to be remembered or the client has asked for no
    /// renewal.
    Never,
}

/// Errors from listing the sessions of a user.
#[derive(Debug, Error)]
pub enum ListSessionsError {
    /// The session is not fresh, because the user signed in too long ago.
    #[error("the session is not fresh")]
    NotFresh,
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Errors from resuming a session.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The user is banned. The session still exists.
    #[error("the user is banned")]
    Banned,
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Resumes, lists and ends sessions, and issues access tokens for them.
pub struct SessionService {
    sessions: Arc<dyn SessionRepo>,
    issuer: Arc<dyn TokenIssuer>,
    clock: Arc<dyn Clock>,
    policy: SessionPolicy,
}

impl SessionService {
    /// Creates a service that uses these ports.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionRepo>,
        issuer: Arc<dyn TokenIssuer>,
        clock: Arc<dyn Clock>,
        policy: SessionPolicy,
    ) -> Self {
        Self { sessions, issuer, clock, policy }
    }

    /// Returns the unexpired session that has one of `tokens`; if there are several, the one with the latest sign-in.
    ///
    /// Extends the expiry of that session if `renewal` allows it and the session is due for renewal. Deletes the
    /// sessions with one of `tokens` that have expired.
    ///
    /// # Errors
    /// Returns [`ResumeError::Banned`] if there are unexpired sessions but all of them belong to banned users, or
    /// [`ResumeError::Store`] if the store fails.
    pub async fn resume(
        &self,
        tokens: &[SessionToken],
        renewal: Renewal,
    ) -> Result<Option<ActiveSession>, ResumeError> {
        let now = self.clock.now();
        let mut latest: Option<(Session, User)> = None;
        let mut is_banned = false;
        for token in tokens {
            let Some((session, user)) = self.sessions.find(token).await? else { continue };
            if session.has_expired(now) {
                self.sessions.delete(token).await?;
            } else if user.restrictions.is_banned(now) {
                is_banned = true;
            } else if latest.as_ref().is_none_or(|(other, _)| other.created_at < session.created_at) {
                latest = Some((session, user));
            }
        }
        let Some((session, user)) = latest else {
            return if is_banned { Err(ResumeError::Banned) } else { Ok(None) };
        };
        if renewal == Renewal::Never || !session.is_due_for_renewal(now, &self.policy) {
            return Ok(Some(ActiveSession::new(session, user)));
        }
        let session = Session { expires_at: now.after(self.policy.lifetime), updated_at: now, ..session };
        let exists = self.sessions.extend(&session.token, session.expires_at, session.updated_at).await?;
        Ok(exists.then_some(ActiveSession { session, user, was_renewed: true }))
    }

    /// Issues an access token for the user of the session.
    ///
    /// # Errors
    /// Returns a [`SigningError`] if no key can sign at the moment.
    pub async fn token(&self, active: &ActiveSession) -> Result<Jwt, SigningError> {
        self.issuer.issue(&active.user).await
    }

    /// Returns the public keys that verify the access tokens. The list is empty if the tokens are signed with the
    /// shared secret and no key pairs exist.
    ///
    /// # Errors
    /// Returns [`SigningError::Store`] if the keys cannot be read.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        self.issuer.public_keys().await
    }

    /// Returns the unexpired sessions of the user, newest first, at most [`Session::MAX_LISTED`].
    ///
    /// # Errors
    /// Returns a [`ListSessionsError`] if the session is not fresh or the store fails.
    pub async fn list(&self, active: &ActiveSession) -> Result<Vec<Session>, ListSessionsError> {
        let now = self.clock.now();
        if !active.session.is_fresh(now, &self.policy) {
            return Err(ListSessionsError::NotFresh);
        }
        Ok(self.sessions.list(&active.user.id, now, Session::MAX_LISTED).await?)
    }

    /// Ends the session with this token if it belongs to the user. Does nothing otherwise.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn revoke(&self, active: &ActiveSession, token: &SessionToken) -> Result<(), StoreError> {
        self.sessions.delete_owned(&active.user.id, token).await
    }

    /// Ends all sessions of the user, including `active`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn revoke_all(&self, active: &ActiveSession) -> Result<(), StoreError> {
        self.sessions.delete_all(&active.user.id).await
    }

    /// Ends all sessions of the user except `active`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn revoke_others(&self, active: &ActiveSession) -> Result<(), StoreError> {
        self.sessions.delete_others(&active.user.id, &active.session.token).await
    }

    /// Ends the session with this token. Does nothing if there is no such session.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn sign_out(&self, token: &SessionToken) -> Result<(), StoreError> {
        self.sessions.delete(token).await
    }

    /// Deletes the expired sessions of all users and returns their number.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn delete_expired(&self) -> Result<u64, StoreError> {
        self.sessions.delete_expired(self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ports::{MockClock, MockSessionRepo, MockTokenIssuer};
    use crate::testing::fixtures::{clock_at, moment, session, user};
    use crate::time::Timestamp;
    use crate::users::{Ban, Restrictions};

    const POLICY: SessionPolicy = SessionPolicy::DEFAULT;
    const MILLISECOND: Duration = Duration::from_millis(1);

    fn at(now: Timestamp, sessions: MockSessionRepo) -> SessionService {
        SessionService::new(Arc::new(sessions), Arc::new(MockTokenIssuer::new()), Arc::new(clock_at(now)), POLICY)
    }

    fn anns() -> MockSessionRepo {
        let mut sessions = MockSessionRepo::new();
        sessions
            .expect_find()
            .withf(|token| token.expose() == "token-of-ann")
            .return_once(|_| Ok(Some((session("ann"), user("ann")))));
        sessions
    }

    fn active(id: &str) -> ActiveSession {
        ActiveSession::new(session(id), user(id))
    }

    fn token(id: &str) -> SessionToken {
        session(id).token
    }

    #[tokio::test]
    async fn a_session_that_is_not_due_for_renewal_is_only_read() {
        let resumed = at(moment(), anns()).resume(&[token("ann")], Renewal::WhenDue).await.unwrap();
        assert_eq!(resumed, Some(active("ann")));
    }

    #[tokio::test]
    async fn a_session_that_is_due_for_renewal_is_extended() {
        let now = moment().after(POLICY.update_age);
        let mut sessions = anns();
        sessions
            .expect_extend()
            .withf(move |token, end, at| {
                token.expose() == "token-of-ann" && *end == now.after(POLICY.lifetime) && *at == now
            })
            .return_once(|_, _, _| Ok(true));
        let resumed = at(now, sessions).resume(&[token("ann")], Renewal::WhenDue).await.unwrap().unwrap();
        let expected = Session { expires_at: now.after(POLICY.lifetime), updated_at: now, ..session("ann") };
        assert_eq!(resumed, ActiveSession { session: expected, user: user("ann"), was_renewed: true });
    }

    #[tokio::test]
    async fn a_session_is_not_extended_if_renewal_is_not_allowed() {
        let late = at(moment().after(POLICY.update_age), anns());
        assert_eq!(late.resume(&[token("ann")], Renewal::Never).await.unwrap(), Some(active("ann")));
    }

    #[tokio::test]
    async fn a_session_that_is_deleted_during_its_renewal_is_not_resumed() {
        let mut sessions = anns();
        sessions.expect_extend().return_once(|_, _, _| Ok(false));
        let late = at(moment().after(POLICY.update_age), sessions);
        assert_eq!(late.resume(&[token("ann")], Renewal::WhenDue).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_expired_session_is_deleted() {
        let mut sessions = anns();
        sessions.expect_delete().withf(|token| token.expose() == "token-of-ann").times(1).return_once(|_| Ok(()));
        let now = session("ann").expires_at.after(MILLISECOND);
        assert_eq!(at(now, sessions).resume(&[token("ann")], Renewal::WhenDue).await.unwrap(), None);
    }

    /// The session of a banned user is neither extended nor deleted: the mock expects no such call and would panic.
    #[tokio::test]
    async fn a_banned_user_is_refused_until_the_ban_ends() {
        let now = moment().after(POLICY.update_age);
        let resume = async |until: Option<Timestamp>| {
            let banned = Restrictions { ban: Some(Ban { until }), second_factor: false };
            let mut sessions = MockSessionRepo::new();
            let found = (session("ann"), User { restrictions: banned, ..user("ann") });
            sessions.expect_find().return_once(move |_| Ok(Some(found)));
            at(now, sessions).resume(&[token("ann")], Renewal::Never).await
        };
        for until in [None, Some(now), Some(now.after(MILLISECOND))] {
            assert!(matches!(resume(until).await, Err(ResumeError::Banned)), "{until:?}");
        }
        assert!(resume(Some(moment())).await.unwrap().is_some());
    }

    /// A browser may send several cookies with the same name. Of these four sessions, one has expired and one belongs
    /// to a banned user.
    #[tokio::test]
    async fn of_several_sessions_the_latest_valid_one_is_resumed() {
        let started =
            |id: &str, minutes| Session { created_at: moment().after(Duration::from_mins(minutes)), ..session(id) };
        let over = Session { expires_at: moment(), ..started("ann", 9) };
        let banned = Restrictions { ban: Some(Ban { until: None }), second_factor: false };
        for order in [["ann", "bob", "eve", "max"], ["max", "eve", "bob", "ann"]] {
            let mut sessions = MockSessionRepo::new();
            let over = over.clone();
            sessions.expect_find().returning(move |found| {
                Ok(match found.expose() {
                    "token-of-ann" => Some((over.clone(), user("ann"))),
                    "token-of-bob" => Some((started("bob", 8), User { restrictions: banned, ..user("bob") })),
                    "token-of-eve" => Some((started("eve", 2), user("eve"))),
                    _ => Some((started("max", 1), user("max"))),
                })
            });
            sessions.expect_delete().withf(|token| token.expose() == "token-of-ann").times(1).return_once(|_| Ok(()));
            let resumed = at(moment().after(MILLISECOND), sessions).resume(&order.map(token), Renewal::WhenDue).await;
            assert_eq!(resumed.unwrap().unwrap().user, user("eve"));
        }
    }

    /// Better Auth creates the session of a user with a second factor only after it has verified the factor, so an
    /// existing session is accepted.
    #[tokio::test]
    async fn a_second_factor_does_not_end_a_session() {
        let mut sessions = MockSessionRepo::new();
        let restrictions = Restrictions { ban: None, second_factor: true };
        let found = (session("ann"), User { restrictions, ..user("ann") });
        sessions.expect_find().return_once(move |_| Ok(Some(found)));
        assert!(at(moment(), sessions).resume(&[token("ann")], Renewal::Never).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_unknown_token_resumes_no_session() {
        let mut sessions = MockSessionRepo::new();
        sessions.expect_find().return_once(|_| Ok(None));
        assert_eq!(at(moment(), sessions).resume(&[token("eve")], Renewal::WhenDue).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_a_fresh_session_lists_sessions() {
        let mut sessions = MockSessionRepo::new();
        let now = moment().after(POLICY.fresh_age.saturating_sub(MILLISECOND));
        sessions
            .expect_list()
            .withf(move |user, at, limit| user.as_str() == "ann" && *at == now && *limit == 100)
            .return_once(|_, _, _| Ok(vec![session("ann")]));
        assert_eq!(at(now, sessions).list(&active("ann")).await.unwrap(), [session("ann")]);

        let late = at(moment().after(POLICY.fresh_age), MockSessionRepo::new());
        assert!(matches!(late.list(&active("ann")).await, Err(ListSessionsError::NotFresh)));
    }

    #[tokio::test]
    async fn a_session_ends_only_sessions_of_its_own_user() {
        let mut sessions = MockSessionRepo::new();
        sessions
            .expect_delete_owned()
            .withf(|user, token| user.as_str() == "ann" && token.expose() == "token-of-bob")
            .times(1)
            .return_once(|_, _| Ok(()));
        sessions.expect_delete_all().withf(|user| user.as_str() == "ann").times(1).return_once(|_| Ok(()));
        sessions
            .expect_delete_others()
            .withf(|user, kept| user.as_str() == "ann" && kept.expose() == "token-of-ann")
            .times(1)
            .return_once(|_, _| Ok(()));
        sessions.expect_delete().withf(|token| token.expose() == "token-of-ann").times(1).return_once(|_| Ok(()));
        let service = at(moment(), sessions);
        service.revoke(&active("ann"), &token("bob")).await.unwrap();
        service.revoke_all(&active("ann")).await.unwrap();
        service.revoke_others(&active("ann")).await.unwrap();
        service.sign_out(&token("ann")).await.unwrap();
    }

    #[tokio::test]
    async fn sessions_that_have_expired_by_now_are_deleted() {
        let mut sessions = MockSessionRepo::new();
        sessions.expect_delete_expired().withf(|now| *now == moment()).return_once(|_| Ok(3));
        assert_eq!(at(moment(), sessions).delete_expired().await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_token_is_issued_for_the_user_of_the_session() {
        let mut issuer = MockTokenIssuer::new();
        issuer
            .expect_issue()
            .withf(|user| user.id.as_str() == "ann")
            .return_once(|_| Ok(Jwt::new("header.claims.signature".into())));
        let sessions = Arc::new(MockSessionRepo::new());
        let service = SessionService::new(sessions, Arc::new(issuer), Arc::new(MockClock::new()), POLICY);
        assert_eq!(service.token(&active("ann")).await.unwrap().expose(), "header.claims.signature");
    }
}
