//! Bodies below `/api/auth`, checked the way Better Auth checks them: field by field in the order of the schema, all
//! problems in one message.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use serde_json::{Map, Value};
use taskbridge_domain::text::InvalidText;

use super::session::CurrentSession;
use crate::auth::csrf::check_origin;
use crate::auth::error::{AuthApiError, NUL, problem};
use crate::body::{media_type, read};

/// How much of a media type the message repeats, in characters: it also stands in the log.
const MAX_SHOWN_CHARS: usize = 100;

/// The body as JSON, of a request that may come from where it comes from; `None` when there is none. As under Node, one
/// without a media type counts as none.
///
/// Errors: 408, 413, 415, 400; 403, or 400 for its callback URLs.
pub(crate) struct AuthBody(pub(crate) Option<Value>);

impl FromRequest for AuthBody {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        checked_body(request, payload, "application/json", parse_json)
    }
}

/// The same for the routes that take forms, too: all values of those are strings.
pub(crate) struct SignInBody(pub(crate) AuthBody);

impl FromRequest for SignInBody {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = checked_body(
            request,
            payload,
            "application/x-www-form-urlencoded, application/json",
            |media_type, body| {
                if media_type != "application/x-www-form-urlencoded" {
                    return parse_json(media_type, body);
                }
                let pairs = url::form_urlencoded::parse(body);
                let fields = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
                Some(Ok(Value::Object(fields.collect())))
            },
        );
        Box::pin(async move { body.await.map(Self) })
    }
}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, AuthApiError>>>>;

/// What a parser makes of a body; `None` if it does not know the media type.
type Parsed = Option<Result<Value, AuthApiError>>;

/// The body as the parser reads it.
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
                Some(parse(&media_type, &body).ok_or_else(|| unknown_media_type(&request, allowed))??)
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

fn unknown_media_type(request: &HttpRequest, allowed: &'static str) -> AuthApiError {
    let sent = request.headers().get(CONTENT_TYPE).and_then(|sent| sent.to_str().ok());
    AuthApiError::MediaType { sent: sent.unwrap_or_default().chars().take(MAX_SHOWN_CHARS).collect(), allowed }
}

/// What a route reads of its body.
pub(crate) trait AuthRequest: Sized + 'static {
    /// Takes what it needs.
    ///
    /// Errors: 400.
    fn parse(body: AuthBody) -> Result<Self, AuthApiError>;
}

/// A body that is as the route wants it, and then the session: whoever sends what is no request is told that first.
pub(crate) struct WithSession<T>(pub(crate) T, pub(crate) CurrentSession);

impl<T: AuthRequest> FromRequest for WithSession<T> {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = AuthBody::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let body = T::parse(body.await?)?;
            Ok(Self(body, CurrentSession::of(&request).await?))
        })
    }
}

/// No route reads anything of it.
pub(crate) struct Anything;

impl AuthRequest for Anything {
    fn parse(_: AuthBody) -> Result<Self, AuthApiError> {
        Ok(Self)
    }
}

/// The fields of an object, and the problems found in them so far.
pub(crate) struct Schema {
    fields: Map<String, Value>,
    problems: Vec<String>,
}

impl Schema {
    /// `expected` is what the body is called in the messages, one for each part of the schema.
    pub(crate) fn of(AuthBody(body): AuthBody, expected: &[&str]) -> Result<Self, AuthApiError> {
        match body {
            Some(Value::Object(fields)) => Ok(Self { fields, problems: Vec::new() }),
            other => {
                let received = other.as_ref().map_or("undefined", name_of);
                let problem = |expected| format!("[body] Invalid input: expected {expected}, received {received}");
                Err(AuthApiError::Validation(expected.iter().map(problem).collect::<Vec<_>>().join("; ")))
            }
        }
    }

    /// A string that must be there; `None` with the problem noted.
    pub(crate) fn string(&mut self, field: &str) -> Option<String> {
        if !self.fields.contains_key(field) {
            self.wrong_type(field, "string", "undefined");
        }
        self.optional_string(field)
    }

    /// A string that may be absent.
    pub(crate) fn optional_string(&mut self, field: &str) -> Option<String> {
        match self.fields.get(field)? {
            Value::String(text) => Some(text.clone()),
            other => {
                let received = name_of(other);
                self.wrong_type(field, "string", received);
                None
            }
        }
    }

    /// Whether the field is there.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Whether the field is there with what JavaScript takes for true.
    pub(crate) fn is_truthy(&self, field: &str) -> bool {
        match self.fields.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        }
    }

    /// A boolean that may be absent.
    pub(crate) fn optional_boolean(&mut self, field: &str) -> Option<bool> {
        match self.fields.get(field)? {
            Value::Bool(value) => Some(*value),
            other => {
                let received = name_of(other);
                self.wrong_type(field, "boolean", received);
                None
            }
        }
    }

    /// A string that must be there and follow a rule of its own.
    pub(crate) fn parsed<T, E>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        text: impl FnOnce(E) -> String,
    ) -> Option<T> {
        let given = self.string(field)?;
        parse(&given).map_err(|error| self.problems.push(problem(field, &text(error)))).ok()
    }

    /// The same that may be absent.
    pub(crate) fn optional_parsed<T, E>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        text: impl FnOnce(E) -> String,
    ) -> Option<T> {
        if self.has(field) { self.parsed(field, parse, text) } else { None }
    }

    /// The same that may be `null`.
    pub(crate) fn nullable_parsed<T, E>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        text: impl FnOnce(E) -> String,
    ) -> Option<T> {
        if let Some(Value::Null) = self.fields.get(field) { None } else { self.parsed(field, parse, text) }
    }

    /// Whether no problem was found.
    pub(crate) fn is_met(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems as one error.
    pub(crate) fn into_error(self) -> AuthApiError {
        AuthApiError::Validation(self.problems.join("; "))
    }

    fn wrong_type(&mut self, field: &str, expected: &str, received: &str) {
        self.problems.push(problem(field, &format!("Invalid input: expected {expected}, received {received}")));
    }
}

/// Returns the message for an invalid text, as Better Auth words it.
pub(crate) fn text_problem(invalid: InvalidText) -> String {
    match invalid {
        InvalidText::Empty => "Too small: expected string to have >=1 characters".into(),
        InvalidText::TooLong { max_chars } => format!("Too big: expected string to have <={max_chars} characters"),
        InvalidText::Nul => NUL.into(),
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
