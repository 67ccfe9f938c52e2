//! The contract of [`SessionRepo`]. The tests also use the [`IdentityRepo`] of the same store, which must be empty when
//! a test starts.

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::ports::{IdentityRepo, PasswordChange, SessionRepo};
use crate::sessions::{ClientInfo, Session, SessionToken};
use crate::testing::fixtures::{moment, registration, session, user};
use crate::time::Timestamp;
use crate::users::PasswordHash;

/// The tests of a [`SessionRepo`]; see [`contract`](crate::testing::contract). The argument of the macro is a future
/// whose output dereferences to a tuple of the [`IdentityRepo`] and the [`SessionRepo`].
#[macro_export]
macro_rules! session_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            sessions,
            $subject,
            [
                a_session_with_a_new_id_is_created,
                a_session_is_created_only_with_the_stored_password,
                no_session_of_the_old_password_survives_a_change_that_ends_all,
                a_session_is_found_by_its_exact_token,
                a_new_session_ends_no_other,
                extending_changes_only_the_two_times,
                a_deleted_session_cannot_be_extended,
                a_user_has_a_session_from_its_address_until_it_expires,
                unexpired_sessions_are_listed_newest_first,
                only_the_session_with_the_exact_token_is_deleted,
                an_owned_session_is_deleted_only_for_its_own_user,
                all_sessions_of_one_user_are_deleted,
                all_other_sessions_of_a_user_are_deleted,
                expired_sessions_of_all_users_are_deleted,
                a_token_with_a_nul_matches_no_session,
            ]
        );
    };
}

const LATER: Duration = Duration::from_hours(1);

/// Returns a session of `user` with this token.
fn another(user: &str, token: &str) -> Session {
    let token = SessionToken::new(token.to_owned());
    Session { id: format!("id of {}", token.expose()), token, ..session(user) }
}

/// Registers Ann and Bob, each with the session of the fixtures, and creates the sessions in `more`.
async fn set_up<I: IdentityRepo, S: SessionRepo>((identity, sessions): &(I, S), more: &[Session]) {
    for user in ["ann", "bob"] {
        identity.register(&registration(user)).await.unwrap();
    }
    for session in more {
        assert!(sessions.create(session, &registration(session.user_id.as_str()).password).await.unwrap());
    }
}

/// A session counts only if its email address and its IP address both match exactly and it has not expired.
pub async fn a_user_has_a_session_from_its_address_until_it_expires<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    let bobs = ClientInfo { ip_address: "192.0.2.2".into(), ..ClientInfo::default() };
    let bobs = Session { client: bobs, ..another("bob", "x") };
    assert!(repos.1.create(&bobs, &registration("bob").password).await.unwrap());
    let expiry = session("ann").expires_at;
    for (id, address, now, expected) in [
        ("ann", "192.0.2.1", expiry, true),
        ("ann", "192.0.2.1", expiry.after(Duration::from_millis(1)), false),
        ("ann", "192.0.2.2", moment(), false),
        ("ann", "192.0.2.", moment(), false),
        ("ann", "", moment(), false),
        ("bob", "192.0.2.2", moment(), true),
        ("eve", "192.0.2.1", moment(), false),
    ] {
        let is_signed_in = repos.1.has_session_from(&user(id).email, address, now).await.unwrap();
        assert_eq!(is_signed_in, expected, "{id} {address:?}");
    }
}

/// Returns the tokens of the user's unexpired sessions, sorted.
async fn tokens(sessions: &impl SessionRepo, id: &str) -> Vec<String> {
    let listed = sessions.list(&user(id).id, moment(), 1000).await.unwrap();
    let mut tokens: Vec<_> = listed.iter().map(|session| session.token.expose().to_owned()).collect();
    tokens.sort();
    tokens
}

/// Ten new ids differ from each other, and the store accepts each of them.
pub async fn a_session_with_a_new_id_is_created<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    for _ in 0..10 {
        let id = repos.1.next_id().await.unwrap();
        let session = Session { id: id.clone(), ..another("ann", &format!("token {id}")) };
        assert!(repos.1.create(&session, &registration("ann").password).await.unwrap());
        assert_eq!(repos.1.find(&session.token).await.unwrap(), Some((session, user("ann"))));
    }
}

