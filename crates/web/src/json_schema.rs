//! The domain's rules as JSON Schema, where the OpenAPI document needs them. It speaks of what a client may send; what
//! is in a store may have been written under other rules.

use taskbridge_domain::tasks::{Description, PageSize, SearchText, Title};
use taskbridge_domain::users::{Email, NewPassword, Password, UserImage, UserName};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, Schema};

const NO_NUL: &str = r"^[^\u0000]*$";

/// No NUL, and a character that is neither blank nor control.
const TITLE: &str = concat!(
    r"^[^\u0000]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
    r"[^\u0000]*$"
);

const EMAIL: &str = r"^([A-Za-z0-9_'+-]+\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}$";

pub(crate) fn title() -> Schema {
    let schema = text(TITLE).min_length(Some(1)).max_length(Some(Title::MAX_CHARS));
    schema.description(Some("Blanks around it are cut off and do not count.")).examples(["Buy milk"]).into()
}

pub(crate) fn description() -> Schema {
    let schema = text(NO_NUL).schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    schema.max_length(Some(Description::MAX_CHARS)).examples(["2 litres"]).into()
}

pub(crate) fn limit() -> Schema {
    let schema = Object::builder().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(PageSize::MAX));
    schema.default(Some(PageSize::default().count().into())).into()
}

pub(crate) fn offset() -> Schema {
    Object::builder().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)).into()
}

pub(crate) fn boolean() -> Schema {
    Object::with_type(Type::Boolean).into()
}

pub(crate) fn choice<const N: usize>(values: [&'static str; N]) -> Schema {
    Object::builder().schema_type(Type::String).enum_values(Some(values)).into()
}

pub(crate) fn search() -> Schema {
    text(NO_NUL).max_length(Some(SearchText::MAX_CHARS)).into()
}

pub(crate) fn cursor() -> Schema {
    text("^[A-Za-z0-9_-]*$").into()
}

pub(crate) fn user_name() -> Schema {
    text(NO_NUL).max_length(Some(UserName::MAX_CHARS)).examples(["Ada"]).into()
}

pub(crate) fn email() -> Schema {
    let schema = text(EMAIL).max_length(Some(Email::MAX_BYTES));
    schema.description(Some("Case does not matter.")).examples(["ada@example.com"]).into()
}

pub(crate) fn image() -> Schema {
    text(NO_NUL).max_length(Some(UserImage::MAX_CHARS)).description(Some("The address of a picture.")).into()
}

pub(crate) fn nullable_image() -> Schema {
    let schema = text(NO_NUL).schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let schema = schema.max_length(Some(UserImage::MAX_CHARS));
    schema.description(Some("The address of a picture; `null` takes it away.")).into()
}

pub(crate) fn password() -> Schema {
    secret(Object::builder().schema_type(Type::String)).max_length(Some(Password::MAX_UNITS)).into()
}

pub(crate) fn new_password() -> Schema {
    let schema = secret(text(NO_NUL)).min_length(Some(NewPassword::MIN_UNITS)).max_length(Some(NewPassword::MAX_BYTES));
    schema.description(Some("At least 8 UTF-16 code units, at most 72 bytes of UTF-8 in the form NFKC.")).into()
}

fn secret(text: ObjectBuilder) -> ObjectBuilder {
    text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
}

fn text(pattern: &str) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).pattern(Some(pattern))
}
