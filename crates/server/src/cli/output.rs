//! The output of commands.

use std::fmt::Display;

use taskbridge_migrations::{MigrateError, import_advice};
use taskbridge_schema::Refusal;

use crate::compose::bridge_mode_works;

/// Prints a line on standard output.
#[expect(clippy::print_stdout, reason = "the output of commands")]
pub(super) fn print(line: &dyn Display) {
    println!("{line}");
}

/// Prints a line about the progress of a command on standard error, so that standard output contains only its result.
#[expect(clippy::print_stderr, reason = "the progress of a command")]
pub(super) fn print_progress(line: &str) {
    eprintln!("{line}");
}

/// Prints an error on standard error. Each reason for which tables cannot be used is in a line of its own.
#[expect(clippy::print_stderr, reason = "the error of a command")]
pub(super) fn print_error(error: &anyhow::Error) {
    eprintln!("taskbridge: {}", text(error));
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

/// Returns the sentence that names an alternative to resolving refusals one by one, if there is one.
pub(super) fn tables_advice(refusals: &[Refusal]) -> Option<String> {
    let import = import_advice(refusals).map(|advice| format!("{advice}."));
    import.or_else(|| bridge_mode_works(refusals).then(|| "AUTH_MODE=bridge works with these tables.".to_owned()))
}

/// Replaces control characters, such as line breaks and those for terminals, by their escape sequences.
pub(super) fn one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, character| {
        if character.is_control() {
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
