//! The output of commands.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};
use std::pin::pin;
use std::time::Duration;

use anstyle::AnsiColor;
use taskbridge_migrations::{MigrateError, import_advice};
use taskbridge_schema::Refusal;
use tokio::time::{Instant, timeout};

use crate::compose::bridge_mode_works;

/// Prints a line on standard output. Styles are only kept on a terminal.
///
/// If nobody reads the output any more, as in `taskbridge config check | head`, the rest of it is dropped, and the command
/// goes on.
///
/// # Errors
/// Returns an error if the line cannot be written for another reason, such as a full disk.
pub(super) fn print(line: &dyn Display) -> io::Result<()> {
    print_if_read(line).map(drop)
}

/// Does the same, but returns `false` if nobody reads the output any more, so that a long list can end early.
///
/// # Errors
/// Returns the same errors.
pub(super) fn print_if_read(line: &dyn Display) -> io::Result<bool> {
    match writeln!(anstream::stdout(), "{line}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))),
    }
}

/// Prints a line about the progress of a command on standard error, so that standard output contains only its result.
pub(super) fn print_progress(line: &str) {
    // Progress that nobody can read must not end the command.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Awaits `work`. Calls `report` every five seconds with the time that the work has taken so far.
pub(super) async fn with_progress<T>(work: impl Future<Output = T>, report: impl Fn(Duration)) -> T {
    const INTERVAL: Duration = Duration::from_secs(5);
    let started = Instant::now();
    let mut work = pin!(work);
    loop {
        match timeout(INTERVAL, &mut work).await {
            Ok(result) => return result,
            Err(_) => report(started.elapsed()),
        }
    }
}

/// Prints how long the work `name` of a command has taken so far.
pub(super) fn print_duration(name: &str) -> impl Fn(Duration) {
    move |elapsed| print_progress(&format!("{name} for {} seconds", elapsed.as_secs()))
}

/// Prints an error on standard error. Each reason for which tables cannot be used is in a line of its own.
pub(super) fn print_error(error: &anyhow::Error) {
    let style = AnsiColor::Red.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}taskbridge:{style:#} {}", text(error));
}

fn text(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(MigrateError::NotAdoptable(refusals)) if refusals.len() > 1 => {
            let lines: Vec<_> = refusals.iter().map(|refusal| one_line(&refusal.to_string())).collect();
            let advice = tables_advice(refusals).map(|advice| format!("\n{advice}")).unwrap_or_default();
            format!(
                "the tables of the database cannot be used, for {} reasons:\n  {}{advice}",
                lines.len(),
                lines.join("\n  ")
            )
        }
        Some(MigrateError::NotAdoptable(_)) => one_line(&format!("{error:#}")),
        _ => format!("{error:#}"),
    }
}

/// Prints a warning on standard error.
pub(super) fn print_warning(warning: &str) {
    let style = AnsiColor::Yellow.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}taskbridge: warning:{style:#} {warning}");
}

/// Returns the sentence that names an alternative to resolving refusals one by one, if there is one.
pub(super) fn tables_advice(refusals: &[Refusal]) -> Option<String> {
    let import = import_advice(refusals).map(|advice| format!("{advice}."));
    import.or_else(|| bridge_mode_works(refusals).then(|| "AUTH_MODE=bridge works with these tables.".to_owned()))
}

/// Replaces characters that change how the rest of a line is shown by their escape sequences: control characters, such as
/// line breaks and those for terminals, and those that reverse the direction of text.
pub(super) fn one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, character| {
        let is_bidirectional = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || is_bidirectional {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use std::cell::RefCell;

    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn long_work_reports_its_duration() {
        let reports = RefCell::new(Vec::new());
        let report = |elapsed: Duration| reports.borrow_mut().push(elapsed.as_secs());
        assert_eq!(with_progress(async { 1 }, report).await, 1);
        assert!(reports.borrow().is_empty());
        with_progress(sleep(Duration::from_secs(12)), report).await;
        assert_eq!(*reports.borrow(), [5, 10]);
    }

    #[test]
    fn characters_that_change_a_line_are_escaped() {
        for (text, expected) in [
            ("a\n\u{1b}[2J\u{9b}", r"a\n\u{1b}[2J\u{9b}"),
            ("\u{202a}\u{202e}\u{2066}\u{2069}", r"\u{202a}\u{202e}\u{2066}\u{2069}"),
            ("\u{2029}שלום 漢字 é", "\u{2029}שלום 漢字 é"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }

    fn refusal(table: &str) -> Refusal {
        Refusal { table: table.into(), column: None, found: "is a view".into(), next: "run: drop view".into() }
    }

    #[test]
    fn each_refusal_of_a_table_is_one_line() {
        let two = MigrateError::NotAdoptable(vec![refusal("a\n\u{1b}[2J"), refusal("b")]);
        let expected = "the tables of the database cannot be used, for 2 reasons:
  table \"a\\n\\u{1b}[2J\": is a view; run: drop view
  table \"b\": is a view; run: drop view
AUTH_MODE=bridge works with these tables.";
        assert_eq!(text(&anyhow!(two).context("cannot migrate the database")), expected);
        let tasks = MigrateError::NotAdoptable(vec![refusal("a"), refusal("tasks")]);
        assert!(text(&anyhow!(tasks)).ends_with(
            "\ntaskbridge tasks import --from tasks resolves all reasons of the table \"tasks\": it keeps the table \
                 as \"tasks_old\", and copies the rows into a new one."
        ));
        let one = anyhow!(MigrateError::NotAdoptable(vec![refusal("a\nb")])).context("cannot migrate the database");
        assert!(text(&one).starts_with("cannot migrate the database: table \"a\\nb\": is a view;"), "{}", text(&one));
    }
}
