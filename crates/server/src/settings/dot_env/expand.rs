//! References to variables in values: those of `dotenv-expand` 10, which `@next/env` contains.

use std::collections::BTreeMap;
use std::fmt;

use super::parse::Assignment;

/// Maximum number of references that one value may expand. The original only stops when its stack overflows.
const MAX_STEPS: usize = 1000;
/// Maximum length of a value in bytes while its references are expanded.
const MAX_BYTES: usize = 1024 * 1024;

/// A value whose references never end, because the variable refers to itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless {
    name: String,
    line: usize,
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} refers to itself", self.line, self.name)
    }
}

/// Expands the values of one file, and adds them to `known`, the variables of the environment and of earlier files.
///
/// Values in `known` have precedence. `known` does not change if there is an error.
pub(super) fn expand(assignments: &mut [Assignment], known: &mut BTreeMap<String, String>) -> Result<(), Endless> {
    for index in 0..assignments.len() {
        let Assignment { name, value, line, .. } = &assignments[index];
        let text = known.get(name).unwrap_or(value).clone();
        let lookup = |name: &str| {
            let in_file = || Some(&assignments.iter().find(|assignment| assignment.name == name)?.value);
            Values { known: known.get(name).map(String::as_str), in_file: in_file().map(String::as_str) }
        };
        let expanded = interpolate(text, lookup).ok_or_else(|| Endless { name: name.clone(), line: *line })?;
        assignments[index].value = expanded.replace("\\$", "$");
    }
    known.extend(assignments.iter().map(|assignment| (assignment.name.clone(), assignment.value.clone())));
    Ok(())
}

/// The values of one variable, in the environment or an earlier file, and in the same file.
struct Values<'a> {
    known: Option<&'a str>,
    in_file: Option<&'a str>,
}

/// A reference to a variable, such as `$NAME`, `${NAME}` or `${NAME:-default}`.
struct Reference<'a> {
    text: &'a str,
    name: &'a str,
    default: &'a str,
}

/// Replaces references, beginning with the last one, until the last `$` is not one. Returns `None` if this does not end.
fn interpolate<'a>(mut text: String, lookup: impl Fn(&str) -> Values<'a>) -> Option<String> {
    for _ in 0..MAX_STEPS {
        let Some(reference) = last_reference(&text) else { return Some(text) };
        let Values { known, in_file } = lookup(reference.name);
        let values = [known, Some(reference.default), in_file].into_iter().flatten();
        let value = values.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        text = replace_first(&text, reference.text, value);
        if text.len() > MAX_BYTES {
            return None;
        }
    }
    None
}

/// Returns the reference at the last `$` that has no backslash before it.
fn last_reference(text: &str) -> Option<Reference<'_>> {
    let start = text.rmatch_indices('$').map(|(start, _)| start).find(|start| !text[..*start].ends_with('\\'))?;
    let after_dollar = &text[start + 1..];
    let rest = after_dollar.strip_prefix('{').unwrap_or(after_dollar);
    let (name, rest) = rest.split_at(rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()));
    let (default, rest) = match rest.strip_prefix(":-") {
        Some(default) => default.split_at(default.find(['}', '\\']).unwrap_or(default.len())),
        None => ("", rest),
    };
    let rest = rest.strip_prefix('}').unwrap_or(rest);
    (!name.is_empty()).then(|| Reference { text: &text[start..text.len() - rest.len()], name, default })
}

/// Returns `true` for the characters of a name in a reference.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Replaces the first occurrence of `pattern` as JavaScript's `String.replace` does, for which `$$`, `$&`, `` $` `` and `$'`
/// in the replacement have a meaning.
fn replace_first(text: &str, pattern: &str, replacement: &str) -> String {
    let Some((before, after)) = text.split_once(pattern) else { return text.to_owned() };
    let mut replaced = before.to_owned();
    let mut rest = replacement;
    while let Some((plain, special)) = rest.split_once('$') {
        replaced.push_str(plain);
        let meanings = [("$", "$"), ("&", pattern), ("`", before), ("'", after)];
        let found = meanings.iter().find_map(|(sign, meaning)| Some((special.strip_prefix(sign)?, *meaning)));
        let (next, meaning) = found.unwrap_or((special, "$"));
        replaced.push_str(meaning);
        rest = next;
    }
    replaced + rest + after
}
