//! The parameter `options` of a PostgreSQL URL, and the search path, which may be part of it.

use tokio_postgres::Config;

use super::InvalidDatabaseUrl;
use super::parameters::Parameters;
use super::search_path::SearchPath;

/// Reads the search path from its own parameters or from `options`. Adds the other options to `config`, so that they
/// are sent to the PostgreSQL server.
pub(super) fn read_search_path(
    config: &mut Config,
    parameters: &mut Parameters,
) -> Result<Option<SearchPath>, InvalidDatabaseUrl> {
    const ADVICE: &str = "write the names of schemas, with commas between them";
    let mut paths = Vec::new();
    for name in ["search_path", "currentSchema"] {
        if let Some(text) = parameters.take(name) {
            paths.push(SearchPath::parse(&text).ok_or(InvalidDatabaseUrl::Value { name, advice: ADVICE })?);
        }
    }
    if let Some(name) = parameters.take("schema") {
        let invalid = InvalidDatabaseUrl::Value { name: "schema", advice: "a name has at most 63 bytes" };
        paths.push(SearchPath::schema(name).ok_or(invalid)?);
    }
    if let Some(text) = parameters.take("options") {
        let (in_options, others) = split_options(&text);
        for path in in_options {
            let invalid = InvalidDatabaseUrl::Value { name: "search_path", advice: ADVICE };
            paths.push(SearchPath::parse(&path).ok_or(invalid)?);
        }
        if !others.is_empty() {
            config.options(others);
        }
    }
    let path = paths.pop();
    if paths.iter().any(|other| Some(other) != path.as_ref()) {
        return Err(InvalidDatabaseUrl::Conflict { what: "the search path" });
    }
    Ok(path)
}

/// Splits `options` into the search paths that it sets, and the other options.
fn split_options(text: &str) -> (Vec<String>, String) {
    let (mut paths, mut others) = (Vec::new(), Vec::new());
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let (option, setting) = if word == "-c" {
            let setting = words.next().unwrap_or_default();
            (format!("-c {}", escape(&setting)), setting)
        } else {
            let setting = word.strip_prefix("--").or(word.strip_prefix("-c")).unwrap_or_default();
            (escape(&word), setting.to_owned())
        };
        match setting.split_once('=') {
            Some((name, path)) if name.replace('-', "_").eq_ignore_ascii_case("search_path") => {
                paths.push(path.to_owned());
            }
            _ => others.push(option),
        }
    }
    (paths, others.join(" "))
}

/// Splits `options` at white space. A backslash escapes the next character.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let last = words.len() - 1;
        match character {
            '\\' => words[last].extend(characters.next()),
            ' ' | '\t' | '\n' | '\r' => words.push(String::new()),
            character => words[last].push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn escape(word: &str) -> String {
    word.replace('\\', r"\\").replace(' ', r"\ ")
}
