//! Cursors, which mark where the next page of a list begins. A client can send a changed cursor, so each received
//! cursor is validated.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use taskbridge_domain::tasks::{Cursor, SortDirection, SortKey, SortValue, TaskId, TitlePrefix};
use taskbridge_domain::time::PreciseTimestamp;

/// Maximum length of a cursor, in characters: enough for a title of 200 characters with 4 bytes each, encoded as JSON
/// in base64url.
const MAX_LENGTH: usize = 2048;

/// The content of a cursor, which is encoded as JSON in base64url.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CursorFields {
    sort: String,
    order: String,
    at: At,
    id: i64,
}

/// The last value before the next page, in the field that the list is sorted by: a title, or microseconds since the
/// Unix epoch.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum At {
    Time(i64),
    Title(String),
}

pub(super) fn encode(cursor: &Cursor) -> String {
    let Cursor { value, id, direction } = cursor;
    let at = match value {
        SortValue::CreatedAt(time) | SortValue::UpdatedAt(time) => At::Time(time.unix_micros()),
        SortValue::Title(title) => At::Title(title.as_str().to_owned()),
    };
    let (sort, order) = (key_name(value.key()).to_owned(), direction_name(*direction).to_owned());
    let fields = CursorFields { sort, order, at, id: id.number() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&fields).unwrap_or_default())
}

/// Decodes a cursor. Returns `None` if the text is not one that [`encode`] could have returned.
pub(super) fn decode(text: &str) -> Option<Cursor> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let CursorFields { sort, order, at, id } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let value = match (key_of(&sort)?, at) {
        (SortKey::CreatedAt, At::Time(micros)) => SortValue::CreatedAt(PreciseTimestamp::from_unix_micros(micros)?),
        (SortKey::UpdatedAt, At::Time(micros)) => SortValue::UpdatedAt(PreciseTimestamp::from_unix_micros(micros)?),
        (SortKey::Title, At::Title(title)) if !title.contains('\0') => SortValue::Title(TitlePrefix::of(&title)),
        _ => return None,
    };
    let direction: SortDirection = direction_of(&order)?;
    Some(Cursor { value, id: TaskId::new(id), direction })
}

pub(super) fn key_of(name: &str) -> Option<SortKey> {
    [SortKey::CreatedAt, SortKey::UpdatedAt, SortKey::Title].into_iter().find(|key| key_name(*key) == name)
}

pub(super) fn key_name(key: SortKey) -> &'static str {
    match key {
        SortKey::CreatedAt => "created_at",
        SortKey::UpdatedAt => "updated_at",
        SortKey::Title => "title",
    }
}

pub(super) fn direction_of(name: &str) -> Option<SortDirection> {
    [SortDirection::Ascending, SortDirection::Descending]
        .into_iter()
        .find(|direction| direction_name(*direction) == name)
}

pub(super) fn direction_name(direction: SortDirection) -> &'static str {
    match direction {
        SortDirection::Ascending => "asc",
        SortDirection::Descending => "desc",
    }
}
