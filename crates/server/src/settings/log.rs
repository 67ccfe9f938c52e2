//! The section `[log]`.

use serde::{Deserialize, Deserializer};
use tracing_subscriber::filter::Targets;

use super::value::{Number, one_of, parse};

/// The section `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    #[serde(deserialize_with = "filter")]
    pub(crate) filter: Targets,
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

fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Targets, D::Error> {
    const FORM: &str = "must be a level (off, error, warn, info, debug, trace), or a list such as info,target=level";
    parse(deserializer, |text| {
        // `Targets` reads an empty part as the level `error`.
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(",").parse().ok().ok_or(FORM)
    })
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogFormat, D::Error> {
    one_of(deserializer, [("text", LogFormat::Text), ("json", LogFormat::Json)])
}
