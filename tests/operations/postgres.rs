//! Backup and restore of PostgreSQL while clients write, and a change of the database's password.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;
use support::postgres::{Cluster, fresh_database, psql};
use support::server::refusal;
use support::{Peer, Server, User};

use crate::databases::{at, mode, serve, variables};
use crate::page::{PAGE, drill, run};
use crate::writers::Writers;

fn titles(url: &str) -> BTreeSet<String> {
    psql(url, "select title from tasks").lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_postgres_has_every_acknowledged_write_and_is_restored() {
    let url = fresh_database();
    let server = serve(&url);
    let folder = server.folder();
    let ann = User::sign_up(&server, "ann").await;
    let writers = Writers::start(&ann, &[&server.base]);
    writers.until_acknowledged(50).await;
    let kept = writers.record().acknowledged;
    tokio::task::block_in_place(|| run(folder, drill("postgres-backup"), &[("DATABASE_URL", &url)]));
    assert_eq!(mode(&folder.join("taskbridge.dump")), 0o600);
    writers.until_acknowledged(50).await;
    let record = writers.stop().await;
    assert!(record.failures.is_empty(), "{:?}", record.failures);

    let (before, _) = url.rsplit_once('/').unwrap();
    let restored = format!("{before}/taskbridge_restored");
    let printed = run(folder, drill("postgres-restore"), &variables(&url, &[("RESTORED_URL", &restored)]));
    assert!(printed.contains("0 failed"), "{printed}");
    let found = titles(&restored);
    assert!(found.is_superset(&kept), "{:?}", kept.difference(&found));

    // Sessions and keys are as they were, and new rows get new ids.
    let server = serve(&restored);
    let peer = Peer::taskbridge(&server);
    assert_eq!(peer.get_session(&ann.cookie).await["user"]["id"], ann.id.as_str());
    let ann = at(&ann, &server);
    assert_eq!(ann.get(&ann.tasks("")).await.status(), 200);
    ann.add(json!({ "title": "after the restore" })).await;
    peer.jwt(&ann.cookie).await;

    // With another secret, the sessions have ended, and the private key cannot be decrypted.
    let other = server.again_with(&[("BETTER_AUTH_SECRET", "another-secret-not-for-production-0123456789")]);
    let peer = Peer::taskbridge(&other);
    assert!(peer.get_session(&ann.cookie).await.is_null());
    assert_eq!(peer.get_as_bearer("/token", &ann.session).await.status, 500);

    run(folder, drill("postgres-after"), &variables(&restored, &[]));
    assert!(Peer::taskbridge(&server).get_session(&ann.cookie).await.is_null());
    assert_eq!(psql(&restored, "select count(*) from session"), "0");
}

/// The role is replaced while two replicas serve; no write fails.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_password_is_changed_without_a_failed_request() {
    let cluster = Cluster::start();
    psql(&cluster.url(), "create role taskbridge login password 'first'");
    psql(&cluster.url(), "create database app owner taskbridge");
    cluster.authenticate("host all all 127.0.0.1/32 scram-sha-256");
    let url = |role: &str, password: &str| format!("postgres://{role}:{password}@{}/app", cluster.address());
    let old = url("taskbridge", "first");
    let replicas = [serve(&old), serve(&old)];
    let folder = replicas[0].folder().to_owned();
    let ann = User::sign_up(&replicas[0], "ann").await;
    let [one, two] = replicas;
    let writers = Writers::start(&ann, &[&one.base, &two.base]);

    fs::write(folder.join("database-password"), "second\n").unwrap();
    let admin = format!("postgres://postgres@{}/app", cluster.address());
    run(&folder, drill("database-role"), &[("ADMIN_URL", &admin)]);
    let new = url("taskbridge_b", "second");
    let mut replicas = Vec::new();
    for mut old in [one, two] {
        let successor = tokio::task::block_in_place(|| old.again_with(&[("DATABASE_URL", &new)]));
        replicas.push(successor);
        writers.send_to(&replicas.iter().map(|server: &Server| server.base.as_str()).collect::<Vec<_>>());
        writers.until_acknowledged(20).await;
        old.terminate();
        assert!(tokio::task::block_in_place(|| old.wait()).success());
    }
    run(&folder, drill("database-role-old"), &[("ADMIN_URL", &admin)]);
    writers.until_acknowledged(20).await;
    let record = writers.stop().await;
    assert!(record.failures.is_empty(), "{:?}", record.failures);
    assert_eq!(cluster.sessions("usename = 'taskbridge'"), 0);
    assert_eq!(titles(&admin), record.acknowledged);

    // The old password is refused, and the new role may change the tables of the old one.
    let refused = refusal(&old);
    assert!(refused.contains("taskbridge"), "{refused}");
    run(&folder, "taskbridge migrate down && taskbridge migrate up", &variables(&new, &[]));

    // Next time, the roles change places.
    let back = "alter role taskbridge login password";
    assert!(PAGE.contains(back));
    psql(&admin, &format!("{back} 'third'"));
    run(&folder, "taskbridge migrate status", &variables(&url("taskbridge", "third"), &[]));
}
