//! TLS to PostgreSQL, by the parameters of the URL.

use std::path::Path;

use serde_json::json;
use support::postgres::{Cluster, psql};
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};

/// The sessions of Taskbridge: how many use TLS, and how many do not.
fn sessions(cluster: &Cluster) -> String {
    let select = "select count(*) filter (where ssl), count(*) filter (where not ssl) from pg_stat_ssl \
                  join pg_stat_activity using (pid) where application_name = 'taskbridge'";
    psql(&cluster.url(), select)
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_as_sslmode_says() {
    let cluster = Cluster::start();
    cluster.offer_tls();
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/tls/authority.pem");
    let rooted = |mode: &str| format!("sslmode={mode}&sslrootcert={}", authority.display());
    let by_name = cluster.url().replace("127.0.0.1", "localhost");

    for (url, parameters, is_encrypted) in [
        (cluster.url(), "sslmode=disable".to_owned(), false),
        (cluster.url(), "sslmode=prefer".to_owned(), true),
        (cluster.url(), "sslmode=require".to_owned(), true),
        (cluster.url(), rooted("require"), true),
        (cluster.url(), rooted("verify-ca"), true),
        (by_name.clone(), rooted("verify-full"), true),
    ] {
        let server = Server::start_with(&[("DATABASE_URL", &format!("{url}?{parameters}"))]);
        User::sign_up(&server, "ann").await.add(json!({ "title": "x" })).await;
        let sessions = sessions(&cluster);
        let (encrypted, plain) = sessions.split_once('|').unwrap();
        assert_eq!((encrypted != "0", plain != "0"), (is_encrypted, !is_encrypted), "{parameters}: {sessions}");
        drop(server);
        psql(&cluster.url(), "delete from \"user\"");
    }

    for (url, parameters) in [
        // The certificate is for localhost.
        (cluster.url(), rooted("verify-full")),
        // The authorities of the web have not signed it.
        (by_name.clone(), "sslmode=verify-full".to_owned()),
        (by_name, "sslmode=verify-ca".to_owned()),
    ] {
        let url = format!("{url}?{parameters}");
        let (status, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &url)]);
        assert_eq!(status.code(), Some(1));
        assert!(message.contains("cannot open the database: invalid peer certificate"), "{parameters}: {message}");
    }

    let plain = Cluster::start();
    let url = format!("{}?sslmode=require", plain.url());
    let (_, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &url)]);
    assert!(message.contains("server does not support TLS"), "{message}");
}
