//! Statements on Better Auth's tables, whatever their names in the database.
//!
//! A statement names Better Auth's tables and columns by markers, which are quoted identifiers: `"better_auth.user"` is
//! a table, and `"user.emailVerified"` a column. A [`Rewriter`] replaces each marker by the name that the database uses.
//! A marker says by itself which table and column it stands for, so the rewriter need not know aliases, joins or
//! subqueries.
//!
//! The columns of the result keep their markers as names: a name after `AS` is not replaced, and a column in the
//! outermost `SELECT` or `RETURNING` list that has no such name gets one.
//!
//! Other names from the database are written as [`verbatim`] names, because a column may have the name of a marker.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;

use crate::map::{SchemaMap, TableMap, quoted};
use crate::table::AuthTable;

/// The prefix of the markers of tables.
const TABLE: &str = "better_auth.";
/// The prefix of names that are not replaced.
const VERBATIM: &str = "better_auth:";

/// Returns the identifier that stands for exactly this name in a statement, even if the name is that of a marker. The
/// result is not quoted yet.
#[must_use]
pub fn verbatim(name: &str) -> String {
    format!("{VERBATIM}{name}")
}

/// An error from a statement with the marker of a table or column that the map does not contain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the schema map has no name for {0:?}")]
pub struct UnknownMarker(String);

/// Replaces the markers in statements by the names that a database uses.
#[derive(Debug, Clone)]
pub struct Rewriter {
    map: SchemaMap,
    tables: Vec<QuotedNames>,
}

/// The quoted names of a table and its columns.
#[derive(Debug, Clone)]
struct QuotedNames {
    table: &'static str,
    name: String,
    columns: Vec<(&'static str, String)>,
}

/// The meaning of a quoted identifier.
enum Identifier<'a> {
    Table(&'a str),
    Column(&'a str),
    Verbatim,
    /// An identifier that stays as it is, such as an alias or a column of another table.
    Other,
}

impl Rewriter {
    /// Returns a rewriter for a database with these names.
    #[must_use]
    pub fn new(map: SchemaMap) -> Self {
        let names = |(table, names): (AuthTable, &TableMap)| QuotedNames {
            table: table.name(),
            name: names.quoted(),
            columns: names.columns.iter().map(|(column, found)| (*column, quoted(&found.name))).collect(),
        };
        let tables = map.tables().map(names).collect();
        Self { map, tables }
    }

    /// Returns the names that the database uses.
    #[must_use]
    pub fn map(&self) -> &SchemaMap {
        &self.map
    }

    /// Replaces the markers in a statement.
    ///
    /// # Errors
    /// [`UnknownMarker`] if the map does not contain the table or column. SQLite would take the marker of a column for a
    /// string literal instead of reporting an error.
    pub fn rewrite<'a>(&self, sql: &'a str) -> Result<Cow<'a, str>, UnknownMarker> {
        let mut output = Output { sql, copied: 0, text: String::new() };
        let mut list = OutputList::default();
        let (bytes, mut at, mut depth) = (sql.as_bytes(), 0, 0_usize);
        while let Some(byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b'\'' => at = end_of_quoted(bytes, start),
                b'"' if is_output_name(&bytes[..start]) => at = end_of_quoted(bytes, start),
                b'"' => {
                    at = end_of_quoted(bytes, start);
                    let name = sql.get(start + 1..at - 1).unwrap_or_default();
                    match self.identify(name)? {
                        Identifier::Table(real) => output.replace(start..at, real),
                        Identifier::Column(real) => {
                            output.replace(start..at, real);
                            list.column = Some(start..at);
                        }
                        Identifier::Verbatim => output.replace(start..start + 1 + VERBATIM.len(), "\""),
                        Identifier::Other => {}
                    }
                }
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => list.end_item(start, &mut output),
                byte if depth == 0 && byte.is_ascii_alphabetic() => {
                    at = end_of_word(bytes, start);
                    list.read_word(start..at, &mut output);
                }
                _ => {}
            }
        }
        list.end(sql.len(), &mut output);
        Ok(output.finish())
    }

    fn identify(&self, name: &str) -> Result<Identifier<'_>, UnknownMarker> {
        if name.starts_with(VERBATIM) {
            return Ok(Identifier::Verbatim);
        }
        let names = |table: &str| self.tables.iter().find(|names| names.table == table);
        let found = if let Some(table) = name.strip_prefix(TABLE) {
            names(table).map(|names| Identifier::Table(&names.name))
        } else {
            let Some((table, column)) = name.split_once('.') else { return Ok(Identifier::Other) };
            let Some(names) = names(table) else { return Ok(Identifier::Other) };
            let found = names.columns.iter().find(|(marker, _)| *marker == column);
            found.map(|(_, real)| Identifier::Column(real))
        };
        found.ok_or_else(|| UnknownMarker(name.to_owned()))
    }
}

