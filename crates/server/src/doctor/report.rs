//! The report of the doctor.

use std::fmt;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// The server works, but perhaps not as intended.
    Warning,
    /// The server does not start, or does not work.
    Failure,
    /// There was nothing to check, or the check was not possible.
    Skipped,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warn",
            Self::Failure => "fail",
            Self::Skipped => "skip",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Failure => AnsiColor::Red.on_default().bold(),
            Self::Skipped => Style::new().dimmed(),
        }
    }
}

/// A line of the report.
#[derive(Debug)]
pub(super) struct Finding {
    /// Name of the check.
    pub(super) check: &'static str,
    pub(super) outcome: Outcome,
    pub(super) found: String,
    /// Advice for the operator. `None` if the outcome is `Ok` or `Skipped`.
    pub(super) advice: Option<String>,
}

pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Finding {
    Finding { check, outcome: Outcome::Ok, found: one_line(found), advice: None }
}

pub(super) fn skip(check: &'static str, why: impl Into<String>) -> Finding {
    Finding { outcome: Outcome::Skipped, ..ok(check, why) }
}

pub(super) fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { outcome: Outcome::Warning, advice: Some(one_line(advice)), ..ok(check, found) }
}

pub(super) fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { outcome: Outcome::Failure, ..warn(check, found, advice) }
}

/// Formats a duration in milliseconds, with the unit.
pub(super) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

/// Joins the lines of a text, such as an error message of the database, to one line, without control characters for
/// terminals.
fn one_line(text: impl Into<String>) -> String {
    text.into().split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "\u{fffd}")
}

/// The findings of all checks. The order of the checks is always the same.
#[derive(Debug)]
pub(crate) struct Report(pub(super) Vec<Finding>);

impl Report {
    /// Returns `true` if a check failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.count(Outcome::Failure) > 0
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// Returns the report as the object `{"ok", "checks": [{"name", "state", "found", "advice"}]}`. `advice` is null
    /// unless `state` is `warn` or `fail`.
    pub(crate) fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            let Finding { check, outcome, found, advice } = finding;
            json!({ "name": check, "state": outcome.as_str(), "found": found, "advice": advice })
        };
        json!({ "ok": !self.has_failed(), "checks": self.0.iter().map(finding).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, outcome, found, advice } in &self.0 {
            let style = outcome.style();
            write!(f, "{style}{:<4}{style:#} {check:<12} {found}", outcome.as_str())?;
            if let Some(advice) = advice {
                write!(f, ". Advice: {advice}")?;
            }
            writeln!(f)?;
        }
        let warnings = self.count(Outcome::Warning);
        let plural = if warnings == 1 { "" } else { "s" };
        write!(f, "{} failed, {warnings} warning{plural}", self.count(Outcome::Failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_lines_become_one_line() {
        assert_eq!(ok("x", "a\n  b\tc").found, "a b c");
        assert_eq!(ok("x", "a\u{1b}[2J").found, "a\u{fffd}[2J");
    }

    #[test]
    fn the_last_line_counts_failures_and_warnings() {
        let report = Report(vec![ok("a", "x"), warn("b", "x", "y"), fail("c", "x", "y"), skip("d", "x")]);
        assert_eq!(report.to_string().lines().last(), Some("1 failed, 1 warning"));
        assert_eq!(Report(vec![ok("a", "x")]).to_string().lines().last(), Some("0 failed, 0 warnings"));
    }
}