/// No session is created with the password of another user, with an empty hash or for an unknown user.
pub async fn a_session_is_created_only_with_the_stored_password<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    let own = registration("ann").password;
    for (session, password) in [
        (another("ann", "x"), registration("bob").password),
        (another("ann", "x"), PasswordHash::new(String::new())),
        (another("nobody", "x"), own.clone()),
    ] {
        assert!(!repos.1.create(&session, &password).await.unwrap());
        assert_eq!(repos.1.find(&session.token).await.unwrap(), None);
    }
    assert!(repos.1.create(&another("ann", "x"), &own).await.unwrap());
}

/// If a sign-in with the old password runs concurrently with a password change, either the sign-in fails or the change
/// deletes its session.
pub async fn no_session_of_the_old_password_survives_a_change_that_ends_all<I: IdentityRepo, S: SessionRepo>(
    repos: &(I, S),
) {
    set_up(repos, &[]).await;
    let mut old = registration("ann").password;
    for round in 0..5 {
        let new = PasswordHash::new(format!("the password of round {round}"));
        let only = another("ann", &format!("only {round}"));
        let change = PasswordChange {
            user: user("ann").id,
            old: old.clone(),
            new: new.clone(),
            at: moment(),
            only_session: Some(only.clone()),
        };
        let sessions: Vec<_> = (0..6).map(|number| another("ann", &format!("{round} {number}"))).collect();
        let signing_in = join_all(sessions.iter().map(|session| repos.1.create(session, &old)));
        let (changed, _) = join(repos.0.change_password(&change), signing_in).await;
        assert!(changed.unwrap());
        assert_eq!(tokens(&repos.1, "ann").await, [only.token.expose()]);
        old = new;
    }
}

/// No session is found by a prefix of its token, its token in another case, a wildcard, its id or an overlong token.
pub async fn a_session_is_found_by_its_exact_token<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    let long = "x".repeat(4096);
    for wrong in ["", "token-of-an", "TOKEN-OF-ANN", "token-of-ann ", "%", "session-of-ann", "' OR 1=1 --", &long] {
        assert_eq!(repos.1.find(&SessionToken::new(wrong.into())).await.unwrap(), None, "{wrong}");
    }
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((session("ann"), user("ann"))));
}

/// Creating a session leaves the other sessions, the user and their password unchanged.
pub async fn a_new_session_ends_no_other<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let second = another("ann", "second");
    set_up(repos, std::slice::from_ref(&second)).await;
    assert_eq!(repos.1.find(&second.token).await.unwrap(), Some((second, user("ann"))));
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((session("ann"), user("ann"))));
    let password = repos.0.find_credential(&user("ann").email).await.unwrap().unwrap().password;
    assert_eq!(password.as_ref().map(PasswordHash::expose), Some("$2b$04$hash-of-ann"));
}

/// Extending a session changes only its expiry and `updated_at`. All other sessions stay unchanged.
pub async fn extending_changes_only_the_two_times<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let second = another("ann", "second");
    set_up(repos, std::slice::from_ref(&second)).await;
    let (expiry, now) = (moment().after(LATER * 1000), moment().after(LATER));
    assert!(repos.1.extend(&session("ann").token, expiry, now).await.unwrap());
    let expected = Session { expires_at: expiry, updated_at: now, ..session("ann") };
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((expected, user("ann"))));
    assert_eq!(repos.1.find(&second.token).await.unwrap(), Some((second, user("ann"))));
}

/// A deleted session does not reappear when it is extended.
pub async fn a_deleted_session_cannot_be_extended<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    let deleted = session("ann").token;
    repos.1.delete(&deleted).await.unwrap();
    assert!(!repos.1.extend(&deleted, moment().after(LATER), moment()).await.unwrap());
    assert_eq!(repos.1.find(&deleted).await.unwrap(), None);
}

