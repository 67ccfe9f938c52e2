//! What a session gives, how it is renewed, and how it ends.

use std::sync::Arc;

use thiserror::Error;

use super::ActiveSession;
use crate::ports::{Clock, PublicKey, SessionRepo, SigningError, StoreError, TokenIssuer};
use crate::sessions::{Jwt, Session, SessionPolicy, SessionToken};
use crate::users::User;

/// Whether the use of a session moves its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Renewal {
    /// Once that is due.
    #[default]
    WhenDue,
    /// Not now: the user asked not to be remembered, or the client not to be told.
    Never,
}

/// Why something sensitive is refused to somebody who is signed in.
#[derive(Debug, Error)]
pub enum ListSessionsError {
    /// They have signed in too long ago.
    #[error("the session is not fresh")]
    NotFresh,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Errors from resuming a session.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The user is banned; the session is not ended.
    #[error("the user is banned")]
    Banned,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Knows who is signed in, and ends sessions.
pub struct SessionService {
    sessions: Arc<dyn SessionRepo>,
    issuer: Arc<dyn TokenIssuer>,
    clock: Arc<dyn Clock>,
    policy: SessionPolicy,
}

impl SessionService {
    /// A service over these ports, under this policy.
    #[must_use]
    pub fn new(
        sessions: Arc<dyn SessionRepo>,
        issuer: Arc<dyn TokenIssuer>,
        clock: Arc<dyn Clock>,
        policy: SessionPolicy,
    ) -> Self {
        Self { sessions, issuer, clock, policy }
    }

    /// Returns the live session with one of these tokens, the most recent sign-in if there are several; extended, if
    /// `renewal` allows it and it is due. Deletes those that have expired.
    ///
    /// # Errors
    /// [`ResumeError::Banned`] if every live session is a banned user's.
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
        let lives = self.sessions.extend(&session.token, session.expires_at, session.updated_at).await?;
        Ok(lives.then_some(ActiveSession { session, user, was_renewed: true }))
    }

    /// A token for the user of this session.
    ///
    /// # Errors
    /// [`SigningError`] when no key can sign now.
    pub async fn token(&self, active: &ActiveSession) -> Result<Jwt, SigningError> {
        self.issuer.issue(&active.user).await
    }

    /// Returns the public keys that verify the tokens; none if they are signed with a secret and no other keys exist.
    ///
    /// # Errors
    /// [`SigningError::Store`] if the keys cannot be read.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        self.issuer.public_keys().await
    }

    /// All sessions of the user, this one among them; the latest sign-in first, at most a hundred.
    ///
    /// # Errors
    /// [`ListSessionsError`].
    pub async fn list(&self, active: &ActiveSession) -> Result<Vec<Session>, ListSessionsError> {
        let now = self.clock.now();
        if !active.session.is_fresh(now, &self.policy) {
            return Err(ListSessionsError::NotFresh);
        }
        Ok(self.sessions.list(&active.user.id, now, Session::MAX_LISTED).await?)
    }

    /// Ends one session of the user, which may be this one. Whether there was one is not told.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn revoke(&self, active: &ActiveSession, token: &SessionToken) -> Result<(), StoreError> {
        self.sessions.delete_owned(&active.user.id, token).await
    }

    /// Ends all sessions of the user, this one among them.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn revoke_all(&self, active: &ActiveSession) -> Result<(), StoreError> {
        self.sessions.delete_all(&active.user.id).await
    }

    /// Ends all sessions of the user but this one.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn revoke_others(&self, active: &ActiveSession) -> Result<(), StoreError> {
        self.sessions.delete_others(&active.user.id, &active.session.token).await
    }

    /// Ends the session with this token, alive or not. Whether there was one is not told.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn sign_out(&self, token: &SessionToken) -> Result<(), StoreError> {
        self.sessions.delete(token).await
    }

    /// Removes all sessions that have expired, and tells how many there were.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
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
    async fn a_session_that_is_not_due_is_only_read() {
        let resumed = at(moment(), anns()).resume(&[token("ann")], Renewal::WhenDue).await.unwrap();
        assert_eq!(resumed, Some(active("ann")));
    }

    #[tokio::test]
    async fn a_session_that_is_due_is_renewed() {
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
    async fn who_is_not_remembered_is_not_renewed() {
        let late = at(moment().after(POLICY.update_age), anns());
        assert_eq!(late.resume(&[token("ann")], Renewal::Never).await.unwrap(), Some(active("ann")));
    }

    #[tokio::test]
    async fn a_session_that_is_ended_while_it_is_renewed_is_none() {
        let mut sessions = anns();
        sessions.expect_extend().return_once(|_, _, _| Ok(false));
        let late = at(moment().after(POLICY.update_age), sessions);
        assert_eq!(late.resume(&[token("ann")], Renewal::WhenDue).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_session_that_has_expired_is_none_and_goes() {
        let mut sessions = anns();
        sessions.expect_delete().withf(|token| token.expose() == "token-of-ann").times(1).return_once(|_| Ok(()));
        let now = session("ann").expires_at.after(MILLISECOND);
        assert_eq!(at(now, sessions).resume(&[token("ann")], Renewal::WhenDue).await.unwrap(), None);
    }

    /// The session of a banned user is neither renewed nor ended: with an `extend` or `end` the mock would panic.
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

    /// A browser may send several cookies of the same name: one is over, one of a banned user, two are alive.
    #[tokio::test]
    async fn of_several_sessions_the_latest_that_is_alive_is_resumed() {
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

    /// A session that was opened with the second factor goes on.
    #[tokio::test]
    async fn a_second_factor_does_not_end_a_session() {
        let mut sessions = MockSessionRepo::new();
        let restrictions = Restrictions { ban: None, second_factor: true };
        let found = (session("ann"), User { restrictions, ..user("ann") });
        sessions.expect_find().return_once(move |_| Ok(Some(found)));
        assert!(at(moment(), sessions).resume(&[token("ann")], Renewal::Never).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_unknown_token_is_none() {
        let mut sessions = MockSessionRepo::new();
        sessions.expect_find().return_once(|_| Ok(None));
        assert_eq!(at(moment(), sessions).resume(&[token("eve")], Renewal::WhenDue).await.unwrap(), None);
    }

    #[tokio::test]
    async fn sessions_are_listed_to_whom_has_signed_in_not_long_ago() {
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
    async fn whatever_ends_sessions_ends_those_of_the_user() {
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
    async fn what_has_expired_now_is_purged() {
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
