//! The types of columns on SQLite.

/// The type to which SQLite converts the values in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// Integers.
    Integer,
    /// Text.
    Text,
    /// No conversion.
    Blob,
    /// Floating-point numbers.
    Real,
    /// Numbers, if a text is one.
    Numeric,
}

/// Returns the affinity that SQLite derives from the declared type of a column, by the rules of "Datatypes In SQLite",
/// section 3.1. The type must be in lower case.
#[must_use]
pub fn affinity(declared: &str) -> Affinity {
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if has(&["int"]) {
        Affinity::Integer
    } else if has(&["char", "clob", "text"]) {
        Affinity::Text
    } else if declared.is_empty() || has(&["blob"]) {
        Affinity::Blob
    } else if has(&["real", "floa", "doub"]) {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}
