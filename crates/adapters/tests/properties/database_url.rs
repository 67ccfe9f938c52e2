//! Parsing a database URL never panics, and its output never contains the password.

use std::io::Write;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::sample::select;
use taskbridge_adapters::database::{DatabaseUrl, Pooler};
use tracing_subscriber::filter::LevelFilter;

use crate::config;

const PASSWORD: &str = "hunter2";

/// Generates texts that contain [`PASSWORD`] where a URL may have a password.
fn with_password() -> impl Strategy<Value = String> {
    let scheme = select(vec!["postgres", "postgresql", "sqlite", "mysql", "POSTGRES", "jdbc:postgresql", ""]);
    let host = prop_oneof!["(localhost|db-pooler|[a-z.-]{0,8}|\\[::1\\]|%2Ftmp)(:[0-9]{0,6})?", ".{0,6}"];
    let parameter = prop_oneof![
        "(sslmode|ssl-mode|ssl|sslaccept|sslrootcert|schema|search_path|host|hostaddr|port|user|dbname|options|options\\[x\\]|statement-cache-capacity|application_name|channel_binding|pgbouncer|mode|vfs|cache|immutable)=(|require|ro|memory|true|5432|x|%ff)",
        Just(format!("password={PASSWORD}")),
        Just(format!("pass%77ord={PASSWORD}")),
        Just(format!("pwd={PASSWORD}")),
        "[a-z%&=]{0,8}",
    ];
    let query = prop::collection::vec(parameter, 0..4).prop_map(|all| all.join("&"));
    (scheme, select(vec!["://", ":", "//", ""]), ".{0,3}", host, "[a-z/%?#]{0,8}", query).prop_map(
        |(scheme, slashes, user, host, path, query)| {
            format!("{scheme}{slashes}{user}:{PASSWORD}@{host}/{path}?{query}")
        },
    )
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Parses a text as a database URL, and returns all output: the log, the error, and the formatted URL.
fn output_of(text: &str) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    let answer = tracing::subscriber::with_default(subscriber.finish(), || match text.parse::<DatabaseUrl>() {
        // For SQLite, the formatted URL is left out: it contains the path of the file, which is not a secret.
        Ok(url) if text.starts_with("sqlite") => format!("{url:?}"),
        Ok(url) => format!("{:?} {}", url.clone(), url.with_pooler(Pooler::Present)),
        Err(error) => format!("{error} {error:?}"),
    });
    answer + std::str::from_utf8(&log.0.lock().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_password_in_a_database_url_is_never_shown(text in with_password()) {
        let output = output_of(&text);
        prop_assert!(!output.contains(PASSWORD), "{}", output);
    }

    #[test]
    fn any_text_is_a_database_url_or_refused(text in prop_oneof![".{0,40}", "(postgres|sqlite):.{0,20}", "sqlite://[a-z%?&=]{0,20}"]) {
        let output = output_of(&text);
        if text.parse::<DatabaseUrl>().is_ok() {
            prop_assert!(output.starts_with("DatabaseUrl("), "{}", output);
        } else {
            prop_assert!(["must ", "has "].iter().any(|verb| output.starts_with(verb)), "{}", output);
        }
    }
}
