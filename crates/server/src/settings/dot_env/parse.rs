//! The parser of `.env` files: that of `dotenv` 16.3, which `@next/env` contains.

use regex::Regex;

/// The white space of JavaScript, as in its `\s` and in `String.trim`.
const SPACE: &str =
    r"\t\n\x0B\x0C\r\x20\u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";
/// The ends of lines of JavaScript, as in its `^`, `$` and `.`. A carriage return is replaced before.
const LINE_END: &str = r"\n\u{2028}\u{2029}";

/// A variable and its value in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    /// The number of the line with the name. The first line is 1.
    pub(super) line: usize,
    /// The position in the text of what follows the equals sign.
    pub(super) rest: usize,
}

/// The content of a file.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The text with line feeds as line breaks.
    pub(super) text: String,
    /// The variables in the order in which their names first appear, each with its last value.
    pub(super) assignments: Vec<Assignment>,
    /// The lines that are neither assignments nor comments, with their numbers.
    pub(super) ignored: Vec<(usize, String)>,
}

/// Parses a file. No text is an error.
pub(super) fn parse(text: &str) -> Result<Parsed, regex::Error> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let pattern = pattern()?;
    let line_of = |position: usize| 1 + text[..position].matches('\n').count();
    let ignored_before = |from: usize, to: usize| {
        let lines =
            text[from..to].split('\n').zip(line_of(from)..).map(|(line, number)| (number, line.trim().to_owned()));
        lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>()
    };
    let (mut assignments, mut ignored) = (Vec::<Assignment>::new(), Vec::new());
    let mut position = 0;
    while let Some(parts) = pattern.captures_at(&text, position) {
        let [Some(all), Some(name), Some(equals), Some(end)] =
            [parts.get(0), parts.name("name"), parts.name("equals"), parts.name("end")]
        else {
            break;
        };
        ignored.extend(ignored_before(position, all.start()));
        position = end.start();
        let value = value(parts.name("value").map_or("", |value| value.as_str()));
        let name = name.as_str().to_owned();
        let assignment = Assignment { name, value, line: line_of(equals.start()), rest: equals.end() };
        match assignments.iter_mut().find(|known| known.name == assignment.name) {
            Some(known) => *known = assignment,
            None => assignments.push(assignment),
        }
    }
    ignored.extend(ignored_before(position, text.len()));
    Ok(Parsed { text, assignments, ignored })
}

/// Returns the pattern of an assignment. It is that of `dotenv`, with `^` and `$` replaced: the match includes the ends of
/// the lines before and after it, and the group `end` is where the next match may begin.
fn pattern() -> Result<Regex, regex::Error> {
    Regex::new(&format!(
        r#"(?x)
        (?: \A | [{LINE_END}] ) [{SPACE}]* (?: export [{SPACE}]+ )?
        (?<name> [A-Za-z0-9_.-]+ ) (?<equals> [{SPACE}]* = [{SPACE}]*? | : [{SPACE}]+? )
        (?<value>
            [{SPACE}]* ' (?: \\' | [^'] )* '
            | [{SPACE}]* " (?: \\" | [^"] )* "
            | [{SPACE}]* ` (?: \\` | [^`] )* `
            | [^\#\r\n]+
        )?
        [{SPACE}]* (?: \# [^{LINE_END}]* )? (?<end>) (?: \z | [{LINE_END}] )"#
    ))
}

/// Returns the value that `text` has: without white space around it, and without the quotes around that. In double
/// quotes, `\n` and `\r` are line breaks.
fn value(text: &str) -> String {
    let text = text.trim_matches(is_space);
    let inside = ['\'', '"', '`'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let value = inside.unwrap_or(text);
    if text.starts_with('"') { value.replace("\\n", "\n").replace("\\r", "\r") } else { value.to_owned() }
}

/// Returns `true` for the characters of [`SPACE`].
fn is_space(c: char) -> bool {
    // Rust's white space has U+0085, which JavaScript's has not, and lacks the byte order mark.
    (c.is_whitespace() && c != '\u{85}') || c == '\u{FEFF}'
}