/// A session is listed until it expires. At most `limit` sessions are returned.
pub async fn unexpired_sessions_are_listed_newest_first<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let created = |token: &str, created_at: Timestamp, expires_at: Timestamp| Session {
        expires_at,
        created_at,
        ..another("ann", token)
    };
    let now = moment().after(LATER);
    let [last, newest] =
        [created("last", moment().after(LATER), now), created("newest", moment().after(LATER * 2), now.after(LATER))];
    let expired = created("expired", moment(), moment().after(LATER.saturating_sub(Duration::from_millis(1))));
    set_up(repos, &[last.clone(), expired, newest.clone(), another("bob", "bob's")]).await;
    let ann = user("ann").id;
    let listed = |limit| repos.1.list(&ann, now, limit);
    let all = [newest, last, session("ann")];
    assert_eq!(listed(100).await.unwrap(), all);
    assert_eq!(listed(2).await.unwrap(), all[..2]);
    assert_eq!(repos.1.list(&user("an").id, now, 100).await.unwrap(), []);
}

/// Sessions whose tokens differ only in case or by a space remain. Deleting a session again is not an error.
pub async fn only_the_session_with_the_exact_token_is_deleted<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[another("ann", "x"), another("ann", "X"), another("bob", "x ")]).await;
    for _ in 0..2 {
        repos.1.delete(&SessionToken::new("x".into())).await.unwrap();
        repos.1.delete(&SessionToken::new("%".into())).await.unwrap();
        assert_eq!(tokens(&repos.1, "ann").await, ["X", "token-of-ann"]);
        assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob", "x "]);
    }
}

/// A session is not deleted if its token is given together with the id of another user.
pub async fn an_owned_session_is_deleted_only_for_its_own_user<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[another("ann", "second")]).await;
    for token in ["token-of-bob", "unknown", ""] {
        repos.1.delete_owned(&user("ann").id, &SessionToken::new(token.into())).await.unwrap();
    }
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
    repos.1.delete_owned(&user("ann").id, &session("ann").token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, ["second"]);
}

/// The sessions of the given user are deleted, and those of other users remain.
pub async fn all_sessions_of_one_user_are_deleted<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let many: Vec<_> = (0..150).map(|number| another("ann", &number.to_string())).collect();
    set_up(repos, &many).await;
    repos.1.delete_all(&user("ann").id).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, [""; 0]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// If the session to be kept belongs to another user, all sessions of the given user are deleted.
pub async fn all_other_sessions_of_a_user_are_deleted<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let many: Vec<_> = (0..150).map(|number| another("ann", &number.to_string())).collect();
    set_up(repos, &many).await;
    repos.1.delete_others(&user("ann").id, &many[77].token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, ["77"]);
    repos.1.delete_others(&user("ann").id, &session("bob").token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, [""; 0]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// A session is still valid at its expiry, so it is deleted only afterwards.
pub async fn expired_sessions_of_all_users_are_deleted<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let expired = |user: &str, token: &str| Session { expires_at: moment(), ..another(user, token) };
    set_up(repos, &[expired("ann", "1"), expired("ann", "2"), expired("bob", "3")]).await;
    assert_eq!(repos.1.delete_expired(moment()).await.unwrap(), 0);
    assert_eq!(repos.1.delete_expired(moment().after(Duration::from_millis(1))).await.unwrap(), 3);
    assert_eq!(tokens(&repos.1, "ann").await, ["token-of-ann"]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// A token that contains a NUL character matches no session and causes no error, even though PostgreSQL cannot store
/// it.
pub async fn a_token_with_a_nul_matches_no_session<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    set_up(repos, &[]).await;
    let sessions = &repos.1;
    let own = session("ann").token;
    for token in ["\0", &format!("{}\0", own.expose()), &format!("\0{}", own.expose())] {
        let token = SessionToken::new(token.to_owned());
        assert_eq!(sessions.find(&token).await.unwrap(), None);
        sessions.delete(&token).await.unwrap();
        sessions.delete_owned(&user("ann").id, &token).await.unwrap();
    }
    assert!(sessions.find(&own).await.unwrap().is_some());
}
