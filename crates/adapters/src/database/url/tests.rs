use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, SslNegotiation, TargetSessionAttrs};

use super::tls::{Roots, Verification};
use super::*;

fn postgres(text: &str) -> PostgresUrl {
    match text.parse::<DatabaseUrl>().unwrap_or_else(|error| panic!("{text}: {error}")).0 {
        ParsedUrl::Postgres(url) => *url,
        ParsedUrl::Sqlite(_) => panic!("{text}"),
    }
}

/// Parses a PostgreSQL URL that has these parameters.
fn with(parameters: &str) -> PostgresUrl {
    postgres(&format!("postgres://u@db.test/app?{parameters}"))
}

fn config(text: &str) -> Config {
    postgres(text).config
}

fn file(text: &str) -> String {
    match text.parse::<DatabaseUrl>().unwrap_or_else(|error| panic!("{text}: {error}")).0 {
        ParsedUrl::Sqlite(url) => url.options.get_filename().display().to_string(),
        ParsedUrl::Postgres(_) => panic!("{text}"),
    }
}

fn refusal(text: &str) -> String {
    match text.parse::<DatabaseUrl>() {
        Ok(url) => panic!("{text} is {url}"),
        Err(error) => error.to_string(),
    }
}

/// The URLs have the form that the consoles of database providers show.
#[test]
fn urls_of_providers_are_taken_as_pasted() {
    let pooled = "postgresql://ann:hunter2@ep-cool-name-123-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
    let neon = config(pooled);
    assert_eq!(neon.get_hosts(), [Host::Tcp("ep-cool-name-123-pooler.eu-central-1.aws.neon.tech".into())]);
    assert_eq!((neon.get_user(), neon.get_password()), (Some("ann"), Some(&b"hunter2"[..])));
    assert_eq!((neon.get_dbname(), neon.get_ssl_mode()), (Some("neondb"), SslMode::Require));
    assert_eq!(neon.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(postgres(pooled).pooler, Pooler::Detect);
    for url in [
        "postgresql://postgres.abc:pw@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true&connection_limit=1",
        "postgres://postgres.abc:pw@aws-0-us-east-1.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
        "postgresql://ann:pw@localhost:5432/app?schema=public&pool_timeout=10&sslaccept=accept_invalid_certs",
        "postgresql://ann:pw@localhost/app?sslmode=require&uselibpqcompat=true&statement_cache_size=0",
        "postgresql://doadmin:pw@db-do-user.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
    ] {
        postgres(url);
    }
}

#[test]
fn hosts_ports_and_addresses_are_those_of_libpq() {
    for (url, servers) in [
        ("postgres://u@h/db", "h:5432"),
        ("postgres://u@h:5433", "h:5433"),
        ("postgres://", "localhost:5432"),
        ("postgres:///db", "localhost:5432"),
        ("postgres://u:p@:5433/db", "localhost:5433"),
        ("postgres://u@a.test:1,b.test:2,[::1]:3/db", "a.test:1,b.test:2,[::1]:3"),
        ("postgres://u@a,b:6000/db", "a:5432,b:6000"),
        ("postgres://u@[::1]/db", "[::1]:5432"),
        ("postgres://u@%2Fvar%2Frun%2Fpostgresql/db", "/var/run/postgresql:5432"),
        // Parameters override the host and the port that come before the `?`.
        ("postgres:///db?host=/var/run/postgresql", "/var/run/postgresql:5432"),
        ("postgres://u@/db?host=/tmp&port=5433", "/tmp:5433"),
        ("postgres://u@:5433/db?host=/tmp", "/tmp:5433"),
        ("postgres://u:p@localhost/db?host=/cloudsql/project:region:name", "/cloudsql/project:region:name:5432"),
        ("postgres://u@h:5432/db?port=6543", "h:6543"),
        ("postgres://u@h/db?host=a,b&port=1,2", "a:1,b:2"),
        ("postgres://u@a,b/db?port=6543", "a:6543,b:6543"),
        ("postgres:///db?hostaddr=10.0.0.1,::1", "10.0.0.1:5432,[::1]:5432"),
        ("postgres://u@db.test/db?hostaddr=10.0.0.1", "db.test:5432"),
    ] {
        assert_eq!(postgres(url).servers(), servers, "{url}");
    }
    assert_eq!(
        config("postgres://u@db.test/db?hostaddr=10.0.0.1").get_hostaddrs(),
        ["10.0.0.1".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(
        "postgres://a:1,b/db".parse::<DatabaseUrl>().unwrap().to_string(),
        "postgres://a:1,b:5432/db, pooled: auto"
    );
}

#[test]
fn user_password_and_database_are_decoded() {
    for (url, user, password, database) in [
        ("postgres://ann:p%40ss%2Fw%3Frd%23%25@h/my%20db", Some("ann"), Some("p@ss/w?rd#%"), Some("my db")),
        ("postgres://ann:a:b@h/", Some("ann"), Some("a:b"), None),
        ("postgres://ann:p+w@h/db", Some("ann"), Some("p+w"), Some("db")),
        ("postgres://h/db?user=ann&password=p%40s", Some("ann"), Some("p@s"), Some("db")),
        ("postgres://ann:x@h/db?dbname=other", Some("ann"), Some("x"), Some("other")),
        ("postgres://h", None, None, None),
    ] {
        let config = config(url);
        assert_eq!((config.get_user(), config.get_dbname()), (user, database), "{url}");
        assert_eq!(config.get_password(), password.map(str::as_bytes), "{url}");
    }
}

#[test]
fn tls_parameters_select_mode_verification_and_roots() {
    use Verification::{Authority, Full, None};
    for (parameters, mode, verification, roots) in [
        ("", SslMode::Prefer, None, Roots::Web),
        ("sslmode=disable", SslMode::Disable, None, Roots::Web),
        ("sslmode=allow", SslMode::Prefer, None, Roots::Web),
        ("sslmode=prefer", SslMode::Prefer, None, Roots::Web),
        ("sslmode=require", SslMode::Require, None, Roots::Web),
        ("sslmode=require&sslrootcert=ca.pem", SslMode::Require, Authority, Roots::File("ca.pem".into())),
        ("sslmode=prefer&sslrootcert=ca.pem", SslMode::Prefer, None, Roots::File("ca.pem".into())),
        ("sslmode=verify-ca&sslrootcert=%2Fca.pem", SslMode::Require, Authority, Roots::File("/ca.pem".into())),
        ("sslmode=verify-full", SslMode::Require, Full, Roots::Web),
        ("sslmode=verify-full&sslrootcert=system", SslMode::Require, Full, Roots::System),
        ("sslrootcert=system", SslMode::Require, Full, Roots::System),
        // Parameters of JDBC, node-postgres and Prisma.
        ("ssl=true", SslMode::Require, None, Roots::Web),
        ("ssl", SslMode::Require, None, Roots::Web),
        ("ssl=1", SslMode::Require, None, Roots::Web),
        ("ssl=require", SslMode::Require, None, Roots::Web),
        ("ssl=false", SslMode::Disable, None, Roots::Web),
        ("ssl=true&sslmode=verify-full", SslMode::Require, Full, Roots::Web),
        ("ssl=true&sslrootcert=ca.pem", SslMode::Require, Authority, Roots::File("ca.pem".into())),
        ("sslmode=require&sslaccept=strict", SslMode::Require, Full, Roots::Web),
        ("sslaccept=strict&sslrootcert=ca.pem", SslMode::Require, Full, Roots::File("ca.pem".into())),
        ("sslmode=require&sslaccept=accept_invalid_certs", SslMode::Require, None, Roots::Web),
    ] {
        let url = with(parameters);
        assert_eq!(url.config.get_ssl_mode(), mode, "{parameters}");
        assert_eq!((url.tls.verification, url.tls.roots), (verification, roots), "{parameters}");
    }
    let url = with(
        "sslmode=require&sslcert=c.pem&sslkey=k.pem&sslsni=0&sslnegotiation=direct&ssl_min_protocol_version=TLSv1.3",
    );
    assert_eq!(url.tls.client_certificate, Some(("c.pem".into(), "k.pem".into())));
    assert!(url.tls.is_direct && url.tls.needs_tls13 && !url.tls.sends_server_name);
    assert_eq!(url.config.get_ssl_negotiation(), SslNegotiation::Direct);
    for (parameters, binding) in [
        ("", ChannelBinding::Prefer),
        ("channel_binding=disable", ChannelBinding::Disable),
        ("channel_binding=prefer", ChannelBinding::Prefer),
        ("channel_binding=require", ChannelBinding::Require),
    ] {
        assert_eq!(with(parameters).config.get_channel_binding(), binding, "{parameters}");
    }
}

#[test]
fn transport_follows_from_hosts_and_tls_parameters() {
    for (url, transport) in [
        ("sqlite://x.db", Transport::Local),
        ("postgres://u@localhost,127.0.0.2,[::1]/db?sslmode=disable", Transport::Local),
        ("postgres://u@/db?host=/tmp", Transport::Local),
        ("postgres://u@db.test/db?hostaddr=127.0.0.1", Transport::Local),
        ("postgres://u@localhost/db?hostaddr=10.0.0.1", Transport::Opportunistic),
        ("postgres://u@localhost,db.test/db", Transport::Opportunistic),
        ("postgres://u@db.test/db?sslmode=disable", Transport::Plain),
        ("postgres://u@db.test/db?sslmode=require", Transport::Unverified),
        ("postgres://u@db.test/db?sslmode=require&channel_binding=require", Transport::ChannelBound),
        ("postgres://u@db.test/db?channel_binding=require", Transport::ChannelBound),
        ("postgres://u@db.test/db?sslmode=verify-ca&sslrootcert=ca.pem", Transport::Verified { is_for_host: false }),
        ("postgres://u@db.test/db?sslrootcert=system", Transport::Verified { is_for_host: true }),
    ] {
        assert_eq!(url.parse::<DatabaseUrl>().unwrap().transport(), transport, "{url}");
    }
}

#[test]
fn every_parameter_for_the_search_path_is_read() {
    for (parameters, path, options) in [
        ("", None, None),
        ("schema=auth", Some(r#""auth""#), None),
        ("schema=My,App", Some(r#""My,App""#), None),
        ("search_path=\u{c4}pp", Some("\"\u{c4}pp\""), None),
        ("currentSchema=auth,public", Some(r#""auth", "public""#), None),
        ("search_path=Auth", Some(r#""auth""#), None),
        ("search_path=%22Auth%22&schema=Auth", Some(r#""Auth""#), None),
        ("options=-c%20search_path%3Dauth", Some(r#""auth""#), None),
        ("options=-csearch-path%3Dauth%20-c%20lock_timeout%3D1s", Some(r#""auth""#), Some("-c lock_timeout=1s")),
        ("options=--search_path%3Da%2Cb", Some(r#""a", "b""#), None),
        (r"options=-c%20search_path%3D%22%24user%22%2C%5C%20public", Some(r#""$user", "public""#), None),
        ("options=endpoint%3Dep-cool-name", None, Some("endpoint=ep-cool-name")),
        (r"options=-c%20x.y%3Da%5C%20b", None, Some(r"-c x.y=a\ b")),
    ] {
        let url = with(parameters);
        assert_eq!(url.search_path.map(|path| path.to_string()).as_deref(), path, "{parameters}");
        assert_eq!(url.config.get_options(), options, "{parameters}");
    }
}

#[test]
fn the_socket_and_the_choice_of_a_server_are_those_of_libpq() {
    use std::time::Duration;
    let all = with(
        "connect_timeout=3&keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=2&tcp_user_timeout=1500&\
         target_session_attrs=primary&application_name=tasks&fallback_application_name=x",
    )
    .config;
    assert_eq!(all.get_connect_timeout(), Some(&Duration::from_secs(3)));
    assert_eq!((all.get_keepalives(), all.get_keepalives_idle()), (true, Duration::from_secs(30)));
    assert_eq!(all.get_keepalives_interval(), Some(Duration::from_secs(5)));
    assert_eq!(
        (all.get_keepalives_retries(), all.get_tcp_user_timeout()),
        (Some(2), Some(&Duration::from_millis(1500)))
    );
    assert_eq!(all.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    assert_eq!(all.get_application_name(), Some("tasks"));
    let zero = with("connect_timeout=0&keepalives=0&keepalives_idle=0&fallback_application_name=x").config;
    assert_eq!((zero.get_connect_timeout(), zero.get_keepalives()), (None, false));
    assert_eq!(zero.get_keepalives_idle(), Config::new().get_keepalives_idle());
    assert_eq!(zero.get_application_name(), Some("x"));
}

#[test]
fn a_pooler_is_declared_by_parameter_or_by_setting() {
    for (url, pooler) in [
        ("postgres://u@localhost:6432/db", Pooler::Detect),
        ("postgres://u@localhost:6432/db?pgbouncer=true", Pooler::Present),
        ("postgres://u@localhost:6432/db?pooled=on", Pooler::Present),
        ("postgres://u@localhost:6432/db?pgbouncer=false", Pooler::Detect),
        ("postgres://u@db-pooler/db", Pooler::Detect),
    ] {
        let url: DatabaseUrl = url.parse().unwrap();
        assert_eq!(url.pooler(), pooler, "{url}");
        for declared in [Pooler::Detect, Pooler::Present, Pooler::Absent] {
            assert_eq!(url.clone().with_pooler(declared).pooler(), declared);
        }
    }
    let sqlite: DatabaseUrl = "sqlite://x.db".parse().unwrap();
    assert_eq!(sqlite.with_pooler(Pooler::Present).pooler(), Pooler::Absent);
}

#[test]
fn a_path_of_sqlite_is_relative_or_absolute() {
    for (url, path) in [
        ("sqlite://data/x.db", "data/x.db"),
        ("sqlite://./data/x.db?mode=rw", "./data/x.db"),
        ("sqlite:data/x.db", "data/x.db"),
        ("sqlite:///srv/x.db", "/srv/x.db"),
        ("sqlite:/srv/x.db", "/srv/x.db"),
        // As in SQLAlchemy, an absolute path can follow four slashes, and a relative path three.
        ("sqlite:////srv/x.db", "/srv/x.db"),
        ("sqlite:///./x.db", "./x.db"),
        ("sqlite:///../data/x.db?check_same_thread=false", "../data/x.db"),
        ("sqlite:////x.db", "/x.db"),
        ("sqlite://my%20tasks%3F.db", "my tasks?.db"),
    ] {
        assert_eq!(file(url), path, "{url}");
    }
    for (url, expected) in
        [("sqlite://x.db", false), ("sqlite://x.db?mode=rwc", false), ("sqlite://x.db?mode=rw", true)]
    {
        let ParsedUrl::Sqlite(url) = url.parse::<DatabaseUrl>().unwrap().0 else { panic!("{url}") };
        assert_eq!(url.must_exist, expected);
    }
}

/// Checks for each mistake that the error names it and gives advice. `hunter2` stands for a part of a password, which
/// no error may contain.
#[test]
fn an_invalid_url_is_rejected_with_advice_and_without_its_values() {
    for (url, sentence) in [
        ("", "must be sqlite://<path> or postgres://"),
        ("x", "must be sqlite://<path> or postgres://"),
        ("localhost:5432", "must be sqlite://<path> or postgres://"),
        ("postgres:hunter2", "must be sqlite://<path> or postgres://"),
        ("sqlite://", "must be sqlite://<path> or postgres://"),
        ("'postgres://u@h/db'", "remove quotation marks and any other text"),
        ("psql postgres://u@h/db", "remove quotation marks and any other text"),
        (
            "postgresql+asyncpg://u:hunter2@h/db",
            "scheme postgresql+asyncpg, which is not supported; write postgresql://",
        ),
        (
            "postgresql+psycopg2://u:hunter2@h/db",
            "scheme postgresql+psycopg2, which is not supported; write postgresql://",
        ),
        ("jdbc:postgresql://h/db", "scheme jdbc, which is not supported; write postgresql:// without jdbc:"),
        ("sqlite+aiosqlite:///./x.db", "scheme sqlite+aiosqlite, which is not supported; write sqlite://<path>"),
        ("libsql://x.turso.io", "libSQL is not supported"),
        ("file:./dev.db", "scheme file, which is not supported; write sqlite://<path>"),
        ("prisma+postgres://accelerate.prisma-data.net/?api_key=hunter2", "the URL of the database itself"),
        ("mysql://root:hunter2@localhost/db", "MySQL is not supported"),
        ("mongodb+srv://root:hunter2@localhost/db", "MongoDB is not supported"),
        ("postgres://ann:hunter#2@h/db", "percent-encode them: %23 for #"),
        ("postgres://ann:1/hunter2@h/db", "percent-encode them"),
        ("postgres://ann:1@hunter2@h/db", "percent-encode them"),
        ("postgres://ann:1?hunter2@h/db", "percent-encode them"),
        ("postgres://ann:1?sslmode=hunter2@h/db", "percent-encode them"),
        ("postgres://ann:100%hunter2@h/db", "write %25 for a literal %"),
        ("postgres://ann:%ff%hunter2@h/db", "write %25 for a literal %"),
        ("postgres://ann:hunter2@:x/", "a port that is not a number"),
        ("postgres://u@h:0/db", "a port that is not a number"),
        ("postgres://u@h:65536/db", "a port that is not a number"),
        ("postgres://u@a,,b/db", "a host that cannot be read"),
        ("postgres://u@[::1/db", "a host that cannot be read"),
        ("postgres://u@[::1]x/db", "a host that cannot be read"),
        ("postgres://u@a,b,c/db?port=1,2", "different numbers of hosts"),
        ("postgres://u@a,b/db?hostaddr=10.0.0.1", "different numbers of hosts"),
        ("postgres://u@h/db?hostaddr=h", "a value of hostaddr"),
        ("postgres://u@h/db?sslmode=verify-ca", "verify-ca requires sslrootcert=<file>"),
        ("postgres://u@h/db?channel_binding=", "a parameter without a value; write one"),
        ("postgres://u@h/db?sslmode=sometimes", "write disable, prefer, require, verify-ca or verify-full"),
        ("postgres://u@h/db?sslmode=no-verify", "no-verify is written as sslmode=require"),
        ("postgres://u@h/db?ssl=no-verify", "no-verify is written as sslmode=require"),
        ("postgres://u@h/db?ssl=hunter2", "a value of ssl that is not supported; write sslmode=require"),
        ("postgres://u@h/db?ssl=false&sslmode=require", "contradictory parameters for TLS"),
        ("postgres://u@h/db?ssl=true&sslmode=prefer", "contradictory parameters for TLS"),
        ("postgres://u@h/db?sslmode=disable&sslaccept=strict", "contradictory parameters for TLS"),
        ("postgres://u@h/db?sslmode=require&sslrootcert=system", "sslrootcert=system requires sslmode=verify-full"),
        ("postgres://u@h/db?sslmode=disable&channel_binding=require", "channel_binding=require requires TLS"),
        ("postgres://u@h/db?channel_binding=maybe", "write disable, prefer or require"),
        ("postgres://u@h/db?sslnegotiation=direct", "sslnegotiation=direct requires sslmode=require"),
        ("postgres://u@h/db&sslmode=require", "begin them with ?"),
        ("postgres://h/db?user=u&password=abc&hunter=2", "an unknown parameter; remove it"),
        ("postgres://u@h/db?keepalives_idle=99999999999", "a value of keepalives_idle"),
        ("postgres://u@h/db?sslcert=server.pem", "write both for a client certificate"),
        ("postgres://u@h/db?gssencmode=require", "GSSAPI is not supported"),
        ("postgres://u@h/db?client_encoding=LATIN1", "it is always UTF8"),
        ("postgres://u@h/db?target_session_attrs=fastest", "Taskbridge writes"),
        ("postgres://u@h/db?target_session_attrs=standby", "Taskbridge writes"),
        ("postgres://u@h/db?connect_timeout=3s", "a value of connect_timeout"),
        ("postgres://u@h/db?schema=a&search_path=b", "contradictory parameters for the search path"),
        ("postgres://u@h/db?search_path=a%20b", "a value of search_path"),
        ("postgres://u@h/db?sslmode=require&sslmode=disable", "contradictory parameters for one name"),
        ("postgres://u@h/db?require_auth=scram-sha-256", "the parameter require_auth, which is not supported"),
        ("postgres://u@h/db?service=main", "the parameter service, which is not supported"),
        ("postgres://u@h/db?statement_timeout=5000", "set database.statement_seconds"),
        ("postgres://u@h/db?ssl_sni=0", "an unknown parameter `ssl_sni`; did you mean sslsni?"),
        ("postgres://u@h/db?ssl_mode=require", "an unknown parameter `ssl_mode`; did you mean sslmode?"),
        ("postgres://u@h/db?SSLMODE=require", "an unknown parameter `SSLMODE`; did you mean sslmode?"),
        ("postgres://u@h/db?current_schema=x", "an unknown parameter `current_schema`; did you mean currentSchema?"),
        ("postgres://u@h/db?sslmod=require", "an unknown parameter `sslmod`; did you mean sslmode?"),
        ("postgres://u@h/db?colour=hunter2", "an unknown parameter `colour`; remove it"),
        ("postgres://u@h/db?hunter2", "a parameter without a value; write one"),
        ("sqlite:///x.db", "write sqlite://<file> for the current folder, or sqlite:////<file>"),
        ("sqlite://~/x.db", "begins with ~"),
        ("sqlite:///~/x.db", "begins with ~"),
        ("sqlite:///srv/data/", "add the name of a file"),
        ("sqlite://.", "add the name of a file"),
        ("sqlite://x.db?mode=ro", "write rwc, or rw"),
        ("sqlite://x.db?mode=memory", "write rwc, or rw"),
        ("sqlite://x.db?immutable=1", "Taskbridge writes to the file"),
        ("sqlite://x.db?cache=shared", "a value of cache"),
        ("sqlite://x.db?_journal_mode=WAL", "an unknown parameter `_journal_mode`; remove it"),
    ] {
        let said = refusal(url);
        assert!(said.contains(sentence), "{url}: {said}");
        assert!(!said.contains("hunter2"), "{url}: {said}");
    }
}

#[test]
fn a_name_that_postgresql_would_cut_is_rejected() {
    for (length, is_valid) in [(63, true), (64, false)] {
        for parameter in ["schema", "search_path"] {
            let url = format!("postgres://u@h/db?{parameter}={}", "x".repeat(length));
            assert_eq!(url.parse::<DatabaseUrl>().is_ok(), is_valid, "{url}");
        }
    }
}

#[test]
fn white_space_around_a_url_is_ignored() {
    assert_eq!(config(" postgres://u@h/db?sslmode=require\n").get_ssl_mode(), SslMode::Require);
    assert_eq!(file("sqlite://x.db\n"), "x.db");
}

#[test]
fn an_address_is_shown_without_user_and_password() {
    let url: DatabaseUrl = "postgres://ann:hunter2@localhost/db?sslmode=require".parse().unwrap();
    assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres)");
    assert_eq!(url.to_string(), "postgres://localhost:5432/db, pooled: auto");
    assert_eq!(url.with_pooler(Pooler::Present).to_string(), "postgres://localhost:5432/db, pooled: on");
    let url: DatabaseUrl = "postgres://localhost/db?schema=Auth".parse().unwrap();
    assert_eq!(url.to_string(), "postgres://localhost:5432/db, search path: \"Auth\", pooled: auto");
    assert_eq!("sqlite://./data/x.db?mode=rw".parse::<DatabaseUrl>().unwrap().to_string(), "sqlite://./data/x.db");
}
