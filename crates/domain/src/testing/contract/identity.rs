//! The contract of [`IdentityRepo`], with the [`SessionRepo`] that finds the sessions it opens. The store must be empty.

use futures_util::future::join_all;

use crate::password::PasswordHash;
use crate::ports::{Credential, IdentityRepo, RegisterError, Registration, SessionRepo};
use crate::session::Session;
use crate::testing::fixtures::{moment, registration, session, user};
use crate::user::{Email, User};

/// The tests of an [`IdentityRepo`]; see [`contract`](crate::testing::contract). The subject is a pair: the repository of
/// users, and that of sessions.
#[macro_export]
macro_rules! identity_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            identity,
            $subject,
            [
                a_registration_is_stored_as_given,
                an_address_is_registered_once,
                registrations_at_the_same_time_succeed_once,
                a_refused_registration_leaves_nothing,
                strangers_are_unknown,
                a_password_is_replaced_while_it_is_the_old_one,
            ]
        );
    };
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// User, password and session survive, field by field.
pub async fn a_registration_is_stored_as_given<I: IdentityRepo, S: SessionRepo>((repo, sessions): &(I, S)) {
    let ann = registration("ann");
    let bob = Registration { user: User { image: None, email_verified: false, ..user("bob") }, ..registration("bob") };
    for given in [ann, bob] {
        repo.register(&given).await.unwrap();
        let Registration { user, account_id: _, password, session } = given;
        let credential = repo.credential(&user.email).await.unwrap();
        assert_eq!(credential, Some(Credential { user: user.clone(), password: Some(password) }));
        assert_eq!(sessions.find(&session.token).await.unwrap(), Some((session, user)));
    }
}

/// The same address again is refused, whatever else differs.
pub async fn an_address_is_registered_once<I: IdentityRepo, S: SessionRepo>((repo, _): &(I, S)) {
    repo.register(&registration("ann")).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(matches!(repo.register(&twin).await, Err(RegisterError::EmailTaken)));
}

/// Exactly one of ten.
pub async fn registrations_at_the_same_time_succeed_once<I: IdentityRepo, S: SessionRepo>((repo, _): &(I, S)) {
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
pub async fn a_refused_registration_leaves_nothing<I: IdentityRepo, S: SessionRepo>((repo, sessions): &(I, S)) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(repo.register(&twin).await.is_err());
    assert_eq!(sessions.find(&twin.session.token).await.unwrap(), None);
    assert_eq!(repo.credential(&ann.user.email).await.unwrap().unwrap().password, Some(ann.password));
    // The session's token is taken: the whole registration must fail, not only its last row.
    let thief = Registration {
        session: Session { token: ann.session.token.clone(), ..session("thief") },
        ..registration("thief")
    };
    assert!(matches!(repo.register(&thief).await, Err(RegisterError::Store(_))));
    assert_eq!(repo.credential(&thief.user.email).await.unwrap(), None);
    assert_eq!(sessions.find(&ann.session.token).await.unwrap(), Some((ann.session, ann.user)));
}

/// What was never registered is `None`.
pub async fn strangers_are_unknown<I: IdentityRepo, S: SessionRepo>((repo, _): &(I, S)) {
    repo.register(&registration("ann")).await.unwrap();
    for unknown in ["an@example.test", "ann@example.tes", "ann_@example.test", "nn@example.test"] {
        assert_eq!(repo.credential(&email(unknown)).await.unwrap(), None, "{unknown}");
    }
}

/// That user's alone. A change that somebody else has made meanwhile stays.
pub async fn a_password_is_replaced_while_it_is_the_old_one<I: IdentityRepo, S: SessionRepo>((repo, _): &(I, S)) {
    let same = registration("ann").password;
    for name in ["ann", "bob"] {
        repo.register(&Registration { password: same.clone(), ..registration(name) }).await.unwrap();
    }
    let stored = async |name: &str| repo.credential(&user(name).email).await.unwrap().unwrap().password.unwrap();
    let (old, new, other) = (stored("ann").await, PasswordHash::new("new".into()), PasswordHash::new("other".into()));
    assert!(repo.replace_password(&user("ann").id, &old, &new, moment()).await.unwrap());
    assert_eq!((stored("ann").await, stored("bob").await), (new.clone(), same));
    assert!(!repo.replace_password(&user("ann").id, &old, &other, moment()).await.unwrap());
    assert!(!repo.replace_password(&user("nobody").id, &old, &other, moment()).await.unwrap());
    assert_eq!(stored("ann").await, new);
}
