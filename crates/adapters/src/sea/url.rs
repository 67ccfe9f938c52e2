//! Which database: a URL as it is pasted.

use std::fmt;
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use thiserror::Error;
use url::Url;

/// Parameters of a PostgreSQL URL that the driver knows. It logs all others with their values, so they are taken out
/// before; Neon's `channel_binding` is one, and of no use to a driver that does not offer it.
const DRIVER_PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Why a text names no database that we know. The text is not part of the message: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be sqlite://<path> or postgres://<user>:<password>@<host>/<database>")]
pub struct InvalidDatabaseUrl;

/// The address of a database. Its `Debug` shows the kind only.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres {
        options: Box<PgConnectOptions>,
        /// Whether a pooler stands before it that hands a server connection to another client after each transaction.
        pooled: bool,
    },
}

impl DatabaseUrl {
    /// Says what the URL does not: that a pooler in transaction mode stands before the database, or that none does.
    #[must_use]
    pub fn with_pooler(mut self, stands_before: bool) -> Self {
        if let Kind::Postgres { pooled, .. } = &mut self.0 {
            *pooled = stands_before;
        }
        self
    }

    /// Whether a pooler in transaction mode stands before the database.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        matches!(self.0, Kind::Postgres { pooled: true, .. })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Sqlite(_) => "DatabaseUrl(sqlite)",
            Kind::Postgres { .. } => "DatabaseUrl(postgres)",
        })
    }
}

/// Where it is, for people; without user, password and parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(options) => write!(f, "sqlite://{}", options.get_filename().display()),
            Kind::Postgres { options, pooled } => {
                let (host, port, database) = (options.get_host(), options.get_port(), options.get_database());
                let pooled = if *pooled { "pooled" } else { "not pooled" };
                write!(f, "postgres://{host}:{port}/{}, {pooled}", database.unwrap_or_default())
            }
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        match text.split_once(':') {
            Some(("sqlite", _)) => {
                let options = text.parse().map_err(|_shows_the_url| InvalidDatabaseUrl)?;
                Ok(Self(Kind::Sqlite(Box::new(options))))
            }
            Some(("postgres" | "postgresql", _)) => postgres(text).ok_or(InvalidDatabaseUrl),
            _ => Err(InvalidDatabaseUrl),
        }
    }
}

fn postgres(text: &str) -> Option<DatabaseUrl> {
    // An @ this far behind stands in a password that is not percent-encoded: its second half would be the database.
    let mut url = Url::parse(text).ok().filter(|url| !url.path().contains('@'))?;
    let parameters: Vec<_> = url.query_pairs().into_owned().collect();
    // Neon names its poolers `<endpoint>-pooler.<region>…`; Prisma's URLs say `pgbouncer=true`.
    let by_host = url.host_str().and_then(|host| host.split('.').next()).is_some_and(|name| name.ends_with("-pooler"));
    let by_parameter = |(name, value): &(String, String)| {
        (name == "pgbouncer" || name == "pooled") && matches!(value.as_str(), "true" | "1" | "on")
    };
    let pooled = by_host || parameters.iter().any(by_parameter);
    let known = parameters.iter().filter(|(name, _)| DRIVER_PARAMETERS.contains(&name.as_str()));
    url.query_pairs_mut().clear().extend_pairs(known);
    let options = url.as_str().parse().ok()?;
    Some(DatabaseUrl(Kind::Postgres { options: Box::new(options), pooled }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<DatabaseUrl> {
        text.parse().ok()
    }

    /// Q1: as Neon's console gives it.
    #[test]
    fn a_neon_url_is_taken_as_pasted() {
        let direct = "postgresql://ann:hunter2@ep-cool-name-123.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
        let pooled = direct.replace("ep-cool-name-123.", "ep-cool-name-123-pooler.");
        assert!(!parse(direct).unwrap().is_pooled());
        assert!(parse(&pooled).unwrap().is_pooled());
        let Kind::Postgres { options, .. } = parse(&pooled).unwrap().0 else { panic!("{pooled}") };
        assert_eq!(options.get_host(), "ep-cool-name-123-pooler.eu-central-1.aws.neon.tech");
        assert_eq!((options.get_username(), options.get_database()), ("ann", Some("neondb")));
        assert!(matches!(options.get_ssl_mode(), sea_orm::sqlx::postgres::PgSslMode::Require));
    }

    #[test]
    fn a_pooler_is_known_by_host_by_parameter_or_by_word() {
        for (url, pooled) in [
            ("postgres://u@localhost:6432/db", false),
            ("postgres://u@localhost:6432/db?pgbouncer=true", true),
            ("postgres://u@localhost:6432/db?pgbouncer=true&connection_limit=1", true),
            ("postgres://u@localhost:6432/db?pgbouncer=false", false),
            ("postgres://u@db-pooler/db", true),
            ("postgres://u@pooler.example.test/db-pooler", false),
        ] {
            assert_eq!(parse(url).unwrap().is_pooled(), pooled, "{url}");
            assert!(parse(url).unwrap().with_pooler(true).is_pooled());
            assert!(!parse(url).unwrap().with_pooler(false).is_pooled());
        }
        assert!(!parse("sqlite://x.db").unwrap().with_pooler(true).is_pooled());
    }

    #[test]
    fn other_texts_are_refused_and_nothing_is_shown() {
        for text in [
            "",
            "x",
            "mysql://root:hunter2@localhost/db",
            "postgres://ann:hunter2@:x/",
            "postgres://ann:1/hunter2@h/db",
            "localhost:5432",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        let url = parse("postgres://ann:hunter2@localhost/db").unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres)");
        assert_eq!(url.to_string(), "postgres://localhost:5432/db, not pooled");
        assert_eq!(url.with_pooler(true).to_string(), "postgres://localhost:5432/db, pooled");
        assert_eq!(parse("sqlite://./data/x.db?mode=rw").unwrap().to_string(), "sqlite://./data/x.db");
        assert!(!InvalidDatabaseUrl.to_string().contains("hunter2"));
    }
}
