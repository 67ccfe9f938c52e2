//! The contract of [`IdentityRepo`], with the [`SessionRepo`] and the [`TaskRepo`] on the same store, which must be empty.

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::{Credential, IdentityRepo, PasswordChange, RegisterError, Registration, SessionRepo, TaskRepo};
use crate::sessions::{Session, SessionToken};
use crate::tasks::TaskQuery;
use crate::testing::fixtures::{moment, new_task, owner, registration, session, user, user_id};
use crate::users::{Account, Email, PasswordHash, ProfileUpdate, User, UserImage, UserName};

/// The tests of an [`IdentityRepo`]; see [`contract`](crate::testing::contract). The subject is three: the repository
/// of users, that of sessions and that of tasks.
#[macro_export]
macro_rules! identity_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            identity,
            $subject,
            [
                a_registration_is_stored_as_given,
                a_registration_may_open_no_session,
                an_address_is_registered_once,
                registrations_at_the_same_time_succeed_once,
                a_refused_registration_leaves_nothing,
                strangers_are_unknown,
                a_password_is_changed_while_it_is_the_old_one,
                a_changed_password_may_end_all_sessions_but_a_new_one,
                a_password_is_not_changed_without_its_session,
                a_user_signs_in_with_the_password_they_registered,
                a_profile_is_changed_as_far_as_it_is_said,
                what_is_removed_is_gone_and_all_that_is_others_stays,
            ]
        );
    };
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// User, password and session survive, field by field.
pub async fn a_registration_is_stored_as_given<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let ann = registration("ann");
    let bob = Registration { user: User { image: None, email_verified: false, ..user("bob") }, ..registration("bob") };
    for given in [ann, bob] {
        repo.register(&given).await.unwrap();
        let Registration { user, account_id: _, password, session } = given;
        let credential = repo.find_credential(&user.email).await.unwrap();
        assert_eq!(credential, Some(Credential { user: user.clone(), password: Some(password) }));
        let session = session.unwrap();
        assert_eq!(sessions.find(&session.token).await.unwrap(), Some((session, user)));
    }
}

/// The user is stored, and is not signed in.
pub async fn a_registration_may_open_no_session<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    repo.register(&Registration { session: None, ..registration("ann") }).await.unwrap();
    assert_eq!(repo.find_credential(&user("ann").email).await.unwrap().unwrap().user, user("ann"));
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), []);
}

/// The same address again is refused, whatever else differs.
pub async fn an_address_is_registered_once<I: IdentityRepo, S: SessionRepo, T: TaskRepo>((repo, ..): &(I, S, T)) {
    repo.register(&registration("ann")).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(matches!(repo.register(&twin).await, Err(RegisterError::EmailTaken)));
}

/// Exactly one of ten.
pub async fn registrations_at_the_same_time_succeed_once<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, ..): &(I, S, T),
) {
    let twins: Vec<_> = (0..10)
        .map(|number| {
            let given = registration(&format!("twin{number}"));
            Registration { user: User { email: email("twin@example.test"), ..given.user.clone() }, ..given }
        })
        .collect();
    let mut registered = 0;
    for result in join_all(twins.iter().map(|twin| repo.register(twin))).await {
        match result {
            Ok(()) => registered += 1,
            Err(RegisterError::EmailTaken) => {}
            Err(RegisterError::Store(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(registered, 1);
}

/// No session, no account and no user remain of a registration that failed, and those that were there stay.
pub async fn a_refused_registration_leaves_nothing<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(repo.register(&twin).await.is_err());
    assert_eq!(sessions.find(&session("twin").token).await.unwrap(), None);
    assert_eq!(repo.find_credential(&ann.user.email).await.unwrap().unwrap().password, Some(ann.password));
    // The session's token is taken: the whole registration must fail, not only its last row.
    let thief = Registration {
        session: Some(Session { token: session("ann").token, ..session("thief") }),
        ..registration("thief")
    };
    assert!(matches!(repo.register(&thief).await, Err(RegisterError::Store(_))));
    assert_eq!(repo.find_credential(&thief.user.email).await.unwrap(), None);
    assert_eq!(sessions.find(&session("ann").token).await.unwrap(), Some((session("ann"), ann.user)));
}

/// What was never registered is `None`.
pub async fn strangers_are_unknown<I: IdentityRepo, S: SessionRepo, T: TaskRepo>((repo, ..): &(I, S, T)) {
    repo.register(&registration("ann")).await.unwrap();
    for unknown in ["an@example.test", "ann@example.tes", "ann_@example.test", "nn@example.test"] {
        assert_eq!(repo.find_credential(&email(unknown)).await.unwrap(), None, "{unknown}");
    }
}

fn change(user: &str, old: &PasswordHash, new: &str) -> PasswordChange {
    let new = PasswordHash::new(new.into());
    PasswordChange { user: user_id(user), old: old.clone(), new, at: moment(), only_session: None }
}

/// That user's alone, and no session ends. A change that somebody else has made meanwhile stays.
pub async fn a_password_is_changed_while_it_is_the_old_one<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let same = registration("ann").password;
    for name in ["ann", "bob"] {
        repo.register(&Registration { password: same.clone(), ..registration(name) }).await.unwrap();
    }
    let stored = async |name: &str| repo.find_password(&user_id(name)).await.unwrap().unwrap();
    assert!(repo.change_password(&change("ann", &same, "new")).await.unwrap());
    assert_eq!((stored("ann").await.expose(), stored("bob").await), ("new", same.clone()));
    assert!(!repo.change_password(&change("ann", &same, "other")).await.unwrap());
    assert!(!repo.change_password(&change("nobody", &same, "other")).await.unwrap());
    assert_eq!(stored("ann").await.expose(), "new");
    assert!(sessions.find(&session("ann").token).await.unwrap().is_some());
}

/// All of that user's, and nobody else's.
pub async fn a_changed_password_may_end_all_sessions_but_a_new_one<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    repo.register(&registration("bob")).await.unwrap();
    let tablet = Session { id: "tablet".into(), token: SessionToken::new("tablet".into()), ..session("ann") };
    assert!(sessions.create(&tablet, &ann.password).await.unwrap());
    let new = Session { id: "new".into(), token: SessionToken::new("new".into()), ..session("ann") };
    let only = PasswordChange { only_session: Some(new.clone()), ..change("ann", &ann.password, "new") };
    assert!(repo.change_password(&only).await.unwrap());
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), [new]);
    assert!(sessions.find(&session("bob").token).await.unwrap().is_some());
}

