//! TLS connections to PostgreSQL, by URL parameters.

use serde_json::json;
use support::impostor::{Impostor, Reply};
use support::postgres::{Cluster, psql};
use support::server::refusal;
use support::{Server, User};

/// Returns how many sessions of Taskbridge use TLS, and how many do not.
fn sessions(cluster: &Cluster) -> String {
    let select = "select count(*) filter (where ssl), count(*) filter (where not ssl) from pg_stat_ssl \
                  join pg_stat_activity using (pid) where application_name = 'taskbridge'";
    psql(&cluster.url(), select)
}

/// Returns the path of a certificate for `localhost`. `authority` has signed `localhost`, which has an alternative
/// name; `self-signed` is created as in PostgreSQL's manual: a certificate authority of version 3 without alternative
/// names.
fn certificate(name: &str) -> String {
    format!("{}/vectors/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"))
}

fn rooted(mode: &str, name: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", certificate(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_as_sslmode_says() {
    let cluster = Cluster::start();
    cluster.offer_tls("localhost");
    let by_name = cluster.url().replace("127.0.0.1", "localhost");
    for (url, parameters, is_encrypted) in [
        (cluster.url(), "sslmode=disable".to_owned(), false),
        (cluster.url(), "ssl=false".to_owned(), false),
        (cluster.url(), "sslmode=prefer".to_owned(), true),
        (cluster.url(), "sslmode=require".to_owned(), true),
        (cluster.url(), "ssl=true".to_owned(), true),
        (cluster.url(), rooted("require", "authority"), true),
        (cluster.url(), rooted("verify-ca", "authority"), true),
        (by_name.clone(), rooted("verify-full", "authority"), true),
        (by_name.clone(), rooted("verify-full", "localhost"), true),
        (by_name.clone(), rooted("verify-full&ssl_min_protocol_version=TLSv1.3&sslsni=0", "authority"), true),
    ] {
        let server = Server::start_with(&[("DATABASE_URL", &format!("{url}?{parameters}"))]);
        User::sign_up(&server, "ann").await.add(json!({ "title": "x" })).await;
        let sessions = sessions(&cluster);
        let (encrypted, plain) = sessions.split_once('|').unwrap();
        assert_eq!((encrypted != "0", plain != "0"), (is_encrypted, !is_encrypted), "{parameters}: {sessions}");
        drop(server);
        psql(&cluster.url(), "delete from \"user\"");
    }

    for (url, parameters, sentence) in [
        (cluster.url(), rooted("verify-full", "authority"), "is for another host; write the host"),
        (
            by_name.clone(),
            "sslmode=verify-full".to_owned(),
            "not signed by an authority that is trusted; name the PEM file",
        ),
        (
            by_name.clone(),
            "sslrootcert=system".to_owned(),
            "not signed by an authority that is trusted; name the PEM file",
        ),
        (
            by_name.clone(),
            rooted("verify-ca", "self-signed"),
            "not signed by an authority that is trusted; name the cert",
        ),
        (
            by_name.clone(),
            "sslmode=verify-ca&sslrootcert=/none.pem".to_owned(),
            "cannot read the certificates in /none.pem",
        ),
        (
            by_name,
            format!("sslmode=require&sslcert={}&sslkey=/none.key", certificate("localhost")),
            "the private key in /none.key",
        ),
    ] {
        let message = refusal(&format!("{url}?{parameters}"));
        assert!(message.contains("cannot open the database: "), "{parameters}: {message}");
        assert!(message.contains(sentence), "{parameters}: {message}");
    }

    let plain = Cluster::start();
    for parameter in ["sslmode=require", "ssl=true", "ssl", "sslmode=verify-full"] {
        let message = refusal(&format!("{}?{parameter}", plain.url()));
        assert!(message.contains("offers no TLS, which DATABASE_URL requires; turn TLS on"), "{message}");
    }
}

/// As in libpq, `sslrootcert` may be the server's own certificate, and a certificate without alternative names is valid
/// for its common name.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_a_server_can_be_its_own_root() {
    let cluster = Cluster::start();
    cluster.offer_tls("self-signed");
    let by_name = cluster.url().replace("127.0.0.1", "localhost");
    let named = |mode| rooted(mode, "self-signed");
    for (url, parameters) in [(cluster.url(), named("verify-ca")), (by_name.clone(), named("verify-full"))] {
        let server = Server::start_with(&[("DATABASE_URL", &format!("{url}?{parameters}"))]);
        User::sign_up(&server, "ann").await;
        psql(&cluster.url(), "delete from \"user\"");
    }
    let message = refusal(&format!("{}?{}", cluster.url(), named("verify-full")));
    assert!(message.contains("is for another host"), "{message}");
    let message = refusal(&format!("{by_name}?{}", rooted("verify-ca", "authority")));
    assert!(message.contains("is that of an authority (CA:TRUE)"), "{message}");
    for (certificate, sentence) in
        [("expired", "has expired; renew it"), ("version-1", "is of X.509 version 1; make a certificate of version 3")]
    {
        let cluster = Cluster::start();
        cluster.offer_tls(certificate);
        let url = cluster.url().replace("127.0.0.1", "localhost");
        let message = refusal(&format!("{url}?{}", rooted("verify-full", certificate)));
        assert!(message.contains(sentence), "{message}");
    }
}

