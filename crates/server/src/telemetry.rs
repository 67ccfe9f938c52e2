//! Logs, on standard error.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::fmt;

use crate::settings::{LogFormat, LogSettings};

/// Below errors this module repeats the headers that it cannot read.
const QUIET: &str = "actix_http::h1::decoder=error";

/// Starts logging. Statements and their values are not logged at any level: see the store.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(format!("{},{QUIET}", settings.filter));
    // What cannot be written is lost: to complain about that, on standard error of all places, would end the request.
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    match settings.format {
        LogFormat::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
        LogFormat::Json => builder.json().with_span_list(false).init(),
    }
}
