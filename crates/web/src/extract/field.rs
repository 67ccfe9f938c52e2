//! Fields of request bodies, and parameters of URL queries. One struct describes all of them: the types of its members
//! parse the values, `validator` collects their errors, and utoipa documents them.

use std::borrow::Cow;

use actix_web::HttpRequest;
use serde::de::value::Error as DeserializeError;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::{Map, Value};
use taskbridge_domain::text::InvalidText;
use validator::{Validate, ValidationError};

/// A field of a request. Deserializing it never fails: a `Field` holds either its value or its error, so that all
/// errors of a body can be reported at once.
#[derive(Debug)]
pub struct Field<T>(Result<T, ValidationError>);

/// A type that a field can have.
pub trait FieldValue: Sized {
    /// Parses the value of a field, which is `None` if the field is absent.
    ///
    /// # Errors
    /// Returns an error for the client; see [`invalid`].
    fn parse(value: Option<Value>) -> Result<Self, ValidationError>;
}

/// A field that is `true` or `false`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Boolean(pub bool);

impl FieldValue for Boolean {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        match value {
            Some(Value::Bool(value)) => Ok(Self(value)),
            _ => Err(invalid("bool_type", "Input should be a valid boolean")),
        }
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        value.map(|value| T::parse(Some(value))).transpose()
    }
}

impl<T> Field<T> {
    /// Returns the error if the field is invalid, in the form that the crate `validator` expects.
    ///
    /// # Errors
    /// Returns the error of [`FieldValue::parse`].
    pub fn check(&self) -> Result<(), ValidationError> {
        self.0.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Returns the value, or `None` if the field is invalid.
    #[must_use]
    pub fn valid(self) -> Option<T> {
        self.0.ok()
    }
}

impl<T> Field<Option<T>> {
    /// Returns the value if the field is valid and not absent.
    #[must_use]
    pub fn given(&self) -> Option<&T> {
        self.0.as_ref().ok()?.as_ref()
    }
}

impl<'de, T: FieldValue> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `Value::deserialize` fails only if the field is absent, because a `Value` can hold any JSON.
        Ok(Self(T::parse(Value::deserialize(deserializer).ok())))
    }
}

/// Serializes every field as nothing: `validator` copies invalid values into its errors, which must not contain a
/// password.
impl<T> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// A request body or a URL query, all of whose members are [`Field`]s.
pub trait RequestFields: DeserializeOwned + Validate + 'static {
    /// The type that valid fields are converted to.
    type Value;

    /// Returns the value to use if the request has no body, or `None` if the body is required.
    #[must_use]
    fn absent() -> Option<Self::Value> {
        None
    }

    /// Changes the members of a JSON body before they are parsed. By default, changes nothing.
    fn translate(_request: &HttpRequest, _members: &mut Map<String, Value>) {}

    /// Returns the valid fields that contradict others, with an error for each.
    fn conflicts(&self) -> Vec<InvalidField> {
        Vec::new()
    }

    /// Converts the fields to their value, or returns `None` if one is invalid.
    fn into_value(self) -> Option<Self::Value>;
}

