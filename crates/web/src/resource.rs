//! Extractors, errors and fields for the operations on a further resource of users. [`OwnedApi`] mounts them.
//!
//! A handler takes a [`Guarded`], with a [`PathOwner`] before what it reads of the request. The
//! OpenAPI document describes its responses with [`OwnerErrors`], [`NotFound`] and [`BodyErrors`].
//!
//! [`OwnedApi`]: crate::OwnedApi

pub use crate::error::ApiError;
pub use crate::extract::field::{
    Boolean, Field, FieldValue, InvalidField, RequestFields, invalid, invalid_text, required_text,
};
pub use crate::extract::guard::{Guarded, PathOwner};
pub use crate::extract::json_body::JsonBody;
pub use crate::extract::parameter::{parse, text};
pub use crate::extract::path_id::PathId;
pub use crate::extract::query::{GivenParameters, ListQuery};
pub use crate::newest_first::{PageParameters, PageQuery};
pub use crate::responses::{BodyErrors, LimitError, NotFound, OwnerErrors, QueryErrors, timestamp};
