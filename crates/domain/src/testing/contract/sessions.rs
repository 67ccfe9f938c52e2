//! The contract of [`SessionRepo`], with the [`IdentityRepo`] that keeps the users. The store must be empty.

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::ports::{IdentityRepo, PasswordChange, SessionRepo};
use crate::sessions::{ClientInfo, Session, SessionToken};
use crate::testing::fixtures::{moment, registration, session, user};
use crate::time::Timestamp;
use crate::users::PasswordHash;

/// The tests of a [`SessionRepo`]; see [`contract`](crate::testing::contract). The subject is a pair: the repository of
/// users, and that of sessions.
#[macro_export]
macro_rules! session_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            sessions,
            $subject,
            [
                a_session_is_opened_by_the_stored_password_alone,
                no_session_outlives_a_password_that_ended_all,
                a_session_is_found_by_its_exact_token,
                sessions_live_side_by_side,
                an_extended_session_differs_in_nothing_else,
                what_has_ended_cannot_be_extended,
                a_user_is_signed_in_where_a_session_is_alive,
                the_live_ones_are_listed_the_latest_first,
                one_session_is_ended_and_no_other,
                a_session_is_ended_for_its_own_user_only,
                all_sessions_of_one_user_are_ended,
                all_but_one_are_ended,
                the_expired_ones_are_purged,
                a_token_with_a_nul_names_no_session,
            ]
        );
    };
}

const LATER: Duration = Duration::from_hours(1);

/// A session with this token.
fn another(user: &str, token: &str) -> Session {
    let token = SessionToken::new(token.to_owned());
    Session { id: format!("id of {}", token.expose()), token, ..session(user) }
}

/// Ann and Bob, each with the session of the fixtures, and more of theirs.
async fn open<I: IdentityRepo, S: SessionRepo>((identity, sessions): &(I, S), more: &[Session]) {
    for user in ["ann", "bob"] {
        identity.register(&registration(user)).await.unwrap();
    }
    for session in more {
        assert!(sessions.create(session, &registration(session.user_id.as_str()).password).await.unwrap());
    }
}

/// For the user of this address alone, from exactly that address, and not after the session's end.
pub async fn a_user_is_signed_in_where_a_session_is_alive<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
    let bobs = ClientInfo { ip_address: "192.0.2.2".into(), ..ClientInfo::default() };
    let bobs = Session { client: bobs, ..another("bob", "x") };
    assert!(repos.1.create(&bobs, &registration("bob").password).await.unwrap());
    let end = session("ann").expires_at;
    for (id, address, now, expected) in [
        ("ann", "192.0.2.1", end, true),
        ("ann", "192.0.2.1", end.after(Duration::from_millis(1)), false),
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

/// The tokens of the user's live sessions, sorted.
async fn tokens(sessions: &impl SessionRepo, id: &str) -> Vec<String> {
    let live = sessions.list(&user(id).id, moment(), 1000).await.unwrap();
    let mut tokens: Vec<_> = live.iter().map(|session| session.token.expose().to_owned()).collect();
    tokens.sort();
    tokens
}

/// Not by another's, nor for somebody who is not there.
pub async fn a_session_is_opened_by_the_stored_password_alone<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
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

/// Whoever signs in with the old password at the same time is refused, or their session ends.
pub async fn no_session_outlives_a_password_that_ended_all<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
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
        let thieves: Vec<_> = (0..6).map(|number| another("ann", &format!("{round} {number}"))).collect();
        let signing_in = join_all(thieves.iter().map(|session| repos.1.create(session, &old)));
        let (changed, _) = join(repos.0.change_password(&change), signing_in).await;
        assert!(changed.unwrap());
        assert_eq!(tokens(&repos.1, "ann").await, [only.token.expose()]);
        old = new;
    }
}

/// Not by a prefix, another case, a pattern, the row's id or a token that cannot exist.
pub async fn a_session_is_found_by_its_exact_token<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
    let long = "x".repeat(4096);
    for wrong in ["", "token-of-an", "TOKEN-OF-ANN", "token-of-ann ", "%", "session-of-ann", "' OR 1=1 --", &long] {
        assert_eq!(repos.1.find(&SessionToken::new(wrong.into())).await.unwrap(), None, "{wrong}");
    }
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((session("ann"), user("ann"))));
}

/// A new session ends no other, and belongs to the same user, whose password stays.
pub async fn sessions_live_side_by_side<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let second = another("ann", "second");
    open(repos, std::slice::from_ref(&second)).await;
    assert_eq!(repos.1.find(&second.token).await.unwrap(), Some((second, user("ann"))));
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((session("ann"), user("ann"))));
    let password = repos.0.find_credential(&user("ann").email).await.unwrap().unwrap().password;
    assert_eq!(password.as_ref().map(PasswordHash::expose), Some("$2b$04$hash-of-ann"));
}