/// An invalid field: its name in the request, and its error.
pub type InvalidField = (&'static str, ValidationError);

/// The cause of an internal error: a field is invalid, and no error says so.
pub(crate) const UNCHECKED_FIELD: &str = "an invalid field lacks #[validate(custom(function = Field::check))]";

/// Parses the members of a JSON object as the fields of `T`. Unknown members are ignored.
///
/// # Errors
/// Returns every invalid field, in the order in which `T` declares them. The list is empty if an invalid member of `T` lacks
/// the attribute `#[validate(custom(function = Field::check))]`.
pub(crate) fn parse_fields<T: RequestFields>(object: Map<String, Value>) -> Result<T::Value, Vec<InvalidField>> {
    let body: T = serde_json::from_value(Value::Object(object)).map_err(|_unreachable| Vec::new())?;
    let (errors, conflicts) = (body.validate().err().unwrap_or_default(), body.conflicts());
    let value = body.into_value().filter(|_| conflicts.is_empty());
    value.ok_or_else(|| {
        // `validator` reports the fields by their Rust names and in no particular order, so they are matched with the
        // names in JSON here.
        let errors = errors.field_errors();
        let invalid = field_names::<T>().iter().filter_map(|name| {
            let of_field = errors.iter().find(|(field, _)| is_same_name(name, field));
            let of_field = of_field.and_then(|(_, errors)| errors.first());
            let conflict = conflicts.iter().find(|(field, _)| field == name).map(|(_, error)| error);
            Some((*name, of_field.or(conflict)?.clone()))
        });
        invalid.collect()
    })
}

/// Returns the names that the members of `T` have in JSON, in the order of their declaration.
pub(crate) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Names<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = DeserializeError;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(Error::custom("only the names are needed"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Error::custom("not a struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut names: &[&str] = &[];
    // The result is always an error, which is ignored: the call is only needed to fill `names`.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Returns the text in a field that must be present.
///
/// # Errors
/// Returns an error for the client if the field is absent or has another type.
pub fn required_text(value: Option<Value>) -> Result<String, ValidationError> {
    match value {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(invalid("string_type", "Input should be a valid string")),
        None => Err(invalid("missing", "Field required")),
    }
}

/// Returns the error for a text that breaks a rule.
#[must_use]
pub fn invalid_text(error: InvalidText) -> ValidationError {
    let kind = match error {
        InvalidText::Empty => "string_too_short",
        InvalidText::TooLong { .. } => "string_too_long",
        InvalidText::Nul => "string_nul",
    };
    invalid(kind, error.to_string())
}

/// Returns an error that has `kind` as its `type` and `message` as its `msg` in FastAPI's format.
#[must_use]
pub fn invalid(kind: &'static str, message: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new(kind).with_message(message.into())
}

/// Returns `true` if the JSON name and the Rust name are of the same field, such as `callbackURL` and `callback_url`.
fn is_same_name(json: &str, rust: &str) -> bool {
    rust.replace('_', "").eq_ignore_ascii_case(&json.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ApiError;

    struct Secret;

    impl FieldValue for Secret {
        fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
            if value == Some("right".into()) { Ok(Self) } else { Err(ValidationError::new("wrong")) }
        }
    }

    #[derive(Deserialize, Validate)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        #[validate(custom(function = Field::check))]
        last_first: Field<Secret>,
        #[serde(rename = "callbackURL")]
        #[validate(custom(function = Field::check))]
        callback_url: Field<Secret>,
        #[validate(custom(function = Field::check))]
        a: Field<Option<Secret>>,
    }

    impl RequestFields for Body {
        type Value = ();

        fn into_value(self) -> Option<()> {
            self.last_first.valid().and(self.callback_url.valid()).and(self.a.valid()).map(drop)
        }
    }

    fn parse(value: &Value) -> Result<(), Vec<InvalidField>> {
        parse_fields::<Body>(value.as_object().unwrap().clone())
    }

    #[test]
    fn every_invalid_field_is_reported_in_the_order_of_the_struct() {
        for (body, expected) in [
            (json!({ "a": 1, "callbackURL": null }), &["lastFirst", "callbackURL", "a"][..]),
            (json!({ "lastFirst": "right", "last_first": 1 }), &["callbackURL"]),
            (json!({ "lastFirst": "right", "callbackURL": "right", "a": null, "unknown": 1 }), &["a"]),
        ] {
            let invalid = parse(&body).unwrap_err();
            assert_eq!(invalid.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected, "{body}");
        }
        assert!(parse(&json!({ "lastFirst": "right", "callbackURL": "right" })).is_ok());
    }

    #[derive(Deserialize, Validate)]
    struct Unchecked {
        secret: Field<Secret>,
    }

    impl RequestFields for Unchecked {
        type Value = Secret;

        fn into_value(self) -> Option<Secret> {
            self.secret.valid()
        }
    }

    /// A 422 without errors would not tell anyone what is wrong.
    #[test]
    fn a_field_whose_errors_nobody_collects_is_a_fault_of_the_server() {
        let invalid = parse_fields::<Unchecked>(Map::new()).err().unwrap();
        assert!(matches!(ApiError::invalid_fields("body", invalid), ApiError::Internal(_)));
    }

    #[test]
    fn an_error_does_not_contain_the_value() {
        let invalid = parse(&json!({ "lastFirst": "a-password" })).unwrap_err();
        assert!(!format!("{invalid:?}").contains("a-password"), "{invalid:?}");
    }
}
