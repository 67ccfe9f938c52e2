//! Dates on SQLite, which has no type for them.

use taskbridge_schema::quoted;

/// Returns the SQL expression that converts the date in a column to the form that Taskbridge stores. The column may
/// contain text, or seconds or milliseconds since 1970. Text without a zone is treated as UTC. Any other value becomes
/// null. Digits after the milliseconds are cut off, as on PostgreSQL; `strftime` would round them.
pub(crate) fn date(column: &str) -> String {
    let column = quoted(column);
    let fraction = format!("substr({column}, instr({column}, '.') + 1)");
    let zone = format!("ltrim({fraction}, '0123456789')");
    let milliseconds = format!("substr({fraction}, 1, min(3, length({fraction}) - length({zone})))");
    format!(
        r"case when typeof({column}) in ('integer', 'real')
        then strftime('%Y-%m-%dT%H:%M:%fZ', case when abs({column}) < 100000000000 then {column} else {column} / 1000.0 end, 'unixepoch')
        when typeof({column}) = 'text' and {column} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        then strftime('%Y-%m-%dT%H:%M:%fZ', case when instr({column}, '.') = 0 then {column}
        else substr({column}, 1, instr({column}, '.')) || {milliseconds} || {zone} end) end"
    )
}
