//! Flags: columns whose values mean yes or no. A flag may be a boolean, a number, a time or a word.

use crate::database::catalog::Column;

/// Texts of a flag that mean no, in lower case. Any other value means yes.
const NO: [&str; 4] = ["", "0", "false", "f"];

/// Returns `true` if the text of a flag means yes.
pub(super) fn is_set(text: &str) -> bool {
    !NO.contains(&text.to_lowercase().as_str())
}

/// Returns the SQL condition for rows in which the flag means no.
pub(super) fn says_no(column: &Column) -> String {
    format!("lower(cast({} as text)) in ('{}')", column.identifier(), NO.join("', '"))
}
