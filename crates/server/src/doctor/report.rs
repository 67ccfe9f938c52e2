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

/// A part of the report. The order of the variants is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Settings,
    Database,
    Tables,
    Keys,
    Network,
}

impl Group {
    /// Returns the group that contains the check with this name.
    fn of(check: &str) -> Self {
        match check {
            "database" | "tls" | "migrations" | "pool" | "tasks" => Self::Database,
            "tables" | "restrictions" | "emails" => Self::Tables,
            "jwks" | "clock" => Self::Keys,
            "cors" | "proxy" => Self::Network,
            _ => Self::Settings,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Settings => "Settings",
            Self::Database => "Database",
            Self::Tables => "Better Auth's tables",
            Self::Keys => "Keys",
            Self::Network => "Network",
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

/// The findings of all checks, sorted by group. The order of the checks is always the same.
#[derive(Debug)]
pub(crate) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| Group::of(finding.check));
        Self(findings)
    }

    /// Returns `true` if a check failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.count(Outcome::Failure) > 0
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// Returns the report as the object `{"ok", "checks": [{"group", "name", "state", "found", "advice"}]}`. `advice` is
    /// null unless `state` is `warn` or `fail`.
    pub(crate) fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            let Finding { check, outcome, found, advice } = finding;
            let group = Group::of(check).title();
            json!({ "group": group, "name": check, "state": outcome.as_str(), "found": found, "advice": advice })
        };
        json!({ "ok": !self.has_failed(), "checks": self.0.iter().map(finding).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for Finding { check, outcome, found, advice } in &self.0 {
            let group = Group::of(check);
            if last != Some(group) {
                let space = if last.is_some() { "\n" } else { "" };
                writeln!(f, "{space}{}", group.title())?;
                last = Some(group);
            }
            let style = outcome.style();
            write!(f, "{style}{:<4}{style:#} {check:<12} {found}", outcome.as_str())?;
            if let Some(advice) = advice {
                write!(f, ". Advice: {advice}")?;
            }
            writeln!(f)?;
        }
        let [failed, warnings, passed] = [Outcome::Failure, Outcome::Warning, Outcome::Ok].map(|one| self.count(one));
        let plural = if warnings == 1 { "" } else { "s" };
        write!(f, "\n{failed} failed, {warnings} warning{plural}, {passed} passed")
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
    fn findings_are_sorted_by_group_and_each_group_has_one_heading() {
        let checks = ["cors", "tls", "jwks", "database", "emails", "settings", "proxy"];
        let text = Report::new(checks.map(|check| ok(check, "x")).into()).to_string();
        let headings: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.ends_with('x')).collect();
        let titles = ["Settings", "Database", "Better Auth's tables", "Keys", "Network"];
        assert_eq!(headings.split_last().map(|(_, titles)| titles), Some(titles.as_slice()), "{text}");
        let place = |check: &str| text.find(check);
        assert!(place("tls") < place("database ") && place("cors") < place("proxy"), "{text}");
    }

    #[test]
    fn the_last_line_counts_failures_and_warnings() {
        let report = Report::new(vec![ok("a", "x"), warn("b", "x", "y"), fail("c", "x", "y"), skip("d", "x")]);
        assert_eq!(report.to_string().lines().last(), Some("1 failed, 1 warning, 1 passed"));
        let report = Report::new(vec![ok("a", "x")]);
        assert_eq!(report.to_string().lines().last(), Some("0 failed, 0 warnings, 1 passed"));
    }
}
