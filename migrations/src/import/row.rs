//! Converts rows to tasks, and collects the reasons for which rows cannot be converted.

use std::collections::BTreeMap;

use taskbridge_schema::plain;

use super::source::SourceRow;
use crate::error::{MigrateError, refused};
use crate::task_fields::{TaskField, is_done};

/// Number of ids or values that are shown as examples.
pub(super) const EXAMPLES: usize = 5;

/// A row whose values are valid.
pub(super) struct Row {
    pub(super) source_id: String,
    /// The time of the creation as the table has it, or an empty text. With `source_id`, it identifies the row.
    pub(super) source_created_at: String,
    /// The id, if it is an integer.
    pub(super) number: Option<i64>,
    /// The id of the owner in the table. `None` if it is null or empty.
    pub(super) owner: Option<String>,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) completed: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

impl Row {
    /// Converts a row. Returns `None` if that is not possible, and adds the reasons to `problems`.
    pub(super) fn convert(row: SourceRow, values: &StatusValues<'_>, problems: &mut Problems) -> Option<Self> {
        let before = problems.count;
        let SourceRow { id, number, owner, title, description, completed, created_at, updated_at, now, is_deleted: _ } =
            row;
        if id.is_empty() {
            problems.add(Problem::NoId, title.as_deref().unwrap_or_default());
        }
        if title.is_none() {
            problems.add(Problem::NoTitle, &id);
        }
        for (field, text) in
            [(TaskField::Title, &title), (TaskField::Description, &description), (TaskField::UserId, &owner)]
        {
            if text.as_ref().is_some_and(|text| text.contains('\0')) {
                problems.add(Problem::Nul(field), &id);
            }
        }
        for (field, time) in [(TaskField::CreatedAt, &created_at), (TaskField::UpdatedAt, &updated_at)] {
            // PostgreSQL has no year 0.
            if time.as_ref().is_some_and(|time| time.is_empty() || time.starts_with("0000")) {
                problems.add(Problem::InvalidTime(field), &id);
            }
        }
        let completed = match &completed {
            None => Some(false),
            Some(value) => values.is_done(value).or_else(|| {
                problems.add(Problem::UnknownStatus, value);
                None
            }),
        };
        if problems.count > before {
            return None;
        }
        Some(Self {
            source_created_at: created_at.clone().unwrap_or_default(),
            created_at: created_at.clone().or_else(|| updated_at.clone()).unwrap_or_else(|| now.clone()),
            updated_at: updated_at.or(created_at).unwrap_or(now),
            source_id: id,
            number,
            owner: owner.filter(|owner| !owner.is_empty()),
            title: title?,
            description,
            completed: completed?,
        })
    }
}

/// What the values of the column `completed` mean.
pub(super) struct StatusValues<'v> {
    /// Values that the operator has declared to mean "done".
    pub(super) done: &'v [String],
    /// Values that the operator has declared to mean "not done".
    pub(super) open: &'v [String],
    /// `true` if the column contains a status rather than a flag.
    pub(super) is_status: bool,
}

impl StatusValues<'_> {
    /// Returns whether a value means "done". `None` if that is not known, as with the numbers of a status: 1 can be the
    /// second of three.
    fn is_done(&self, value: &str) -> Option<bool> {
        if contains(self.done, value) {
            Some(true)
        } else if contains(self.open, value) {
            Some(false)
        } else if self.is_status && value.parse::<f64>().is_ok() {
            None
        } else {
            is_done(value)
        }
    }
}

/// Returns `true` if the values contain `value`. Case, spaces, hyphens and underscores are ignored.
fn contains(values: &[String], value: &str) -> bool {
    let same = |text: &str| plain(text).replace([' ', '-'], "");
    values.iter().any(|other| same(other) == same(value))
}

/// A reason for which rows cannot be converted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Problem {
    NoId,
    NoTitle,
    Nul(TaskField),
    InvalidTime(TaskField),
    UnknownStatus,
}