/// Neither when it was another password, nor when the session cannot be.
pub async fn a_password_is_not_changed_without_its_session<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    repo.register(&registration("bob")).await.unwrap();
    let new = Session { id: "new".into(), token: SessionToken::new("new".into()), ..session("ann") };
    let late = change("ann", &PasswordHash::new("another".into()), "new");
    assert!(!repo.change_password(&PasswordChange { only_session: Some(new.clone()), ..late }).await.unwrap());
    let taken = Session { token: session("bob").token, ..new };
    let taken = PasswordChange { only_session: Some(taken), ..change("ann", &ann.password, "new") };
    assert!(repo.change_password(&taken).await.is_err());
    assert_eq!(repo.find_password(&user_id("ann")).await.unwrap(), Some(ann.password));
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), [session("ann")]);
}

/// One account, which says nothing of the password.
pub async fn a_user_signs_in_with_the_password_they_registered<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, ..): &(I, S, T),
) {
    repo.register(&registration("ann")).await.unwrap();
    repo.register(&registration("bob")).await.unwrap();
    let account = Account {
        id: "account-of-ann".into(),
        provider_id: "credential".into(),
        account_id: "ann".into(),
        user_id: user_id("ann"),
        scopes: Vec::new(),
        created_at: moment(),
        updated_at: moment(),
    };
    assert_eq!(repo.list_accounts(&user_id("ann"), 10).await.unwrap(), [account]);
    assert_eq!(repo.list_accounts(&user_id("ann"), 0).await.unwrap(), []);
    assert_eq!(repo.list_accounts(&user_id("nobody"), 10).await.unwrap(), []);
    assert_eq!(repo.find_password(&user_id("nobody")).await.unwrap(), None);
}

/// And only then does it count as a change.
pub async fn a_profile_is_changed_as_far_as_it_is_said<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, ..): &(I, S, T),
) {
    repo.register(&registration("ann")).await.unwrap();
    repo.register(&registration("bob")).await.unwrap();
    let stored = async |name: &str| repo.find_credential(&user(name).email).await.unwrap().unwrap().user;
    let later = moment().after(Duration::from_secs(1));
    let renamed = ProfileUpdate { name: Some(UserName::parse("Änn 🦊").unwrap()), image: None };
    assert!(repo.update_profile(&user_id("ann"), &renamed, later).await.unwrap());
    let expected = User { name: renamed.name.clone().unwrap(), updated_at: later, ..user("ann") };
    assert_eq!(stored("ann").await, expected);
    for image in [None, Some(UserImage::parse("https://cdn.example.test/other.png").unwrap())] {
        let change = ProfileUpdate { name: None, image: Some(image.clone()) };
        assert!(repo.update_profile(&user_id("ann"), &change, later).await.unwrap());
        assert_eq!(stored("ann").await, User { image, ..expected.clone() });
    }
    assert!(!repo.update_profile(&user_id("nobody"), &renamed, later).await.unwrap());
    assert_eq!(stored("bob").await, user("bob"));
}

/// Nobody can be found or come in as them any more; nothing is left to whoever has their id next.
pub async fn what_is_removed_is_gone_and_all_that_is_others_stays<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, tasks): &(I, S, T),
) {
    let everything = TaskQuery::default();
    let (ann, bob) = (registration("ann"), registration("bob"));
    for given in [&ann, &bob] {
        repo.register(given).await.unwrap();
        tasks.create(&owner(given.user.id.as_str()).await, new_task(), moment()).await.unwrap();
    }
    repo.delete(&user_id("ann")).await.unwrap();
    assert_eq!(repo.find_credential(&ann.user.email).await.unwrap(), None);
    assert_eq!(sessions.find(&session("ann").token).await.unwrap(), None);
    assert_eq!(repo.list_accounts(&user_id("ann"), 10).await.unwrap(), []);
    repo.register(&ann).await.unwrap();
    assert_eq!(tasks.list(&owner("ann").await, &everything).await.unwrap().tasks, []);
    assert_eq!(sessions.find(&session("bob").token).await.unwrap(), Some((session("bob"), bob.user)));
    assert_eq!(tasks.list(&owner("bob").await, &everything).await.unwrap().tasks.len(), 1);
    repo.delete(&user_id("nobody")).await.unwrap();
}
