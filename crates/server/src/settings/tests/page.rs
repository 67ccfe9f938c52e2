//! The tables of `docs/configuration.md`, written from `config/default.toml` and from what the types of the settings accept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::super::sources::{DEFAULTS, SHORT_NAMES};
use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const MARKERS: [&str; 2] = ["<!-- from config/default.toml -->\n", "<!-- end -->"];

/// A setting in `config/default.toml`.
struct Entry {
    section: &'static str,
    key: &'static str,
    default: &'static str,
    /// Its comment, without the lists in it.
    comment: String,
}

impl Entry {
    fn full_key(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    fn long_name(&self) -> String {
        format!("TASKBRIDGE__{}__{}", self.section, self.key).to_uppercase()
    }

    /// Returns the first sentence of the comment.
    fn description(&self) -> &str {
        self.comment.split_inclusive(". ").next().unwrap().trim_end().trim_end_matches([':', '.'])
    }
}

fn entries() -> Vec<Entry> {
    let (mut entries, mut section, mut comment) = (Vec::<Entry>::new(), "", String::new());
    let mut is_list = false;
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            is_list |= text.starts_with(' ') || text.starts_with("- ");
            let text = text.split("Short name: ").next().unwrap().trim_end();
            if !is_list && !text.is_empty() {
                write!(comment, "{}{text}", if comment.is_empty() { "" } else { " " }).unwrap();
            }
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, default)) = line.split_once(" = ") {
            // A setting without a comment shares the one of the setting before it.
            if let (true, Some(previous)) = (comment.is_empty(), entries.last()) {
                comment.clone_from(&previous.comment);
            }
            entries.push(Entry { section, key, default, comment: comment.clone() });
        }
        (comment, is_list) = (String::new(), false);
    }
    entries
}

/// Returns what each setting accepts, from the error about a text that no type accepts. A setting that accepts every text
/// has no entry.
fn requirements(entries: &[Entry]) -> BTreeMap<String, String> {
    let environment = entries.iter().map(|entry| (entry.long_name(), "\u{1}".to_owned())).collect();
    let sources = Sources::read(Path::new("/nonexistent"), environment).unwrap();
    let mut errors = Errors::new(&sources);
    Settings::deserialize_all(&sources, &mut errors).unwrap();
    let requirement = |error: SettingError| {
        let (_, requirement) = error.message.split_once("must be ")?;
        Some((error.key, requirement.split("; ").next()?.to_owned()))
    };
    errors.into_sorted().into_iter().filter_map(requirement).collect()
}

fn tables(entries: &[Entry], requirements: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut section = "";
    for entry in entries {
        if entry.section != section {
            section = entry.section;
            write!(text, "\n### `[{section}]`\n\n| Setting | Variables | Value | Default | Meaning |\n| --- | --- | --- | --- | --- |\n")
                .unwrap();
        }
        let key = entry.full_key();
        let short = SHORT_NAMES.iter().find(|(_, full)| *full == key).map(|(name, _)| format!("`{name}`, "));
        let default = entry.default.trim_matches('"');
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        writeln!(
            text,
            "| `{}` | {}`{}` | {} | {default} | {} |",
            entry.key,
            short.unwrap_or_default(),
            entry.long_name(),
            escape(requirements.get(&key).map_or("a text", String::as_str)),
            escape(entry.description()),
        )
        .unwrap();
    }
    text + "\n"
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<").replace('*', "\\*")
}

/// With `UPDATE_SNAPSHOTS`, writes the page instead.
#[test]
fn the_page_of_settings_is_what_the_types_accept() {
    let entries = entries();
    let text = tables(&entries, &requirements(&entries));
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKERS[0]).unwrap();
    let (found, after) = rest.split_once(MARKERS[1]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a variable of the tests, not a setting")]
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(PAGE, [before, MARKERS[0], &text, MARKERS[1], after].concat()).unwrap();
    } else {
        assert_eq!(found, text, "run: make snapshots");
    }
}

/// The error about each number says which numbers are valid, and the comment in `config/default.toml` says the same.
#[test]
fn the_errors_and_the_comments_state_the_range_of_each_number() {
    let entries = entries();
    let requirements = requirements(&entries);
    let numbers: Vec<_> = entries.iter().filter(|entry| entry.default.parse::<u64>().is_ok()).collect();
    assert!(numbers.len() > 30);
    for entry in numbers {
        let range = requirements[&entry.full_key()].strip_prefix("a number from ").unwrap();
        assert!(entry.comment.contains(range), "{}: {range} in {}", entry.full_key(), entry.comment);
    }
}