/// A program that takes the place of the server asks for the password in clear text.
#[test]
fn an_impostor_does_not_get_the_password() {
    const PASSWORD: &str = "hunter2";
    for (reply, parameters, sentence) in [
        // The URL that Neon's console shows does not verify the certificate.
        (
            Reply::Tls("self-signed"),
            "sslmode=require&channel_binding=require".to_owned(),
            "did not use channel binding",
        ),
        (Reply::Tls("localhost"), "sslmode=prefer&channel_binding=require".to_owned(), "did not use channel binding"),
        (Reply::NoTls, "sslmode=prefer&channel_binding=require".to_owned(), "did not use channel binding"),
        (Reply::NoTls, "sslmode=require&channel_binding=require".to_owned(), "offers no TLS"),
        (Reply::NoTls, "sslmode=require".to_owned(), "offers no TLS"),
        (Reply::NoTls, "ssl=true".to_owned(), "offers no TLS"),
        (Reply::Tls("localhost"), "sslmode=verify-full".to_owned(), "not signed by an authority"),
        (Reply::Tls("localhost"), "sslrootcert=system".to_owned(), "not signed by an authority"),
        (Reply::Tls("localhost"), "sslmode=require&sslaccept=strict".to_owned(), "not signed by an authority"),
        (Reply::Tls("self-signed"), rooted("require", "authority"), "is that of an authority (CA:TRUE)"),
        (Reply::Tls("localhost"), rooted("verify-full", "authority"), "is for another host"),
    ] {
        let impostor = Impostor::start(reply);
        let message = refusal(&format!("postgres://ann:{PASSWORD}@{}/db?{parameters}", impostor.address));
        assert_eq!(impostor.received(), b"", "{reply:?} {parameters}: {message}");
        assert!(message.contains(sentence) && !message.contains(PASSWORD), "{reply:?} {parameters}: {message}");
    }
    // The counterpart: without these parameters, the impostor receives the password.
    let impostor = Impostor::start(Reply::Tls("self-signed"));
    let message = refusal(&format!("postgres://ann:{PASSWORD}@{}/db?sslmode=require", impostor.address));
    assert!(message.contains("closed the connection"), "{message}");
    assert!(String::from_utf8_lossy(&impostor.received()).contains(PASSWORD));
}

/// As in libpq, only a server that is unreachable leads to the next one.
#[test]
fn a_password_that_one_server_rejects_is_not_sent_to_the_next() {
    let cluster = Cluster::start();
    psql(&cluster.url(), "create role ann login password 'right'");
    cluster.authenticate("host all ann 127.0.0.1/32 scram-sha-256");
    cluster.offer_tls("self-signed");
    let first = cluster.address();
    for (parameters, sentence) in [
        ("", "password authentication failed for user"),
        ("sslmode=require", "password authentication failed for user"),
        ("sslrootcert=system", "is that of an authority (CA:TRUE)"),
    ] {
        for reply in [Reply::NoTls, Reply::Tls("self-signed")] {
            let impostor = Impostor::start(reply);
            let message = refusal(&format!("postgres://ann:hunter2@{first},{}/db?{parameters}", impostor.address));
            assert!(message.contains(sentence), "{parameters}: {message}");
            assert_eq!(impostor.received(), b"", "{parameters}");
        }
    }
    let impostor = Impostor::start(Reply::NoTls);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let message = refusal(&format!("postgres://ann:hunter2@{nobody},{}/db?sslmode=disable", impostor.address));
    assert!(String::from_utf8_lossy(&impostor.received()).contains("hunter2"), "{message}");
}

/// `channel_binding=require` succeeds only with a SCRAM password over TLS.
#[tokio::test(flavor = "multi_thread")]
async fn channel_binding_requires_scram_over_tls() {
    let cluster = Cluster::start();
    for role in ["scram", "md5"] {
        let encryption = if role == "md5" { "md5" } else { "scram-sha-256" };
        let create = format!("set password_encryption = '{encryption}'; create role {role} login password 'x'");
        psql(&cluster.url(), &create);
        psql(&cluster.url(), &format!("create database {role} owner {role}"));
    }
    cluster.authenticate("host all scram 127.0.0.1/32 scram-sha-256\nhost all md5 127.0.0.1/32 md5");
    let url = |role: &str, parameters: &str| format!("postgres://{role}:x@{}/{role}?{parameters}", cluster.address());
    let starts = async |url: String| {
        let server = Server::start_with(&[("DATABASE_URL", &url)]);
        User::sign_up(&server, "ann").await;
        psql(&url.replace("channel_binding", "sslmode=prefer&channel_binding"), "delete from \"user\"");
    };
    // Without TLS there is nothing to bind to.
    starts(url("scram", "channel_binding=prefer")).await;
    let message = refusal(&url("scram", "channel_binding=require"));
    assert!(message.contains("did not use channel binding"), "{message}");
    cluster.offer_tls("self-signed");
    for binding in ["disable", "prefer", "require"] {
        starts(url("scram", &format!("channel_binding={binding}"))).await;
    }
    starts(url("md5", "channel_binding=prefer")).await;
    let message = refusal(&url("md5", "channel_binding=require"));
    assert!(message.contains("did not use channel binding, which channel_binding=require demands; let"), "{message}");
}

/// `sslmode=prefer`, the default, falls back to plain text if the server rejects TLS.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_tls_is_reached_without() {
    let cluster = Cluster::start();
    cluster.offer_tls("localhost");
    psql(&cluster.url(), "create role plain login");
    psql(&cluster.url(), "create database plain owner plain");
    cluster.authenticate("hostnossl all plain 127.0.0.1/32 trust");
    let url = format!("postgres://plain@{}/plain", cluster.address());
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    User::sign_up(&server, "ann").await;
    let message = refusal(&format!("{url}?sslmode=require"));
    assert!(message.contains("no pg_hba.conf entry") && message.contains("; allow this host"), "{message}");
}
