//! Tests a pooler in transaction mode that has many more clients than connections to the PostgreSQL server: no client
//! ever reads the reply to another client's statement.

use futures_util::future::join_all;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::{IdentityRepo, OwnedRepo, SessionRepo, StoreProbe, TaskRepo};
use taskbridge_domain::tasks::{NewTask, TaskPatch, TaskQuery, Title};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_migrations::Users;

use crate::databases::{Backend, config, migrate, test_on};

test_on!([Pgbouncer], [many_clients_behind_few_server_connections_read_only_their_own]);

const CLIENTS: usize = 24;
const ROUNDS: usize = 25;

/// Acts as one client of the pooler: executes every kind of statement on one task, again and again.
async fn work(store: &Store, name: &str) {
    let repo = SeaTaskRepo::new(store.clone());
    let (identity, sessions) = (SeaIdentityRepo(store.clone()), SeaSessionRepo(store.clone()));
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
        let list = repo.list(&owner, &TaskQuery::default()).await.unwrap().items;
        assert_eq!(list, std::slice::from_ref(&expected));
        let opened = given.session.as_ref().unwrap();
        let (session, user) = sessions.find(&opened.token).await.unwrap().unwrap();
        assert_eq!((&session, &user), (opened, &given.user));
        store.probe().await.unwrap();
    }
    assert!(repo.delete(&owner, expected.id).await.unwrap());
}

async fn many_clients_behind_few_server_connections_read_only_their_own(pooler: Backend) {
    let (url, _) = pooler.new_database().await;
    let config = StoreConfig { max_connections: u32::try_from(CLIENTS).unwrap(), ..config(&url) };
    // Two stores stand for two processes on one database.
    let (one, other) = (Store::open(&config).await.unwrap(), Store::open(&config).await.unwrap());
    migrate(&one, Users::Here).await;
    let clients = (0..CLIENTS).map(|number| {
        let store = if number % 2 == 0 { &one } else { &other };
        async move { work(store, &format!("client{number}")).await }
    });
    join_all(clients).await;
}
