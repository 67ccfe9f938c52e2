//! Database URLs.

mod invalid;
mod parameters;
mod postgres;
mod search_path;
mod sqlite;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::str::FromStr;

pub use self::invalid::InvalidDatabaseUrl;
pub use self::postgres::Pooler;
pub(super) use self::postgres::PostgresUrl;
pub(super) use self::search_path::SearchPath;
pub(super) use self::sqlite::SqliteUrl;
pub use self::tls::Transport;
pub(super) use self::tls::{Roots, TlsConfig, Verification};

/// URL schemes of other libraries and databases, which are not supported, each with advice.
const FOREIGN_SCHEMES: [(&str, &str); 19] = [
    ("postgresql+asyncpg", "write postgresql://"),
    ("postgresql+psycopg", "write postgresql://"),
    ("postgresql+psycopg2", "write postgresql://"),
    ("postgresql+psycopg_async", "write postgresql://"),
    ("postgresql+pg8000", "write postgresql://"),
    ("postgres+asyncpg", "write postgres://"),
    ("postgres+psycopg2", "write postgres://"),
    ("jdbc", "write postgresql:// without jdbc:, and user and password before the host"),
    ("prisma", "write the URL of the database itself, postgresql://"),
    ("prisma+postgres", "write the URL of the database itself, postgresql://"),
    ("sqlite+aiosqlite", "write sqlite://<path>; an absolute path begins with a slash"),
    ("sqlite+pysqlite", "write sqlite://<path>; an absolute path begins with a slash"),
    ("file", "write sqlite://<path>; Prisma's paths are relative to the folder of its schema"),
    ("libsql", "libSQL is not supported: use PostgreSQL or a SQLite file"),
    ("mysql", "MySQL is not supported: use PostgreSQL or SQLite"),
    ("mariadb", "MariaDB is not supported: use PostgreSQL or SQLite"),
    ("mongodb", "MongoDB is not supported: use PostgreSQL or SQLite"),
    ("mongodb+srv", "MongoDB is not supported: use PostgreSQL or SQLite"),
    ("sqlserver", "SQL Server is not supported: use PostgreSQL or SQLite"),
];

/// The URL of a database. Its `Debug` output shows only the kind of database, because the URL may contain a password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) ParsedUrl);

#[derive(Clone)]
pub(super) enum ParsedUrl {
    Sqlite(Box<SqliteUrl>),
    Postgres(Box<PostgresUrl>),
}

impl DatabaseUrl {
    /// Returns how connections are protected against attackers on the network path.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match &self.0 {
            ParsedUrl::Sqlite(_) => Transport::Local,
            ParsedUrl::Postgres(url) => url.transport(),
        }
    }

    /// Returns `true` if statements are executed by this process, which is the case for SQLite.
    #[must_use]
    pub fn is_in_process(&self) -> bool {
        matches!(self.0, ParsedUrl::Sqlite(_))
    }

    /// Overrides what the URL says about a pooler in transaction mode. Has no effect on the URL of a SQLite file.
    #[must_use]
    pub fn with_pooler(mut self, declared: Pooler) -> Self {
        if let ParsedUrl::Postgres(url) = &mut self.0 {
            url.pooler = declared;
        }
        self
    }

    /// Returns whether the URL or [`with_pooler`](Self::with_pooler) declares a pooler; [`Pooler::Absent`] for SQLite.
    #[must_use]
    pub fn pooler(&self) -> Pooler {
        match &self.0 {
            ParsedUrl::Sqlite(_) => Pooler::Absent,
            ParsedUrl::Postgres(url) => url.pooler,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            ParsedUrl::Sqlite(_) => "DatabaseUrl(sqlite)",
            ParsedUrl::Postgres(_) => "DatabaseUrl(postgres)",
        })
    }
}

/// Formats the database and its search path, without user, password and other parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ParsedUrl::Sqlite(url) => write!(f, "sqlite://{}", url.options.get_filename().display()),
            ParsedUrl::Postgres(url) => {
                let pooler = match url.pooler {
                    Pooler::Detect => "auto",
                    Pooler::Present => "on",
                    Pooler::Absent => "off",
                };
                let database = url.config.get_dbname().unwrap_or_default();
                write!(f, "postgres://{}/{database}", url.servers())?;
                if let Some(path) = &url.search_path {
                    write!(f, ", search path: {path}")?;
                }
                write!(f, ", pooled: {pooler}")
            }
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        // White space around the URL is ignored, because a setting that was read from a file may end with a line break.
        let Some((scheme, rest)) = text.trim().split_once(':') else { return Err(InvalidDatabaseUrl::Form) };
        let is_prefixed = || ["postgres://", "postgresql://", "sqlite:"].iter().any(|start| text.contains(start));
        match (scheme, rest.strip_prefix("//")) {
            ("sqlite", _) => SqliteUrl::parse(rest).map(|url| Self(ParsedUrl::Sqlite(Box::new(url)))),
            ("postgres" | "postgresql", Some(rest)) => {
                PostgresUrl::parse(rest).map(|url| Self(ParsedUrl::Postgres(Box::new(url))))
            }
            _ => match FOREIGN_SCHEMES.iter().find(|(foreign, _)| *foreign == scheme) {
                Some((scheme, advice)) => Err(InvalidDatabaseUrl::Scheme { scheme, advice }),
                None if is_prefixed() => Err(InvalidDatabaseUrl::Prefix),
                None => Err(InvalidDatabaseUrl::Form),
            },
        }
    }
}
