//! What other programs read from the same assignment: `dotenv`, which expands no references, and the `env_file` of Docker
//! Compose.

use std::collections::BTreeMap;

use super::expand::expand;
use super::parse::{Assignment, parse};

/// An assignment, with what Next.js and `dotenv` read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) name: &'a str,
    /// The text of the file after the name and the equals sign.
    pub(super) rest: &'a str,
    /// The value without its quotes, which is what `dotenv` reads.
    pub(super) plain: &'a str,
    /// The value that Next.js reads.
    pub(super) value: &'a str,
}

impl Reading<'_> {
    /// Describes how the values differ that other programs read, and how to write the value instead. Returns `None` if all
    /// read the same. Contains no value, but its length. `known` are the variables to which the value may refer.
    pub(super) fn differences(&self, known: &BTreeMap<String, String>) -> Option<String> {
        let compose = compose(self.rest, known);
        let others = [("dotenv", Some(self.plain)), ("Docker Compose", compose.as_deref())];
        let length = self.value.chars().count();
        let described =
            others.iter().filter(|(_, value)| *value != Some(self.value)).map(|(reader, value)| {
                match value.map(|value| value.chars().count()) {
                    None => format!("{reader} rejects the file"),
                    Some(other) if other == length => format!("{reader} reads other characters"),
                    Some(other) => format!("{reader} reads {}", characters(other)),
                }
            });
        let described = described.collect::<Vec<_>>().join(" and ");
        let values: Vec<_> = others.iter().filter_map(|(_, value)| *value).chain([self.value]).collect();
        (!described.is_empty()).then(|| {
            let advice = advice(&values);
            format!("{} has {}, as in Next.js, but {described}; {advice}", self.name, characters(length))
        })
    }
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}

/// Returns how to write each of these values so that all programs read it.
fn advice(values: &[&str]) -> String {
    let styles = [("", "without quotes"), ("'", "in single quotes"), ("\"", "in double quotes")];
    let style = styles.iter().find(|(quote, _)| values.iter().all(|value| is_read_by_all(value, quote)));
    match style {
        Some((_, style)) => format!("write the value {style}, so that all of them read the same"),
        None if values.iter().any(|value| value.contains('$')) => "all of them read the same if it has no $".to_owned(),
        None => "all of them read the same if it has no quotes, backslashes and line breaks".to_owned(),
    }
}

/// Returns `true` if all programs read `value` from an assignment in which it is in these quotes.
fn is_read_by_all(value: &str, quote: &str) -> bool {
    let rest = format!("{quote}{value}{quote}\n");
    let Ok(mut parsed) = parse(&format!("_={rest}")) else { return false };
    let is_value = |found: &[Assignment]| found.len() == 1 && found[0].value == value;
    let is_plain = is_value(&parsed.assignments);
    let is_expanded = expand(&mut parsed.assignments, &mut BTreeMap::new()).is_ok() && is_value(&parsed.assignments);
    is_plain && is_expanded && compose(&rest, &BTreeMap::new()).is_some_and(|found| found == value)
}

/// Returns the value that Docker Compose reads from an `env_file`, where `rest` follows the equals sign. Returns `None` if it
/// rejects the file.
fn compose(rest: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let text = rest.trim_start_matches(['\t', '\x0B', '\x0C', '\r', ' ', '\u{85}', '\u{A0}']);
    match text.chars().next() {
        Some('\'') => quoted(&text[1..], '\''),
        Some('"') => substitute(&unescape(&quoted(&text[1..], '"')?), known),
        _ => {
            let line = text.split('\n').next()?;
            substitute(line.split(" #").next()?.trim_end(), known)
        }
    }
}

/// Returns the text up to the closing quote. A quote after a backslash does not close it.
fn quoted(text: &str, quote: char) -> Option<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '\\' => match characters.next()? {
                escaped if escaped == quote => value.push(quote),
                other => value.extend(['\\', other]),
            },
            closing if closing == quote => return Some(value),
            other => value.push(other),
        }
    }
}

/// Replaces the escape sequences of a value in double quotes. `\$` becomes `$$`, which is not a reference.
fn unescape(text: &str) -> String {
    let sequences = [
        ("\\\\", "\\"),
        ("\\$", "$$"),
        ("\\n", "\n"),
        ("\\r", "\r"),
        ("\\t", "\t"),
        ("\\a", "\x07"),
        ("\\b", "\x08"),
        ("\\f", "\x0C"),
        ("\\v", "\x0B"),
    ];
    let mut value = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let found = sequences.iter().find_map(|(sequence, meaning)| Some((rest.strip_prefix(sequence)?, *meaning)));
        if let Some((after, meaning)) = found {
            value.push_str(meaning);
            rest = after;
        } else {
            value.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    value
}

/// Replaces the references of a value that is not in single quotes.
fn substitute(text: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        value.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            value.push('$');
            rest = after;
            continue;
        }
        let reference = reference(after)?;
        let found = known.get(reference.name).map(String::as_str).filter(|found| !found.is_empty());
        value.push_str(match reference.operator {
            None => found.unwrap_or_default(),
            Some('-') => found.unwrap_or(reference.word),
            Some('+') => found.map_or("", |_| reference.word),
            _ => found?,
        });
        let after = reference.after;
        rest = after;
    }
    Some(value + rest)
}

/// A reference to a variable, such as `NAME`, `{NAME}`, `{NAME:-default}` or `{NAME+alternative}`.
struct Reference<'a> {
    name: &'a str,
    operator: Option<char>,
    word: &'a str,
    after: &'a str,
}

/// Parses the reference that `text` begins with, after its `$`.
fn reference(text: &str) -> Option<Reference<'_>> {
    let end = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let reference = if let Some(braced) = text.strip_prefix('{') {
        let (inside, after) = braced.split_once('}')?;
        let (name, rest) = inside.split_at(end(inside));
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let word = rest.strip_prefix(['-', '+', '?']).unwrap_or_default();
        Reference { name, operator: rest.chars().next(), word, after }
    } else {
        let (name, after) = text.split_at(end(text));
        Reference { name, operator: None, word: "", after }
    };
    let is_name = reference.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (is_name && !reference.word.contains('$')).then_some(reference)
}
