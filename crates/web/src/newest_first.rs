//! Lists of resources in the order of creation: their parameters, cursors and responses.

use actix_web::HttpResponse;
use actix_web::http::header::LINK;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskbridge_domain::owned::{CreationCursor, NewestFirst, PageSize};
use taskbridge_domain::time::PreciseTimestamp;
use utoipa::IntoParams;
use utoipa::openapi::schema::ObjectBuilder;
use validator::{Validate, ValidationError};

use crate::extract::field::{Field, FieldValue, RequestFields};
use crate::extract::parameter::{page_size, parse};
use crate::extract::query::{GivenParameters, ListQuery};
use crate::json_schema;

/// Maximum length of a cursor, in characters.
const MAX_LENGTH: usize = 256;

/// A request for a page of a list that is newest first.
pub type PageQuery = ListQuery<PageParameters>;

/// The parameters of a list that is newest first, in the order in which their errors are reported.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = page_size_of_list)]
    limit: Field<Option<PageSize>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = cursor_text)]
    cursor: Field<Option<CreationCursor>>,
}

impl RequestFields for PageParameters {
    type Value = NewestFirst;

    fn into_value(self) -> Option<NewestFirst> {
        let Self { limit, cursor } = self;
        Some(NewestFirst { after: cursor.valid()?, limit: limit.valid()?.unwrap_or_default() })
    }
}

fn page_size_of_list() -> ObjectBuilder {
    page_size("The maximum number of items to return.")
}

/// Returns the schema of a cursor.
pub(crate) fn cursor_text() -> ObjectBuilder {
    let schema = json_schema::text("^[A-Za-z0-9_-]*$");
    schema.description(Some("The start of the page: the value of `cursor` in the header `Link` of the previous page."))
}

impl GivenParameters<PageParameters> {
    /// Returns the response with a page: an array, and the header `Link` if there is another page.
    pub fn respond<T: Serialize>(&self, items: &[T], next: Option<CreationCursor>) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(next) = next {
            response.insert_header((LINK, self.link_to(&encode(next))));
        }
        response.json(items)
    }
}

/// The content of a cursor, which is encoded as JSON in base64url.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CursorFields {
    /// Microseconds since 1970-01-01T00:00:00Z.
    at: i64,
    id: i64,
}

fn encode(cursor: CreationCursor) -> String {
    let CreationCursor { created_at, id } = cursor;
    let fields = CursorFields { at: created_at.unix_micros(), id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&fields).unwrap_or_default())
}

/// Decodes a cursor. Returns `None` if the text is not one that [`encode`] could have returned.
fn decode(text: &str) -> Option<CreationCursor> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let CursorFields { at, id } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    Some(CreationCursor { created_at: PreciseTimestamp::from_unix_micros(at)?, id })
}

impl FieldValue for CreationCursor {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "cursor", "is none of ours; take it from the header Link", decode)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, dev::Payload};

    use super::*;

    async fn query(text: &str) -> Result<NewestFirst, String> {
        let request = TestRequest::with_uri(&format!("/notes{text}")).to_http_request();
        let read = PageQuery::from_request(&request, &mut Payload::None).await;
        read.map(|ListQuery(_, query)| query).map_err(|error| error.to_string())
    }

    #[actix_web::test]
    async fn a_cursor_is_read_as_it_was_written() {
        let created_at = PreciseTimestamp::from_unix_micros(1_795_225_503_596_999).unwrap();
        let cursor = CreationCursor { created_at, id: -7 };
        let expected = NewestFirst { after: Some(cursor), limit: PageSize::new(2).unwrap() };
        assert_eq!(query(&format!("?limit=2&cursor={}", encode(cursor))).await, Ok(expected));
        assert_eq!(query("?limit=&cursor=&unknown=1").await, Ok(NewestFirst::default()));
    }

    #[actix_web::test]
    async fn every_invalid_parameter_is_an_error() {
        let changed = URL_SAFE_NO_PAD.encode(r#"{"at":9223372036854775807,"id":1}"#);
        for (text, expected) in [
            ("?limit=0&cursor=x".to_owned(), ["limit: ", "cursor: "].as_slice()),
            ("?limit=1001".to_owned(), &["limit: "]),
            (format!("?cursor={changed}"), &["cursor: "]),
            (format!("?cursor={}", URL_SAFE_NO_PAD.encode(r#"{"at":1,"id":1,"user":"bob"}"#)), &["cursor: "]),
        ] {
            let error = query(&text).await.unwrap_err();
            assert!(expected.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }
}
