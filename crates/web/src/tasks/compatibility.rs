//! Settings that let clients written for another backend work unchanged. All are off by default.

use serde_json::{Map, Value};

/// Differences from the tasks API's own format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Returns a list as `{"tasks", "total", "count"}` instead of an array.
    pub list_envelope: bool,
    /// Adds `is_completed` to every task, and reads it from bodies without `completed`.
    pub is_completed: bool,
    /// Responds to `DELETE` with a 200 and a `message` instead of a 204.
    pub delete_message: bool,
}

impl Compatibility {
    /// Renames the members of a request body to those of the tasks API.
    pub(crate) fn translate(self, body: &mut Map<String, Value>) {
        if self.is_completed
            && !body.contains_key("completed")
            && let Some(completed) = body.remove("is_completed")
        {
            body.insert("completed".into(), completed);
        }
    }
}
