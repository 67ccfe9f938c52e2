//! Errors in the configuration.

use std::fmt;

use super::names;
use super::nearest::nearest;
use super::sources::Sources;

/// A setting that is invalid, unknown or missing. The message does not contain the value, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SettingError {
    pub(crate) key: String,
    /// `None` if no source sets the key.
    pub(crate) source: Option<String>,
    pub(crate) message: String,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, source, message } = self;
        match source {
            Some(source) => write!(f, "{key} (from {source}): {message}"),
            None => write!(f, "{key}: {message}"),
        }
    }
}

/// Formats the errors and the warnings of a configuration as lists.
pub(super) fn format_errors(errors: &[SettingError], warnings: &[String]) -> String {
    let mut lists = list("the configuration has", "error", errors);
    if !warnings.is_empty() {
        lists += &list("\nand", "warning", warnings);
    }
    lists
}

fn list(title: &str, kind: &str, items: &[impl fmt::Display]) -> String {
    let plural = if items.len() == 1 { "" } else { "s" };
    let title = format!("{title} {} {kind}{plural}:", items.len());
    items.iter().fold(title, |list, item| format!("{list}\n  {item}"))
}

/// Collects the errors of settings. For each key, only the first error is kept.
#[derive(Debug)]
pub(super) struct Errors<'a> {
    sources: &'a Sources,
    found: Vec<SettingError>,
}

impl<'a> Errors<'a> {
    /// Creates a collection that already contains the errors of `sources`, and an error for each unknown key.
    pub(super) fn new(sources: &'a Sources) -> Self {
        let mut errors = Self { sources, found: Vec::new() };
        for (key, message) in &sources.errors {
            errors.add(key, message);
        }
        for key in sources.unknown_keys() {
            errors.add(key, names::explain_unknown(key).unwrap_or_else(|| explain_unknown(key, sources)));
        }
        errors
    }

    pub(super) fn add(&mut self, key: &str, message: impl Into<String>) {
        if !self.has(key) {
            let source = self.sources.is_set(key).then(|| self.sources.name(key).to_owned());
            self.found.push(SettingError { key: key.into(), source, message: message.into() });
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.found.iter().any(|error| error.key == key)
    }

    /// Returns the errors, sorted by key.
    pub(super) fn into_sorted(mut self) -> Vec<SettingError> {
        self.found.sort_by(|one, other| one.key.cmp(&other.key));
        self.found
    }
}

fn explain_unknown(key: &str, sources: &Sources) -> String {
    match nearest(key, sources.keys()) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => "unknown key; config/default.toml lists all keys".into(),
    }
}
