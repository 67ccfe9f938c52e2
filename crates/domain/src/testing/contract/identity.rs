//! The contract of [`IdentityRepo`]. The tests also use the [`SessionRepo`] and the [`TaskRepo`] of the same store,
//! which must be empty when a test starts.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::{
    Credential, IdentityRepo, PasswordChange, RegisterError, Registration, RegistrationIds, SessionRepo, TaskRepo,
};
use crate::sessions::{Session, SessionToken};
use crate::tasks::TaskQuery;
use crate::testing::fixtures::{moment, new_task, owner, registration, session, user, user_id};
use crate::users::{Account, Email, PasswordHash, ProfileUpdate, User, UserImage, UserName};

/// The tests of an [`IdentityRepo`]; see [`contract`](crate::testing::contract). The argument of the macro is a future
/// whose output dereferences to a tuple of the [`IdentityRepo`], the [`SessionRepo`] and the [`TaskRepo`].
#[macro_export]
macro_rules! identity_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            identity,
            $subject,
            [
                new_ids_can_be_registered,
                a_registration_is_stored_as_given,
                a_registration_without_a_session_creates_none,
                an_address_is_registered_once,
                of_concurrent_registrations_one_succeeds,
                a_failed_registration_stores_nothing,
                an_unknown_address_finds_nothing,
                a_password_changes_only_if_the_old_hash_is_still_stored,
                a_password_change_replaces_all_sessions_with_a_new_one,
                a_password_and_its_new_session_are_stored_together_or_not_at_all,
                a_registered_user_has_one_credential_account,
                a_profile_update_changes_only_the_given_fields,
                deleting_a_user_deletes_all_their_data_and_nothing_else,
            ]
        );
    };
}

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

/// The ids of a registration differ from all earlier ones, and the store accepts them.
pub async fn new_ids_can_be_registered<I: IdentityRepo, S: SessionRepo, T: TaskRepo>((repo, sessions, _): &(I, S, T)) {
    let mut seen = HashSet::new();
    for name in ["ann", "bob"] {
        for _ in 0..2 {
            let RegistrationIds { user: id, account, session: session_id } = repo.next_ids().await.unwrap();
            for (table, id) in [("user", id.to_string()), ("account", account.clone()), ("session", session_id.clone())]
            {
                assert!(seen.insert((table, id.clone())), "{table}: {id}");
            }
            let given = registration(name);
            let session = Session { id: session_id, user_id: id.clone(), ..session(name) };
            let user = User { id: id.clone(), ..given.user };
            let given =
                Registration { user: user.clone(), account_id: account.clone(), session: Some(session), ..given };
            match repo.register(&given).await {
                Ok(()) => {
                    let found = sessions.find(&given.session.as_ref().unwrap().token).await.unwrap();
                    assert_eq!(found, Some((given.session.unwrap(), user)));
                    assert_eq!(repo.list_accounts(&id, 10).await.unwrap()[0].id, account);
                }
                // The second registration of each address is refused. Its ids are not used again.
                Err(error) => assert!(matches!(error, RegisterError::EmailTaken), "{error}"),
            }
        }
    }
}

/// The user, the password and the session of a registration are read back unchanged, field by field.
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

/// The user is stored without a session.
pub async fn a_registration_without_a_session_creates_none<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    repo.register(&Registration { session: None, ..registration("ann") }).await.unwrap();
    assert_eq!(repo.find_credential(&user("ann").email).await.unwrap().unwrap().user, user("ann"));
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), []);
}

/// A second registration of an email address fails, even if everything else differs.
pub async fn an_address_is_registered_once<I: IdentityRepo, S: SessionRepo, T: TaskRepo>((repo, ..): &(I, S, T)) {
    repo.register(&registration("ann")).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(matches!(repo.register(&twin).await, Err(RegisterError::EmailTaken)));
}

/// Ten users register the same email address at the same time.
pub async fn of_concurrent_registrations_one_succeeds<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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

/// If a registration fails, neither the user nor the account nor the session is stored, and existing data do not
/// change.
pub async fn a_failed_registration_stores_nothing<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
    (repo, sessions, _): &(I, S, T),
) {
    let ann = registration("ann");
    repo.register(&ann).await.unwrap();
    let twin = Registration { user: User { email: user("ann").email, ..user("twin") }, ..registration("twin") };
    assert!(repo.register(&twin).await.is_err());
    assert_eq!(sessions.find(&session("twin").token).await.unwrap(), None);
    assert_eq!(repo.find_credential(&ann.user.email).await.unwrap().unwrap().password, Some(ann.password));
    // The token of the session is taken, so that the last insert fails. The earlier inserts must be rolled back.
    let thief = Registration {
        session: Some(Session { token: session("ann").token, ..session("thief") }),
        ..registration("thief")
    };
    assert!(matches!(repo.register(&thief).await, Err(RegisterError::Store(_))));
    assert_eq!(repo.find_credential(&thief.user.email).await.unwrap(), None);
    assert_eq!(sessions.find(&session("ann").token).await.unwrap(), Some((session("ann"), ann.user)));
}

/// A prefix or a suffix of a stored email address does not match it, and neither does an SQL wildcard.
pub async fn an_unknown_address_finds_nothing<I: IdentityRepo, S: SessionRepo, T: TaskRepo>((repo, ..): &(I, S, T)) {
    repo.register(&registration("ann")).await.unwrap();
    for unknown in ["an@example.test", "ann@example.tes", "ann_@example.test", "nn@example.test"] {
        assert_eq!(repo.find_credential(&email(unknown)).await.unwrap(), None, "{unknown}");
    }
}

fn change(user: &str, old: &PasswordHash, new: &str) -> PasswordChange {
    let new = PasswordHash::new(new.into());
    PasswordChange { user: user_id(user), old: old.clone(), new, at: moment(), only_session: None }
}

/// Only the password of the given user changes, and no session ends. A password that was changed concurrently is not
/// overwritten.
pub async fn a_password_changes_only_if_the_old_hash_is_still_stored<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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

/// The new session replaces all sessions of the user. The sessions of other users remain.
pub async fn a_password_change_replaces_all_sessions_with_a_new_one<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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

/// Nothing changes if the stored hash is not the expected old one, or if another session already has the token of the
/// new session.
pub async fn a_password_and_its_new_session_are_stored_together_or_not_at_all<
    I: IdentityRepo,
    S: SessionRepo,
    T: TaskRepo,
>(
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

/// The account has the id and the times of the registration. An unknown user has neither an account nor a password.
pub async fn a_registered_user_has_one_credential_account<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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

/// An update of the profile changes only the given fields and `updated_at`. Other users do not change.
pub async fn a_profile_update_changes_only_the_given_fields<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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

/// A deleted user and their session cannot be found. A new user with the same id does not get the deleted tasks.
pub async fn deleting_a_user_deletes_all_their_data_and_nothing_else<I: IdentityRepo, S: SessionRepo, T: TaskRepo>(
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
    assert_eq!(tasks.list(&owner("ann").await, &everything).await.unwrap().items, []);
    assert_eq!(sessions.find(&session("bob").token).await.unwrap(), Some((session("bob"), bob.user)));
    assert_eq!(tasks.list(&owner("bob").await, &everything).await.unwrap().items.len(), 1);
    repo.delete(&user_id("nobody")).await.unwrap();
}
