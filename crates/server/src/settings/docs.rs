//! The section `[docs]`.

use serde::Deserialize;

use super::value::Switch;

/// The section `[docs]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocsSettings {
    pub(crate) openapi: Switch,
    pub(crate) page: Switch,
}