/// The rewritten statement. Its text stays empty until the first change.
struct Output<'a> {
    sql: &'a str,
    /// Number of bytes of `sql` that `text` contains, some of them replaced.
    copied: usize,
    text: String,
}

impl<'a> Output<'a> {
    fn replace(&mut self, range: Range<usize>, by: &str) {
        if self.copied == 0 {
            self.text.reserve(self.sql.len() * 2);
        }
        self.text.push_str(&self.sql[self.copied..range.start]);
        self.text.push_str(by);
        self.copied = range.end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return self.sql.into();
        }
        self.text.push_str(&self.sql[self.copied..]);
        self.text.into()
    }
}

/// The position in the outermost `SELECT` or `RETURNING` list.
#[derive(Default)]
struct OutputList {
    /// The start of the current item; `None` outside of the list.
    item: Option<usize>,
    /// The last marker of a column in the current item, with its quotes.
    column: Option<Range<usize>>,
    /// `true` if the current item has a name.
    is_named: bool,
}

impl OutputList {
    fn read_word(&mut self, word: Range<usize>, output: &mut Output<'_>) {
        let is = |expected: &str| output.sql[word.clone()].eq_ignore_ascii_case(expected);
        if is("select") || is("returning") {
            *self = Self { item: Some(word.end), ..Self::default() };
        } else if is("as") {
            self.is_named = true;
        } else if is("from") {
            self.end(word.start, output);
        }
    }

    /// Ends the current item and begins the next one. Does nothing outside of the list.
    fn end_item(&mut self, at: usize, output: &mut Output<'_>) {
        let Self { item: Some(start), column, is_named } = std::mem::take(self) else { return };
        self.item = Some(at + 1);
        let item = output.sql[start..at].trim_ascii();
        // PostgreSQL and SQLite name such an item after the column, whose name in the database may be another one.
        let is_column = item.starts_with('"') || item.get(..5).is_some_and(|cast| cast.eq_ignore_ascii_case("cast("));
        if let Some(column) = column.filter(|_| is_column && !is_named) {
            let end = output.sql[..at].trim_ascii_end().len();
            output.replace(end..end, " AS ");
            let marker = &output.sql[column];
            output.text.push_str(marker);
        }
    }

    fn end(&mut self, at: usize, output: &mut Output<'_>) {
        self.end_item(at, output);
        *self = Self::default();
    }
}

/// Returns `true` if an identifier after this text is the name of a column of the result.
fn is_output_name(before: &[u8]) -> bool {
    before.last_chunk().is_some_and(|word: &[u8; 4]| word.eq_ignore_ascii_case(b" as "))
}

/// Returns the end of the quoted text that begins at `start`. A doubled quotation mark does not end it.
fn end_of_quoted(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == quote) {
        at += length + 1;
        if bytes.get(at) != Some(&quote) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// Returns the end of the word that contains the position `start`.
fn end_of_word(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    bytes[start..].iter().position(|byte| !is_part(byte)).map_or(bytes.len(), |length| start + length)
}

#[cfg(test)]
mod tests;
