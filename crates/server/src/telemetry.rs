//! Logs, on standard error.

use std::fmt;
use std::io;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, fmt};
use tracing_subscriber::registry::LookupSpan;

use crate::settings::{LogFormat, LogSettings};

/// Below errors this module repeats the headers that it cannot read.
const QUIET: &str = "actix_http::h1::decoder=error";

/// Starts logging. Statements and their values are not logged at any level: see the store.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(format!("{},{QUIET}", settings.filter));
    // What cannot be written is lost: to complain about that, on standard error of all places, would end the request.
    let builder = fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    let form = settings.format;
    match form {
        LogFormat::Text => {
            let lines: Format = format().with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
            builder.event_format(Lines { lines, form }).init();
        }
        LogFormat::Json => builder.json().event_format(Lines { lines: format().json(), form }).init(),
    }
}

/// Lines that say which request they belong to, if any. A span for each request would say so, too, and cost each request
/// as much as the check of its token, whether anything is logged or not.
struct Lines<F> {
    lines: F,
    form: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = taskbridge_web::request_id() else {
            return self.lines.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match (self.form, line.strip_suffix('}')) {
            (LogFormat::Json, Some(open)) => writeln!(writer, r#"{open},"request_id":"{id}"}}"#),
            _ => writeln!(writer, r#"{line} request_id="{id}""#),
        }
    }
}
