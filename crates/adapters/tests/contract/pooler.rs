//! Behind a pooler in transaction mode, with many more clients than it has connections to the server: nobody ever reads
//! the answer to somebody else's statement. (C248, C249)

use futures_util::future::join_all;
use taskbridge_adapters::database::{SeaTaskRepo, Store};
use taskbridge_domain::ports::{IdentityRepo, SessionRepo, StoreProbe, TaskRepo};
use taskbridge_domain::tasks::{NewTask, TaskPatch, TaskQuery, Title};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};

use super::{SeaIdentityRepo, SeaSessionRepo, databases};

const CLIENTS: usize = 24;
const ROUNDS: usize = 25;

/// One client: its own task, by every kind of statement, again and again.
async fn work(store: &Store, name: &str) {
    let repo = SeaTaskRepo::new(store.clone());
    let (identity, sessions) = (SeaIdentityRepo::new(store.clone()), SeaSessionRepo::new(store.clone()));
    let given = registration(name);
    identity.register(&given).await.unwrap();
    let owner = owner(name).await;
    let titled = |text: String| NewTask { title: Title::parse(&text).unwrap(), ..new_task() };
    let mut expected = repo.create(&owner, titled(format!("{name} first")), moment()).await.unwrap();
    for round in 0..ROUNDS {
        assert_eq!(repo.find(&owner, expected.id).await.unwrap().as_ref(), Some(&expected));
        let patch =
            TaskPatch { title: Some(Title::parse(&format!("{name} {round}")).unwrap()), ..TaskPatch::default() };
        expected = repo.update(&owner, expected.id, patch, moment()).await.unwrap().unwrap();
        assert_eq!(expected.title.as_str(), format!("{name} {round}"));
        expected = repo.toggle(&owner, expected.id, moment()).await.unwrap().unwrap();
        let list = repo.list(&owner, &TaskQuery::default()).await.unwrap().tasks;
        assert_eq!(list, std::slice::from_ref(&expected));
        let opened = given.session.as_ref().unwrap();
        let (session, user) = sessions.find(&opened.token).await.unwrap().unwrap();
        assert_eq!((&session, &user), (opened, &given.user));
        store.probe().await.unwrap();
    }
    assert!(repo.delete(&owner, expected.id).await.unwrap());
}

#[tokio::test]
async fn many_clients_behind_few_server_connections_read_only_their_own() {
    let one = databases::pgbouncer_with(u32::try_from(CLIENTS).unwrap()).await;
    // A second process on the same database.
    let other = databases::reopened(&one).await;
    let clients = (0..CLIENTS).map(|number| {
        let store = if number % 2 == 0 { &one.store } else { &other };
        async move { work(store, &format!("client{number}")).await }
    });
    join_all(clients).await;
}
