//! The section `[log]`.

use serde::{Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;

use super::value::{Number, one_of, parse};

/// The section `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    #[serde(deserialize_with = "filter")]
    pub(crate) filter: String,
    #[serde(deserialize_with = "format")]
    pub(crate) format: LogFormat,
    pub(crate) buffer_bytes: Number<usize, 0, { 1024 * 1024 * 1024 }>,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const FORM: &str = "must be a level (error, warn, info, debug, trace) or directives such as target=level";
    parse(deserializer, |text| EnvFilter::try_new(text).map(|_| text.to_owned()).ok().ok_or(FORM))
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogFormat, D::Error> {
    one_of(deserializer, [("text", LogFormat::Text), ("json", LogFormat::Json)])
}