/// The two moments are those given; all else, and all other sessions, are as they were.
pub async fn an_extended_session_differs_in_nothing_else<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let second = another("ann", "second");
    open(repos, std::slice::from_ref(&second)).await;
    let (end, now) = (moment().after(LATER * 1000), moment().after(LATER));
    assert!(repos.1.extend(&session("ann").token, end, now).await.unwrap());
    let expected = Session { expires_at: end, updated_at: now, ..session("ann") };
    assert_eq!(repos.1.find(&session("ann").token).await.unwrap(), Some((expected, user("ann"))));
    assert_eq!(repos.1.find(&second.token).await.unwrap(), Some((second, user("ann"))));
}

/// Neither is it there afterwards.
pub async fn what_has_ended_cannot_be_extended<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
    let ended = session("ann").token;
    repos.1.delete(&ended).await.unwrap();
    assert!(!repos.1.extend(&ended, moment().after(LATER), moment()).await.unwrap());
    assert_eq!(repos.1.find(&ended).await.unwrap(), None);
}

/// Up to the last millisecond, and no more than are asked for.
pub async fn the_live_ones_are_listed_the_latest_first<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let opened = |token: &str, created_at: Timestamp, expires_at: Timestamp| Session {
        expires_at,
        created_at,
        ..another("ann", token)
    };
    let now = moment().after(LATER);
    let [last, newest] =
        [opened("last", moment().after(LATER), now), opened("newest", moment().after(LATER * 2), now.after(LATER))];
    let expired = opened("expired", moment(), moment().after(LATER.saturating_sub(Duration::from_millis(1))));
    open(repos, &[last.clone(), expired, newest.clone(), another("bob", "bob's")]).await;
    let ann = user("ann").id;
    let live = |limit| repos.1.list(&ann, now, limit);
    let all = [newest, last, session("ann")];
    assert_eq!(live(100).await.unwrap(), all);
    assert_eq!(live(2).await.unwrap(), all[..2]);
    assert_eq!(repos.1.list(&user("an").id, now, 100).await.unwrap(), []);
}

/// Whatever the other tokens look like; a second time is no error.
pub async fn one_session_is_ended_and_no_other<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[another("ann", "x"), another("ann", "X"), another("bob", "x ")]).await;
    for _ in 0..2 {
        repos.1.delete(&SessionToken::new("x".into())).await.unwrap();
        repos.1.delete(&SessionToken::new("%".into())).await.unwrap();
        assert_eq!(tokens(&repos.1, "ann").await, ["X", "token-of-ann"]);
        assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob", "x "]);
    }
}

/// Nobody else's, by whatever token.
pub async fn a_session_is_ended_for_its_own_user_only<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[another("ann", "second")]).await;
    for token in ["token-of-bob", "unknown", ""] {
        repos.1.delete_owned(&user("ann").id, &SessionToken::new(token.into())).await.unwrap();
    }
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
    repos.1.delete_owned(&user("ann").id, &session("ann").token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, ["second"]);
}

/// And nobody else's.
pub async fn all_sessions_of_one_user_are_ended<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let many: Vec<_> = (0..150).map(|number| another("ann", &number.to_string())).collect();
    open(repos, &many).await;
    repos.1.delete_all(&user("ann").id).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, [""; 0]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// All of however many; when the kept one is not the user's, every one.
pub async fn all_but_one_are_ended<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let many: Vec<_> = (0..150).map(|number| another("ann", &number.to_string())).collect();
    open(repos, &many).await;
    repos.1.delete_others(&user("ann").id, &many[77].token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, ["77"]);
    repos.1.delete_others(&user("ann").id, &session("bob").token).await.unwrap();
    assert_eq!(tokens(&repos.1, "ann").await, [""; 0]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// Everybody's, and none that is alive.
pub async fn the_expired_ones_are_purged<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    let expired = |user: &str, token: &str| Session { expires_at: moment(), ..another(user, token) };
    open(repos, &[expired("ann", "1"), expired("ann", "2"), expired("bob", "3")]).await;
    assert_eq!(repos.1.delete_expired(moment()).await.unwrap(), 0);
    assert_eq!(repos.1.delete_expired(moment().after(Duration::from_millis(1))).await.unwrap(), 3);
    assert_eq!(tokens(&repos.1, "ann").await, ["token-of-ann"]);
    assert_eq!(tokens(&repos.1, "bob").await, ["token-of-bob"]);
}

/// Whatever a store makes of one, it is no error.
pub async fn a_token_with_a_nul_names_no_session<I: IdentityRepo, S: SessionRepo>(repos: &(I, S)) {
    open(repos, &[]).await;
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
