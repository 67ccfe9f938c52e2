//! Request bodies below `/api/auth`, validated as Better Auth validates them: all errors in one message.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use serde_json::{Map, Value};

use super::session::CurrentSession;
use crate::auth::csrf::check_origin;
use crate::auth::error::{AuthApiError, invalid_field};
use crate::auth::fields::wrong_type;
use crate::extract::body::{media_type, read};
use crate::extract::field::{InvalidField, RequestFields, UNCHECKED_FIELD, parse_fields};

/// Maximum number of characters of the media type that an error message contains. The message is also logged.
const MAX_SHOWN_CHARS: usize = 100;

/// The JSON body of a request from a trusted origin, or `None` if the request has no body. A body without a media type
/// is ignored, as in Better Auth on Node.js.
///
/// # Errors
/// Returns a 400, 408, 413 or 415 if the body cannot be read, a 403 if the origin is not trusted, and a 400 or 403 for
/// an invalid or untrusted callback URL.
pub(crate) struct AuthBody(pub(crate) Option<Value>);

impl AuthBody {
    /// Returns the members of the body, which must be an object.
    ///
    /// # Errors
    /// Returns a validation error if the body is not an object. As in Better Auth, which checks some bodies against two
    /// schemas, the message says so once for each schema in `expected`.
    pub(crate) fn into_object(self, expected: &[&str]) -> Result<Map<String, Value>, AuthApiError> {
        match self.0 {
            Some(Value::Object(fields)) => Ok(fields),
            other => {
                let messages =
                    expected.iter().map(|expected| format!("[body] {}", wrong_type(expected, other.as_ref())));
                Err(AuthApiError::Validation(messages.collect::<Vec<_>>().join("; ")))
            }
        }
    }

    /// Parses the body as a `T`. `expected` is the same as for `into_object`.
    ///
    /// # Errors
    /// Returns a validation error if the body is not an object or if fields are invalid. The error names every invalid
    /// field.
    pub(crate) fn parse<T: RequestFields>(self, expected: &[&str]) -> Result<T::Value, AuthApiError> {
        parse_fields::<T>(self.into_object(expected)?).map_err(invalid_fields)
    }
}

/// Returns one validation error for all invalid fields.
pub(crate) fn invalid_fields(fields: Vec<InvalidField>) -> AuthApiError {
    if fields.is_empty() {
        return AuthApiError::Internal(UNCHECKED_FIELD.into());
    }
    let messages = fields.into_iter().map(|(field, error)| invalid_field(field, &error.message.unwrap_or_default()));
    AuthApiError::Validation(messages.collect::<Vec<_>>().join("; "))
}

impl FromRequest for AuthBody {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        checked_body(request, payload, "application/json", parse_json)
    }
}

/// An [`AuthBody`] that may also be a form. All values of a form are strings.
pub(crate) struct JsonOrForm(pub(crate) AuthBody);

impl FromRequest for JsonOrForm {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let allowed = "application/x-www-form-urlencoded, application/json";
        let body = checked_body(request, payload, allowed, |media_type, body| {
            if media_type != "application/x-www-form-urlencoded" {
                return parse_json(media_type, body);
            }
            let pairs = url::form_urlencoded::parse(body);
            let fields = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
            Some(Ok(Value::Object(fields.collect())))
        });
        Box::pin(async move { body.await.map(Self) })
    }
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, AuthApiError>>>>;

/// The result of parsing a body, or `None` if the parser does not support the media type of the body.
type Parsed = Option<Result<Value, AuthApiError>>;

/// Reads and parses the body, and checks the origin and the callback URLs of the request.
fn checked_body(
    request: &HttpRequest,
    payload: &mut Payload,
    allowed: &'static str,
    parse: fn(&str, &[u8]) -> Parsed,
) -> Pending<AuthBody> {
    let (request, mut payload) = (request.clone(), payload.take());
    Box::pin(async move {
        let body = read(&request, &mut payload).await?;
        let body = match media_type(&request) {
            Some(media_type) if !body.is_empty() => {
                Some(parse(&media_type, &body).ok_or_else(|| unsupported_media_type(&request, allowed))??)
            }
            _ => None,
        };
        check_origin(&request, body.as_ref())?;
        Ok(AuthBody(body))
    })
}

fn parse_json(media_type: &str, body: &[u8]) -> Parsed {
    (media_type == "application/json")
        .then(|| serde_json::from_slice(body).map_err(|_position| AuthApiError::InvalidJson))
}

fn unsupported_media_type(request: &HttpRequest, allowed: &'static str) -> AuthApiError {
    let sent = request.headers().get(CONTENT_TYPE).and_then(|sent| sent.to_str().ok());
    AuthApiError::MediaType { sent: sent.unwrap_or_default().chars().take(MAX_SHOWN_CHARS).collect(), allowed }
}

/// A body of an endpoint that needs a session.
pub(crate) trait SessionRequest: 'static {
    /// The type that a valid body is converted to.
    type Value;

    /// Parses the body.
    ///
    /// # Errors
    /// Returns a validation error if the body is invalid.
    fn parse(body: AuthBody) -> Result<Self::Value, AuthApiError>;
}

impl<T: RequestFields> SessionRequest for T {
    type Value = T::Value;

    fn parse(body: AuthBody) -> Result<T::Value, AuthApiError> {
        body.parse::<T>(&["object"])
    }
}

/// A body whose content the endpoint ignores.
pub(crate) struct Ignored;

impl SessionRequest for Ignored {
    type Value = ();

    fn parse(_: AuthBody) -> Result<(), AuthApiError> {
        Ok(())
    }
}

/// A body that must be an object, with any members.
pub(crate) struct Record;

impl SessionRequest for Record {
    type Value = Map<String, Value>;

    fn parse(body: AuthBody) -> Result<Self::Value, AuthApiError> {
        body.into_object(&["record"])
    }
}

/// A valid body and a valid session. As in Better Auth, the body is checked first, so an invalid body is also reported
/// to callers without a session.
pub(crate) struct WithSession<T: SessionRequest>(pub(crate) T::Value, pub(crate) CurrentSession);

impl<T: SessionRequest> FromRequest for WithSession<T> {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = AuthBody::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let value = T::parse(body.await?)?;
            Ok(Self(value, CurrentSession::of(&request).await?))
        })
    }
}
