//! The contract of [`IdentityRepo`]. The store must be empty.

use futures_util::future::join_all;

use crate::password::PasswordHash;
use crate::ports::{Credential, IdentityRepo, RegisterError, Registration};
use crate::session::{Session, SessionToken};
use crate::testing::fixtures::{registration, session, user};
use crate::user::{Email, User};

/// The tests of an [`IdentityRepo`]; see [`contract`](crate::testing::contract).
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
                a_session_is_found_by_its_exact_token,
                sessions_live_side_by_side,
            ]
        );
    };
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// User, password and session survive, field by field.
pub async fn a_registration_is_stored_as_given(repo: &dyn IdentityRepo) {
    let ann = registration("ann");
    let bob = Registration { user: User { image: None, email_verified: false, ..user("bob") }, ..registration("bob") };
    for given in [ann, bob] {
        repo.register(&given).await.unwrap();
        let Registration { user, account_id: _, password, session } = given;
        let credential = repo.credential(&user.email).await.unwrap();
        assert_eq!(credential, Some(Credential { user: user.clone(), password: Some(password) }));
        assert_eq!(repo.session(&session.token).await.unwrap(), Some((session, user)));
    }
}

/// The same address again is refused, whatever else differs.
pub async fn an_address_is_registered_once(repo: &dyn IdentityRepo) {
    repo.register(&registration("ann")).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(matches!(repo.register(&twin).await, Err(RegisterError::EmailTaken)));
}

/// Exactly one of ten.
pub async fn registrations_at_the_same_time_succeed_once(repo: &dyn IdentityRepo) {
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
pub async fn a_refused_registration_leaves_nothing(repo: &dyn IdentityRepo) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(repo.register(&twin).await.is_err());
    assert_eq!(repo.session(&twin.session.token).await.unwrap(), None);
    assert_eq!(repo.credential(&ann.user.email).await.unwrap().unwrap().password, Some(ann.password));
    // The session's token is taken: the whole registration must fail, not only its last row.
    let thief = Registration {
        session: Session { token: ann.session.token.clone(), ..session("thief") },
        ..registration("thief")
    };
    assert!(matches!(repo.register(&thief).await, Err(RegisterError::Store(_))));
    assert_eq!(repo.credential(&thief.user.email).await.unwrap(), None);
    assert_eq!(repo.session(&ann.session.token).await.unwrap(), Some((ann.session, ann.user)));
}

/// What was never registered is `None`.
pub async fn strangers_are_unknown(repo: &dyn IdentityRepo) {
    repo.register(&registration("ann")).await.unwrap();
    for unknown in ["an@example.test", "ann@example.tes", "ann_@example.test", "nn@example.test"] {
        assert_eq!(repo.credential(&email(unknown)).await.unwrap(), None, "{unknown}");
    }
}

/// Not by a prefix, another case, a pattern, the row's id or a token that cannot exist.
pub async fn a_session_is_found_by_its_exact_token(repo: &dyn IdentityRepo) {
    repo.register(&registration("ann")).await.unwrap();
    let long = "x".repeat(4096);
    for wrong in ["", "token-of-an", "TOKEN-OF-ANN", "token-of-ann ", "%", "session-of-ann", "' OR 1=1 --", &long] {
        assert_eq!(repo.session(&SessionToken::new(wrong.into())).await.unwrap(), None, "{wrong}");
    }
}

/// A new session ends no other, and belongs to the same user.
pub async fn sessions_live_side_by_side(repo: &dyn IdentityRepo) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    let second = Session { id: "second".into(), token: SessionToken::new("second token".into()), ..session("ann") };
    repo.open_session(&second).await.unwrap();
    assert_eq!(repo.session(&second.token).await.unwrap(), Some((second, ann.user.clone())));
    assert_eq!(repo.session(&ann.session.token).await.unwrap(), Some((ann.session, ann.user)));
    let password = repo.credential(&email("ann@example.test")).await.unwrap().unwrap().password;
    assert_eq!(password.as_ref().map(PasswordHash::expose), Some("$2b$04$hash-of-ann"));
}
