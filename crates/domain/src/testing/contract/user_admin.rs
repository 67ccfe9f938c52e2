//! The contract of [`UserAdminRepo`], except for bans, which depend on the columns of a table. The tests also use the
//! other repositories of the same store, which must be empty when a test starts.

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::ports::{IdentityRepo, PasswordReset, Registration, SessionRepo, TaskRepo, UserAdminRepo, UserTotals};
use crate::sessions::{Session, SessionToken};
use crate::testing::fixtures::{moment, new_task, owner, registration, session, user, user_id};
use crate::users::{Account, Email, PasswordHash, User};

/// The tests of a [`UserAdminRepo`]; see [`contract`](crate::testing::contract). The argument of the macro is a future
/// whose output dereferences to a tuple of the [`IdentityRepo`], the [`SessionRepo`], the [`TaskRepo`] and the
/// [`UserAdminRepo`].
#[macro_export]
macro_rules! user_admin_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            user_admin,
            $subject,
            [
                a_user_is_found_by_the_exact_id,
                pages_list_each_user_once,
                an_address_is_found_in_any_case,
                totals_count_tasks_and_unexpired_sessions_of_one_user,
                a_reset_replaces_the_password_and_ends_all_sessions_of_one_user,
                of_concurrent_resets_one_password_remains,
                no_session_of_the_old_password_survives_a_reset,
            ]
        );
    };
}

fn reset(user: &str, new: &str) -> PasswordReset {
    let later = moment().after(Duration::from_secs(1));
    PasswordReset { user: user_id(user), new: PasswordHash::new(new.into()), at: later }
}

/// Another id, or a part of the id, finds nobody.
pub async fn a_user_is_found_by_the_exact_id<I: IdentityRepo, S: SessionRepo, T: TaskRepo, U: UserAdminRepo>(
    (identity, _, _, repo): &(I, S, T, U),
) {
    identity.register(&registration("ann")).await.unwrap();
    assert_eq!(repo.find(&user_id("ann")).await.unwrap(), Some(user("ann")));
    for unknown in ["an", "Ann", "ann ", "ann@example.test", "%"] {
        assert_eq!(repo.find(&user_id(unknown)).await.unwrap(), None, "{unknown}");
    }
}

/// Pages of every size contain each user once, in the same order.
pub async fn pages_list_each_user_once<I: IdentityRepo, S: SessionRepo, T: TaskRepo, U: UserAdminRepo>(
    (identity, _, _, repo): &(I, S, T, U),
) {
    assert_eq!(repo.list(None, 10).await.unwrap(), []);
    let names = ["bob", "Änn", "ann", "Ann", "eve"];
    for (number, name) in names.iter().enumerate() {
        let given = registration(&format!("user{number}"));
        let user = User { id: user_id(name), ..given.user };
        identity.register(&Registration { user, session: None, ..given }).await.unwrap();
    }
    let all = repo.list(None, 10).await.unwrap();
    let mut found: Vec<_> = all.iter().map(|user| user.id.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, ["Ann", "ann", "bob", "eve", "Änn"]);
    for size in [1, 2, 5] {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = repo.list(after, size).await.unwrap();
            assert!(page.len() <= size as usize);
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            pages.extend(page);
        }
        assert_eq!(pages, all, "{size}");
    }
}

/// Only the case of the letters A to Z does not matter.
pub async fn an_address_is_found_in_any_case<I: IdentityRepo, S: SessionRepo, T: TaskRepo, U: UserAdminRepo>(
    (identity, _, _, repo): &(I, S, T, U),
) {
    for (name, email) in [("ann", "ann@example.test"), ("bob", "Bob@Example.test"), ("eve", "\u{c9}ve@example.test")] {
        let given = registration(name);
        let user = User { email: Email::from_stored(email.into()), ..given.user };
        identity.register(&Registration { user, ..given }).await.unwrap();
    }
    for (email, expected) in [
        ("ann@example.test", true),
        ("bob@example.test", true),
        ("\u{e9}ve@example.test", false),
        ("nn@example.test", false),
        ("_nn@example.test", false),
        ("%", false),
    ] {
        let found = repo.has_email(&Email::from_stored(email.into())).await.unwrap();
        assert_eq!(found, expected, "{email}");
    }
}

/// Expired sessions, and what belongs to others, do not count.
pub async fn totals_count_tasks_and_unexpired_sessions_of_one_user<
    I: IdentityRepo,
    S: SessionRepo,
    T: TaskRepo,
    U: UserAdminRepo,