/// The reasons for which rows cannot be converted, with examples of the rows.
#[derive(Default)]
pub(super) struct Problems {
    count: u64,
    found: BTreeMap<Problem, (u64, Vec<String>)>,
}

impl Problems {
    fn add(&mut self, problem: Problem, example: &str) {
        self.count += 1;
        let (count, examples) = self.found.entry(problem).or_default();
        *count += 1;
        if examples.len() < EXAMPLES && !examples.iter().any(|known| known == example) {
            examples.push(example.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the refusal that names all reasons, if there are any.
    pub(super) fn refuse(&self, table: &str) -> Result<(), MigrateError> {
        if self.is_empty() {
            return Ok(());
        }
        let lines = self.found.iter().map(|(problem, (count, examples))| {
            let (rows, examples) = (rows(*count), examples.join(", "));
            match problem {
                Problem::NoId => format!("{rows} without an id (titles {examples})"),
                Problem::NoTitle => format!("{rows} without a title (ids {examples})"),
                Problem::Nul(field) => format!("{rows} whose {} is not text, or contains a NUL character (ids {examples})", field.name()),
                Problem::InvalidTime(field) => format!("{rows} with an invalid time in {} (ids {examples})", field.name()),
                Problem::UnknownStatus => format!(
                    "{rows} with a status that is not known to be done or open ({examples}): add --done <value> or --open \
                     <value> for each"
                ),
            }
        });
        let why = format!("nothing was imported, because of {}", lines.collect::<Vec<_>>().join("; "));
        Err(refused(table, &why).into())
    }
}

/// Returns a number of rows in words.
pub(super) fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: StatusValues<'_> = StatusValues { done: &[], open: &[], is_status: true };

    fn row(completed: Option<&str>) -> SourceRow {
        SourceRow {
            id: "7".into(),
            number: Some(7),
            owner: Some(String::new()),
            title: Some("milk".into()),
            description: None,
            completed: completed.map(Into::into),
            created_at: None,
            updated_at: Some("2026-01-02T03:04:05.678Z".into()),
            now: "2026-11-30T00:00:00.000Z".into(),
            is_deleted: false,
        }
    }

    #[test]
    fn missing_values_are_completed() {
        let mut problems = Problems::default();
        let row = Row::convert(row(None), &VALUES, &mut problems).unwrap();
        assert!(problems.is_empty() && !row.completed && row.owner.is_none());
        assert_eq!((row.created_at.as_str(), row.source_created_at.as_str()), ("2026-01-02T03:04:05.678Z", ""));
    }

    #[test]
    fn the_values_of_a_status_can_be_named() {
        let done = ["Won't do".to_owned()];
        let mut problems = Problems::default();
        assert!(
            Row::convert(row(Some("won't-do")), &StatusValues { done: &done, ..VALUES }, &mut problems)
                .unwrap()
                .completed
        );
        assert!(
            !Row::convert(row(Some("done")), &StatusValues { open: &["DONE".to_owned()], ..VALUES }, &mut problems)
                .unwrap()
                .completed
        );
        assert!(Row::convert(row(Some("won't-do")), &VALUES, &mut problems).is_none());
        assert!(!problems.is_empty());
    }

    #[test]
    fn all_reasons_are_named_with_examples() {
        let mut problems = Problems::default();
        for status in ["a", "b", "b"] {
            let bad = SourceRow { title: None, created_at: Some(String::new()), ..row(Some(status)) };
            assert!(Row::convert(bad, &VALUES, &mut problems).is_none());
        }
        let nul = SourceRow { description: Some("a\0".into()), ..row(None) };
        assert!(Row::convert(nul, &VALUES, &mut problems).is_none());
        let error = problems.refuse("todo").unwrap_err().to_string();
        let expected = "table \"todo\": nothing was imported, because of 3 rows without a title (ids 7); 1 row whose \
                        description is not text, or contains a NUL character (ids 7); 3 rows with an invalid time in created_at (ids 7); 3 rows with \
                        a status that is not known to be done or open (a, b): add --done <value> or --open <value> for each";
        assert_eq!(error, expected);
    }
}
