//! Log lines on standard error.

mod panics;
mod queue;

use std::fmt;
use std::io;
use std::time::Duration;

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use self::queue::LogQueue;
use crate::settings::{LogFormat, LogSettings};

/// The target of actix-http's parser. At other levels than `error`, the parser logs headers that it cannot parse, and these
/// may contain secrets.
const HEADER_PARSER: &str = "actix_http::h1::decoder";

/// The target of the log lines about changes that an operator makes to users.
pub(crate) const AUDIT: &str = "taskbridge::audit";

/// Maximum time for which the end of the process waits for the reader of the log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts the log of a command, which waits until each line has been written.
pub(crate) fn start(settings: &LogSettings) {
    start_with(settings, io::stderr);
}

/// The log of the server. When it is dropped, waits until the lines in the queue have been written, but not for a reader
/// that has stalled.
pub(crate) struct ServerLog {
    queue: Option<LogQueue>,
}

impl ServerLog {
    /// Starts the log, which also contains panics.
    ///
    /// # Errors
    /// Returns an error if the thread that writes the lines cannot be started.
    pub(crate) fn start(settings: &LogSettings) -> io::Result<Self> {
        let limit = settings.buffer_bytes.get();
        let queue = (limit > 0).then(|| LogQueue::start(limit, io::stderr())).transpose()?;
        match &queue {
            Some(queue) => start_with(settings, queue.clone()),
            None => start(settings),
        }
        panics::log_panics();
        Ok(Self { queue })
    }

    /// Returns the queue of the lines that a separate thread writes. Returns `None` if `log.buffer_bytes` is 0, so that
    /// each request waits until its lines have been written.
    pub(crate) fn queue(&self) -> Option<&LogQueue> {
        self.queue.as_ref()
    }
}

impl Drop for ServerLog {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.flush(FLUSH_TIMEOUT);
        }
    }
}

/// Returns the filter with these levels. Panics and the changes of an operator pass it in any case.
fn filter(levels: &Targets) -> Targets {
    levels
        .clone()
        .with_target(HEADER_PARSER, LevelFilter::ERROR)
        .with_target(panics::TARGET, LevelFilter::ERROR)
        .with_target(AUDIT, LevelFilter::INFO)
}

/// Starts logging. SQL statements and their values are not logged at any level, because the store does not log them.
fn start_with(settings: &LogSettings, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    // A log line that cannot be written to standard error is lost. If `log_internal_errors` were on, the failure would
    // also be reported on standard error, and this would panic.
    let lines = layer().with_writer(writer).log_internal_errors(false);
    let filter = filter(&settings.filter);
    match settings.format {
        LogFormat::Text => {
            let inner: Format = format().with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
            let format = WithRequestId { inner, format: LogFormat::Text };
            registry().with(lines.event_format(format)).with(filter).init();
        }
        LogFormat::Json => {
            let format = WithRequestId { inner: format().json(), format: LogFormat::Json };
            registry().with(lines.json().event_format(format)).with(filter).init();
        }
    }
}

/// Formats log lines, and adds the id of the current request to each line.
///
/// The crate `tracing` itself can add a field to all events of a request only through a span. Creating a span for each
/// request takes as much time as verifying the access token, even if nothing is logged.
struct WithRequestId<F> {
    inner: F,
    format: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = taskbridge_web::request_id() else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match (self.format, line.strip_suffix('}')) {
            (LogFormat::Json, Some(open)) => writeln!(writer, r#"{open},"request_id":"{id}"}}"#),
            _ => writeln!(writer, r#"{line} request_id="{id}""#),
        }
    }
}