>(
    (identity, sessions, tasks, repo): &(I, S, T, U),
) {
    for name in ["ann", "bob"] {
        identity.register(&registration(name)).await.unwrap();
        tasks.create(&owner(name).await, new_task(), moment()).await.unwrap();
    }
    tasks.create(&owner("ann").await, new_task(), moment()).await.unwrap();
    let end = session("ann").expires_at;
    let longer = Session {
        id: "tablet".into(),
        token: SessionToken::new("tablet".into()),
        expires_at: end.after(Duration::from_secs(1)),
        ..session("ann")
    };
    assert!(sessions.create(&longer, &registration("ann").password).await.unwrap());
    let totals = async |name: &str, now| repo.totals(&user_id(name), now).await.unwrap();
    assert_eq!(totals("ann", end).await, UserTotals { tasks: 2, sessions: 2 });
    assert_eq!(totals("ann", end.after(Duration::from_millis(1))).await, UserTotals { tasks: 2, sessions: 1 });
    assert_eq!(totals("bob", moment()).await, UserTotals { tasks: 1, sessions: 1 });
    assert_eq!(totals("nobody", moment()).await, UserTotals { tasks: 0, sessions: 0 });
}

/// The account keeps its id. Other users keep their passwords and sessions, and an unknown user gets no account.
pub async fn a_reset_replaces_the_password_and_ends_all_sessions_of_one_user<
    I: IdentityRepo,
    S: SessionRepo,
    T: TaskRepo,
    U: UserAdminRepo,
>(
    (identity, sessions, _, repo): &(I, S, T, U),
) {
    for name in ["ann", "bob"] {
        identity.register(&registration(name)).await.unwrap();
    }
    let [before] = &identity.list_accounts(&user_id("ann"), 10).await.unwrap()[..] else { panic!("one account") };
    assert!(repo.reset_password(&reset("ann", "new")).await.unwrap());
    let password = async |name: &str| identity.find_password(&user_id(name)).await.unwrap();
    assert_eq!(password("ann").await.unwrap().expose(), "new");
    let after = Account { updated_at: reset("ann", "new").at, ..before.clone() };
    assert_eq!(identity.list_accounts(&user_id("ann"), 10).await.unwrap(), [after]);
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), []);
    assert_eq!(password("bob").await, Some(registration("bob").password));
    assert_eq!(sessions.list(&user_id("bob"), moment(), 10).await.unwrap(), [session("bob")]);
    assert!(!repo.reset_password(&reset("nobody", "new")).await.unwrap());
    assert_eq!(identity.list_accounts(&user_id("nobody"), 10).await.unwrap(), []);
}

/// The password of one of the resets is stored, in one account.
pub async fn of_concurrent_resets_one_password_remains<
    I: IdentityRepo,
    S: SessionRepo,
    T: TaskRepo,
    U: UserAdminRepo,
>(
    (identity, _, _, repo): &(I, S, T, U),
) {
    identity.register(&registration("ann")).await.unwrap();
    let resets: Vec<_> = (0..8).map(|number| reset("ann", &format!("new{number}"))).collect();
    for done in join_all(resets.iter().map(|reset| repo.reset_password(reset))).await {
        assert!(done.unwrap());
    }
    let stored = identity.find_password(&user_id("ann")).await.unwrap();
    assert!(resets.iter().any(|reset| Some(&reset.new) == stored.as_ref()), "{}", stored.unwrap().expose());
    assert_eq!(identity.list_accounts(&user_id("ann"), 10).await.unwrap().len(), 1);
}

/// Sign-ins with the old password run at the same time as the reset. Either they fail, or the reset ends their sessions.
pub async fn no_session_of_the_old_password_survives_a_reset<
    I: IdentityRepo,
    S: SessionRepo,
    T: TaskRepo,
    U: UserAdminRepo,
>(
    (identity, sessions, _, repo): &(I, S, T, U),
) {
    identity.register(&registration("ann")).await.unwrap();
    let old = registration("ann").password;
    let new: Vec<_> = (0..8)
        .map(|number| {
            let name = format!("sign-in-{number}");
            Session { id: name.clone(), token: SessionToken::new(name), ..session("ann") }
        })
        .collect();
    let sign_ins = join_all(new.iter().map(|session| sessions.create(session, &old)));
    let reset = reset("ann", "new");
    let (created, done) = join(sign_ins, repo.reset_password(&reset)).await;
    assert!(done.unwrap() && created.iter().all(Result::is_ok));
    assert_eq!(sessions.list(&user_id("ann"), moment(), 10).await.unwrap(), []);
}
