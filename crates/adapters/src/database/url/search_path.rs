//! The schemas in which tables are found and created, and the parameter `options` of a URL, which can name these
//! schemas.

use std::fmt;

use taskbridge_schema::quoted;
use tokio_postgres::Config;

use super::InvalidDatabaseUrl;
use super::parameters::Parameters;

/// Maximum length of an identifier in PostgreSQL, in bytes.
const MAX_NAME: usize = 63;

/// A value of PostgreSQL's setting `search_path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct SearchPath(Vec<String>);

impl SearchPath {
    /// Returns a search path that consists of one schema. `name` is taken literally, even if it contains a comma.
    /// Returns `None` if the name is too long.
    pub(super) fn schema(name: String) -> Option<Self> {
        (name.len() <= MAX_NAME).then(|| Self(vec![name]))
    }

    /// Parses a value of the setting `search_path`: names separated by commas. A name without quotation marks is
    /// converted to lower case. Returns `None` if the text is malformed or empty.
    pub(in crate::database) fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        let mut rest = text.trim_start();
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let (name, after) = unquote(quoted)?;
                names.push(name);
                rest = after.trim_start();
            } else {
                let (name, _) = rest.split_once(',').unwrap_or((rest, ""));
                let plain = name.trim_end();
                if plain.is_empty() || plain.contains(['"', '\'', ' ']) {
                    return None;
                }
                names.push(plain.to_ascii_lowercase());
                rest = &rest[name.len()..];
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after.trim_start(),
                None if rest.is_empty() => break,
                None => return None,
            }
        }
        names.iter().all(|name| name.len() <= MAX_NAME).then_some(Self(names))
    }

    /// Returns the first schema, in which tables are created. It may be `$user`, for which PostgreSQL uses the name of
    /// the role.
    pub(in crate::database) fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Returns the names of the schemas, in the order in which PostgreSQL searches them.
    pub(in crate::database) fn names(&self) -> &[String] {
        &self.0
    }
}

/// Formats the search path as a value of the setting `search_path`, with every name quoted.
impl fmt::Display for SearchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", quoted(name))?;
        }
        Ok(())
    }
}

/// Reads a quoted identifier up to its closing quotation mark. `text` begins after the opening one. Returns the
/// identifier and the rest of the text.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_postgresql_reads_it() {
        for (text, names) in [
            ("auth", &["auth"][..]),
            ("Auth, public", &["auth", "public"]),
            (r#""$user", public"#, &["$user", "public"]),
            (r#" "My ""App""" , b "#, &[r#"My "App""#, "b"]),
            (r#""a,b""#, &["a,b"]),
        ] {
            let path = SearchPath::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(path.names(), names);
            assert_eq!(SearchPath::parse(&path.to_string()), Some(path), "{text}");
        }
        for text in ["", ",", "a,", "a b", r#""a"#, r#"a"b"#, r#""a"b"#, "a'b"] {
            assert_eq!(SearchPath::parse(text), None, "{text}");
        }
    }
}
