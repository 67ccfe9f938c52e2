//! Parts of the OpenAPI document: parameters, and JSON Schemas that describe the domain's rules for request fields.
//!
//! The schemas of responses do not contain these rules, because a value may be older than a rule and break it.

use taskbridge_domain::tasks::{Description, Title};
use taskbridge_domain::users::{Email, NewPassword, Password, UserImage, UserName};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Required, Schema};

const NO_NUL: &str = r"^[^\u0000]*$";

/// Pattern of a valid title: it has no NUL, and at least one character that is neither white space nor a control
/// character.
const TITLE: &str = concat!(
    r"^[^\u0000]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"[^\u0000]*$"
);

const EMAIL: &str = r"^([A-Za-z0-9_'+-]+\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$";

pub(crate) fn title() -> Schema {
    let schema = text(TITLE).min_length(Some(1)).max_length(Some(Title::MAX_CHARS));
    schema.description(Some("Leading and trailing white space is removed.")).examples(["Buy milk"]).into()
}

pub(crate) fn description() -> Schema {
    nullable(text_without_nul().max_length(Some(Description::MAX_CHARS))).examples(["2 litres"]).into()
}

pub(crate) fn user_name() -> Schema {
    text_without_nul().max_length(Some(UserName::MAX_CHARS)).examples(["Ada"]).into()
}

pub(crate) fn email() -> Schema {
    let schema = text(EMAIL).max_length(Some(Email::MAX_BYTES));
    schema.description(Some("An email address. Case is ignored.")).examples(["ada@example.com"]).into()
}

pub(crate) fn image() -> Schema {
    let schema = text_without_nul().max_length(Some(UserImage::MAX_CHARS));
    schema.description(Some("The URL of a picture.")).into()
}

pub(crate) fn nullable_image() -> Schema {
    let schema = nullable(text_without_nul().max_length(Some(UserImage::MAX_CHARS)));
    schema.description(Some("The URL of a picture; `null` removes it.")).into()
}

pub(crate) fn password() -> Schema {
    secret(Object::builder().schema_type(Type::String)).max_length(Some(Password::MAX_UNITS)).into()
}

pub(crate) fn new_password() -> Schema {
    let schema = secret(text_without_nul());
    let schema = schema.min_length(Some(NewPassword::MIN_UNITS)).max_length(Some(NewPassword::MAX_BYTES));
    schema
        .description(Some("At least 8 UTF-16 code units, and at most 72 bytes in UTF-8 after NFKC normalization."))
        .into()
}

/// Returns the schema of a text without NUL characters, which PostgreSQL cannot store.
pub(crate) fn text_without_nul() -> ObjectBuilder {
    text(NO_NUL)
}

pub(crate) fn boolean() -> ObjectBuilder {
    Object::builder().schema_type(Type::Boolean)
}

/// Returns the schema of one of several words.
pub(crate) fn choice(words: &[&str]) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).enum_values(Some(words.to_vec()))
}

/// Returns the schema of an integer between two bounds, which are valid themselves.
pub(crate) fn integer(minimum: u32, maximum: u32) -> ObjectBuilder {
    Object::builder().schema_type(Type::Integer).minimum(Some(minimum)).maximum(Some(maximum))
}

/// Returns the schema of a text that matches a pattern.
pub(crate) fn text(pattern: &str) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).pattern(Some(pattern))
}

fn nullable(text: ObjectBuilder) -> ObjectBuilder {
    text.schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn secret(text: ObjectBuilder) -> ObjectBuilder {
    text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

/// Returns a required parameter of a path.
pub(crate) fn path_parameter(name: &str, description: &str, schema: impl Into<Schema>) -> Parameter {
    parameter(name, description, schema).parameter_in(ParameterIn::Path).required(Required::True).build()
}

/// Moves the description of the parameter's schema to the parameter.
pub(crate) fn described(mut parameter: Parameter) -> Parameter {
    if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
        parameter.description = schema.description.take();
    }
    parameter
}

fn parameter(name: &str, description: &str, schema: impl Into<Schema>) -> ParameterBuilder {
    ParameterBuilder::new().name(name).description(Some(description)).schema(Some(schema.into()))
}
